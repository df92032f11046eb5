"""Runs that are never lost: taking up what dead workers left, and sending lost wake-ups again."""

from __future__ import annotations

import os
from datetime import timedelta

import structlog
from django.conf import settings
from django.utils import timezone
from django_q.conf import Conf

from text2song import queue
from text2song.workers import forget_dead_workers, on_worker_start
from training.journal import write_line
from training.models import LogLine, TrainingRun

log = structlog.get_logger(__name__)

LOST_AFTER = timedelta(seconds=30)
"""A run that waits this long gets another wake-up; one more than needed does no harm."""

RUN = "training.tasks.run_training"
OUT_OF_ATTEMPTS = (
    "The worker died {attempts} times during this run, most likely for lack of memory. Halve the setting “Batch size” "
    "and double “Accumulation”; if that is not enough, lower “Longest clip”. Then start a new run."
)


def recover_runs() -> None:
    """Requeue running runs whose worker died (fail those out of attempts), and wake a worker for waiting ones."""
    for run in TrainingRun.objects.of_dead_workers():
        take_up(run)
    waiting = TrainingRun.objects.pending().filter(queued_at__lt=timezone.now() - LOST_AFTER).first()
    if waiting is not None:
        queue.enqueue(RUN, waiting.pk, cluster="training")


def take_up(run: TrainingRun) -> None:
    """Put a run its worker left behind back in the queue, or fail it when it has used its attempts."""
    dead = run.worker
    if run.attempts >= run.MAX_ATTEMPTS:
        reason = OUT_OF_ATTEMPTS.format(attempts=run.attempts)
        if run.fail(reason, worker=dead):
            log.error("run_out_of_attempts", run_id=str(run.pk), worker=dead)
            write_line(run, reason, LogLine.Level.ERROR)
    elif run.requeue(dead):
        log.warning("run_taken_up", run_id=str(run.pk), dead_worker=dead)
        write_line(run, "The worker stopped; the run waits to go on from its newest checkpoint.", LogLine.Level.WARNING)
        queue.enqueue(RUN, run.pk, cluster="training")


@on_worker_start
def recover_at_start() -> None:
    """A worker that replaces a dead one need not wait for the sweep."""
    forget_dead_workers()
    recover_runs()


@on_worker_start
def share_processor_at_start() -> None:
    """Before torch is imported, which is when it looks."""
    if Conf.CLUSTER_NAME == "training":
        share_processor()


def share_processor() -> None:
    """Keep training from taking the processor cores that generation needs, unless the environment says how many."""
    os.environ.setdefault("OMP_NUM_THREADS", str(settings.TRAINING_CPU_THREADS))
