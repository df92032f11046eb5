"""What the queue runs. Each takes a primary key; the row decides what there is to do."""

from __future__ import annotations

import time

import structlog
from django.db import InterfaceError, OperationalError, connection

from text2song.workers import worker_name
from training import worker
from training.promotion import decide_all, wake_for_decisions
from training.recovery import recover_runs

log = structlog.get_logger(__name__)

DATABASE_PAUSES = (1, 2, 5, 10, 20, 30, 60, 60, 60)
"""Seconds between tries while the database is away."""


def run_training(run_id: str) -> None:
    """Woken for one run, train all that wait, one after the other.

    While the database is away the worker waits for it, then takes up what it was doing.
    """
    for pause in DATABASE_PAUSES:
        try:
            worker.drain(worker_name())
            return
        except (OperationalError, InterfaceError):
            log.warning("database_away", retry_in=pause, exc_info=True)
            connection.close()
            time.sleep(pause)
    worker.drain(worker_name())


def decide_promotion(promotion_id: str) -> None:
    """Woken for one promotion, decide all whose tests are over."""
    decide_all()


def sweep() -> None:
    """Scheduled every minute: take up what dead workers left, send lost wake-ups again, have ended tests decided."""
    recover_runs()
    wake_for_decisions()
