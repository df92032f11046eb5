"""A run's log: sentences for people, numbered from 1."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone

from training.models import LogLine, TrainingRun

MOST_LINES = 1000
TRIES = 5
Entry: TypeAlias = tuple[datetime, str, str]
"""When, how grave (a `LogLine.Level`), what."""


def write_line(run: TrainingRun, text: str, level: str = LogLine.Level.INFO) -> None:
    """Add one sentence to the run's log."""
    write_lines(run, [(timezone.now(), level, text)])


def write_lines(run: TrainingRun, entries: Sequence[Entry]) -> None:
    """Add sentences to the run's log, in order. Who writes at the same moment comes before or after, not between."""
    for attempt in range(TRIES if entries else 0):
        last = run.log_lines.aggregate(last=Max("number"))["last"] or 0
        lines = [
            LogLine(run=run, number=number, at=at, level=level, text=text)
            for number, (at, level, text) in enumerate(entries, start=last + 1)
        ]
        try:
            with transaction.atomic():
                LogLine.objects.bulk_create(lines)
            return
        except IntegrityError:
            if attempt == TRIES - 1:
                raise


def log_lines(*, run: TrainingRun, after: int = 0, most: int = MOST_LINES) -> list[LogLine]:
    """The next lines after number `after`, at most `most`; ask again from the last one's number for more."""
    return list(run.log_lines.after(after)[:most])
