"""What the queue runs. Each takes a primary key; the row decides what there is to do."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING
from uuid import UUID

import structlog

from adapters.models import AdapterRegistration
from generation import services
from generation.jobs import worker
from generation.jobs.hearing import hear_leftovers
from generation.models import GenerationJob, ModelFetch
from text2song.queue import enqueue
from text2song.work import task_for
from text2song.workers import on_worker_start, worker_name

if TYPE_CHECKING:
    from generation.engine import EngineCache

log = structlog.get_logger(__name__)


@cache
def engines() -> EngineCache:
    """The engines of this worker process. torch is imported here, in the worker, never where tasks are sent."""
    from generation.engine import EngineCache

    return EngineCache()


@task_for(GenerationJob)
def run_job(job_id: str) -> None:
    """Woken for one job, run all that wait: this one may have been taken along by another batch."""
    worker.drain(engines(), worker_name())


@task_for(AdapterRegistration)
def check_adapter(registration_id: str) -> None:
    """Try all adapters that wait for it on their bases."""
    from generation.jobs.adapter_check import check_waiting

    check_waiting(engines(), worker_name())


@task_for(ModelFetch)
def fetch_model(fetch_id: str) -> None:
    """Fetch the files of hub models that wait for it."""
    from generation.base_models.fetching import fetch_waiting

    fetch_waiting(worker_name())


def forget_set_aside() -> None:
    """Scheduled every day: delete what tastes have set aside and nobody needed since."""
    if forgotten := services.forget_set_aside():
        log.info("set_aside_forgotten", samples=forgotten)


def purge_deletions() -> None:
    """Scheduled every minute: what was deleted and not undone is gone for good."""
    if purged := services.purge_deletions():
        log.info("deletions_purged", deletions=purged)


def hear_clips(encoder_id: str) -> None:
    """Hear the clips that an encoder has not heard, while no job waits; what is too much for once is sent on."""
    if hear_leftovers(engines()):
        enqueue("generation.tasks.hear_clips", UUID(encoder_id), cluster="generation")


@on_worker_start
def warm_up(cluster: str) -> None:
    """Import what decodes before the first job comes: some ten seconds nobody should wait for after a click."""
    if cluster == "generation":
        import generation.engine  # noqa: F401
