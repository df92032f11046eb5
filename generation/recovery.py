"""Jobs that are never lost: taking up what dead workers left, and sending lost wake-ups again."""

from __future__ import annotations

from datetime import timedelta

import structlog
from django.utils import timezone
from django_q.conf import Conf

from adapters.models import AdapterRegistration
from adapters.registration import CHECK
from generation.models import GenerationJob, ModelFetch
from text2song import queue
from text2song.models import WorkerPresence
from text2song.workers import forget_dead_workers, on_worker_start

log = structlog.get_logger(__name__)

LOST_AFTER = timedelta(seconds=30)
"""A job that waits this long beside an idle queue gets another wake-up; one more than needed does no harm."""

RUN_JOB = "generation.tasks.run_job"


def recover_jobs() -> None:
    """Requeue running jobs whose worker died (fail those out of attempts), and wake a worker for waiting ones."""
    for job in GenerationJob.objects.of_dead_workers():
        take_up(job)
    waiting = GenerationJob.objects.pending().filter(queued_at__lt=timezone.now() - LOST_AFTER).first()
    if waiting is not None:
        queue.enqueue(RUN_JOB, waiting.pk, cluster="generation")
    _recheck_adapters()
    alive = WorkerPresence.objects.alive().values("name")
    for fetch in ModelFetch.objects.filter(state=ModelFetch.State.RUNNING).exclude(worker__in=alive):
        fetch.end(ModelFetch.State.FAILED, "The worker stopped while fetching. Fetch again; it goes on where it was.")


def _recheck_adapters() -> None:
    """Wake a worker again for an adapter that still waits for its trial, or whose worker died over it."""
    overdue = AdapterRegistration.objects.checking().filter(created_at__lt=timezone.now() - LOST_AFTER).first()
    if overdue is not None:
        queue.enqueue(CHECK, overdue.pk, cluster="generation")


def take_up(job: GenerationJob) -> None:
    """Put a job its worker left behind back in the queue, or fail it when it has used its attempts."""
    dead = job.worker
    if job.attempts >= job.MAX_ATTEMPTS:
        reason = (
            f"The worker died {job.attempts} times while making this, most likely for lack of memory. "
            "Try fewer or shorter samples, or a smaller model."
        )
        if job.fail(reason, worker=dead):
            log.error("job_out_of_attempts", job_id=str(job.pk), worker=dead)
    elif job.requeue(dead):
        log.warning("job_taken_up", job_id=str(job.pk), dead_worker=dead)
        queue.enqueue(RUN_JOB, job.pk, cluster="generation")


@on_worker_start
def recover_at_start() -> None:
    """A worker that replaces a dead one need not wait for the sweep."""
    forget_dead_workers()
    recover_jobs()


@on_worker_start
def warm_up() -> None:
    """Import what decodes before the first job comes: some ten seconds nobody should wait for after a click."""
    if Conf.CLUSTER_NAME == "generation":
        import generation.engine  # noqa: F401
