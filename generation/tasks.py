"""What the queue runs. Each takes a primary key; the row decides what there is to do."""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING

import structlog
from django.db import InterfaceError, OperationalError, connection

from generation import worker
from generation.recovery import recover_jobs
from text2song.workers import forget_dead_workers, worker_name

if TYPE_CHECKING:
    from generation.engine import EngineCache

log = structlog.get_logger(__name__)

DATABASE_PAUSES = (1, 2, 5, 10, 20, 30, 60, 60, 60)
"""Seconds between tries while the database is away."""


@cache
def engines() -> EngineCache:
    """The engines of this worker process. torch is imported here, in the worker, never where tasks are sent."""
    from generation.engine import EngineCache

    return EngineCache()


def run_job(job_id: str) -> None:
    """Woken for one job, run all that wait: this one may have been taken along by another batch.

    While the database is away the worker waits for it, then takes up what it was doing.
    """
    for pause in DATABASE_PAUSES:
        try:
            worker.drain(engines(), worker_name())
            return
        except (OperationalError, InterfaceError):
            log.warning("database_away", retry_in=pause, exc_info=True)
            connection.close()
            time.sleep(pause)
    worker.drain(engines(), worker_name())


def check_adapter(registration_id: str) -> None:
    """Try all adapters that wait for it on their bases."""
    from generation.adapter_trial import try_waiting

    try_waiting(engines())


def sweep() -> None:
    """Scheduled every minute: forget dead workers, take up their jobs, send lost wake-ups again."""
    forget_dead_workers()
    recover_jobs()


def fetch_model(fetch_id: str) -> None:
    """Fetch a hub model's files."""
    from generation.fetching import run_fetch

    run_fetch(fetch_id, worker=worker_name())
