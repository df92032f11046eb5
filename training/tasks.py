"""What the queue runs. Each takes a primary key, and does all that waits."""

from __future__ import annotations

import os

from django.conf import settings

from text2song.work import task_for
from text2song.workers import on_worker_start, worker_name
from training.models import Promotion, TasteFit, TrainingRun
from training.promotion.services import decide_waiting
from training.rounds.progress import sweep
from training.runs import worker
from training.tastes.refitting import refit_due


@task_for(TrainingRun)
def run_training(run_id: str) -> None:
    """Train all runs that wait, one after the other."""
    worker.drain(worker_name())
    sweep()


@task_for(Promotion)
def decide_promotions(promotion_id: str) -> None:
    """Decide all promotions whose tests are over."""
    decide_waiting(worker_name())
    sweep()


@task_for(TasteFit)
def fit_tastes(fit_id: str) -> None:
    """Fit all tastes that wait; done by generation workers, whose models hear the clips."""
    from generation.tasks import engines
    from training.tastes.fitting import fit_waiting

    fit_waiting(engines(), worker_name())
    sweep()


def sweep_rounds() -> None:
    """Scheduled every minute: let rounds go on whose clips or datasets are done, or whose worker died."""
    sweep()


def refit_tastes() -> None:
    """Scheduled every five minutes: fit anew the tastes on which enough votes have come in."""
    refit_due()


@on_worker_start
def share_processor_at_start(cluster: str) -> None:
    """Before torch is imported, which is when it looks."""
    if cluster == "training":
        share_processor()


def share_processor() -> None:
    """Keep training from taking the processor cores that generation needs, unless the environment says how many."""
    os.environ.setdefault("OMP_NUM_THREADS", str(settings.TRAINING_CPU_THREADS))
