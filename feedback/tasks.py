"""What the queue runs for listening tests."""

from __future__ import annotations

from feedback.listening_tests.pairs import collect_all
from feedback.listening_tests.reliability import refresh_outdated


def sweep() -> None:
    """Scheduled every minute: pair clips that were finished meanwhile, weigh raters anew where votes came in."""
    collect_all()
    refresh_outdated()
