"""What a training worker does: take the longest waiting run, train it, put what it made into the registry."""

from __future__ import annotations

from pathlib import Path

import structlog
from django.db import InterfaceError, OperationalError

from adapters.files import local_folder
from datasets_app.models import Dataset
from generation.specs import AdapterSpec
from generation.worker import sentence_for
from text2song.workers import presence
from training.checkpoint_store import fetch_checkpoints
from training.config import Method
from training.exceptions import BaseModelChanged, NothingToTrainOn
from training.items import Items, load_items
from training.journal import write_line
from training.models import LogLine, TrainingRun
from training.promotion import open_for_new
from training.recorder import RunRecorder
from training.recovery import take_up
from training.registering import register_result, withdraw
from training.specs import PreferencePair, ReportCallback, TrainingResult

log = structlog.get_logger(__name__)


def drain(worker: str) -> int:
    """Train waiting runs until there are none; returns how many were taken. Any wake-up empties the queue."""
    release_leftovers(worker)
    done = 0
    while run := claim_next(worker):
        train_run(run, worker)
        done += 1
    return done


def release_leftovers(worker: str) -> None:
    """Runs marked as this worker's that it is not training: the database was gone when they ended."""
    for run in TrainingRun.objects.filter(state=TrainingRun.State.RUNNING, worker=worker):
        take_up(run)


def claim_next(worker: str) -> TrainingRun | None:
    """The longest waiting run, now this worker's."""
    return next((run for run in TrainingRun.objects.pending() if run.claim(worker)), None)


def run_training(run: TrainingRun, on_step: ReportCallback | None = None) -> None:
    """Train a queued run in this process, unless a worker was faster."""
    with presence("command") as name:
        if run.claim(name):
            train_run(run, name, on_step)


def train_run(run: TrainingRun, worker: str, on_step: ReportCallback | None = None) -> None:
    """Train a claimed run to its end: completed, failed with a sentence, or left as it is when it was cancelled.

    A lost database is raised: the run is taken up again once it answers, from its newest checkpoint.
    """
    with structlog.contextvars.bound_contextvars(run_id=str(run.pk), worker=worker):
        recorder = RunRecorder(run, worker, on_step)
        try:
            result = _train(run, recorder)
            recorder.flush()
            if not result.cancelled:
                _finish(run, result, recorder, worker)
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            _fail(run, error, recorder, worker)


def _train(run: TrainingRun, recorder: RunRecorder) -> TrainingResult:
    from training.trainer import train

    if run.base_model.revision != run.base_revision:
        raise BaseModelChanged(run.base_model.display_name)
    config = run.training_config
    recorder.say(f"Reading the dataset “{run.dataset.name}”.")
    recorder.flush()
    items = trainable_items(run.dataset, config.method)
    recorder.say(
        f"Method {config.method} on {run.base_model.display_name}: {len(items.training)} items to train on, "
        f"{len(items.validation)} held out. First, what the model makes of them before training."
    )
    fetch_checkpoints(run)
    return train(
        base=run.base_model.spec(),
        config=config,
        training=items.training,
        validation=items.validation,
        folder=run.folder,
        parent=AdapterSpec(str(local_folder(run.parent)), run.parent.sha256) if run.parent else None,
        on_step=recorder.report,
        should_stop=recorder.should_stop,
    )


def trainable_items(source: Dataset | Path, method: Method) -> Items:
    """As `load_items`; raises `NothingToTrainOn` when `method` finds none to train on."""
    items = load_items(source, method)
    equal = [isinstance(item, PreferencePair) and item.preference == 0.5 for item in items.training]
    if all(equal):
        raise NothingToTrainOn(method)
    return items


def _finish(run: TrainingRun, result: TrainingResult, recorder: RunRecorder, worker: str) -> None:
    """Register the best checkpoint and complete the run; what a run that was cancelled meanwhile made is withdrawn."""
    if result.stopped_early:
        recorder.say("Stopped early: the held-out loss no longer improved.")
    run.refresh_from_db()
    loss = run.metric_points.filter(name="loss").order_by("-step").first()
    final_loss = loss.value if loss else None
    adapter = None
    if run.register:
        recorder.say(f"Registering the checkpoint of step {result.best_step}: does it change what the model computes?")
        recorder.flush()
        adapter = register_result(run, result, final_loss)
    best_value = result.best_value if result.best_value < float("inf") else None
    results = {"best_step": result.best_step, "best_value": best_value, "final_loss": final_loss}
    if run.complete(worker, adapter=adapter, **results):
        made = f"The adapter {adapter.label} is registered." if adapter else "The run is complete."
        write_line(run, made, LogLine.Level.SUCCESS)
        log.info("run_completed", seconds=run.seconds)
        if adapter is not None and run.blind_test and (told := open_for_new(adapter)):
            write_line(run, told)
    elif adapter is not None:
        withdraw(adapter)


def _fail(run: TrainingRun, error: Exception, recorder: RunRecorder, worker: str) -> None:
    """End a run with a sentence for its owner; the log has the rest. Its checkpoints stay."""
    log.error("run_failed", exc_info=error)
    reason = failure_sentence(error)
    recorder.say(reason, LogLine.Level.ERROR)
    recorder.flush()
    run.fail(reason, worker=worker)


def failure_sentence(error: Exception) -> str:
    """What to tell the owner of a run that ended with `error`: never a stack trace."""
    from training.trainer import TrainingError

    return str(error) if isinstance(error, TrainingError) else sentence_for(error, doing="training")
