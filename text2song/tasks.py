"""What the queue runs for the studio as a whole."""

from __future__ import annotations

import structlog

from text2song import pruning

log = structlog.get_logger(__name__)


def prune() -> None:
    """Scheduled every day: remove stored files that no row names."""
    removed = pruning.prune()
    if removed:
        log.info("pruned", files=len(removed), bytes=sum(orphan.size for orphan in removed))
