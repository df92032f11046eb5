"""What a training worker does: take the longest waiting run, train it, put what it made into the registry."""

from __future__ import annotations

import contextlib
from pathlib import Path

import structlog
from django.db import Error

from adapters.models import Adapter
from datasets_app.models import Dataset
from generation.jobs.worker import adapter_spec, sentence_for
from text2song.work import patiently, raise_if_stopping
from text2song.workers import presence
from training.config import Method
from training.exceptions import BaseModelChanged, NothingLearned, NothingToTrainOn
from training.models import LogLine, TrainingRun
from training.promotion.services import open_for_new
from training.runs.checkpoint_store import fetch_checkpoints
from training.runs.items import Items, load_items
from training.runs.journal import write_line
from training.runs.recorder import RunRecorder
from training.runs.registering import complete_with_adapter
from training.runs.strength import keep_what_holds
from training.specs import PreferencePair, ReportCallback, TrainingResult

log = structlog.get_logger(__name__)

UNUSABLE = (
    "So it was not registered. If it changes too little, raise the setting “Learning rate” or “Epochs”; if its numbers "
    "are not finite, lower “Learning rate”. Then start a new run."
)


def drain(worker: str) -> int:
    """Train waiting runs until there are none; returns how many were taken. Any wake-up empties the queue."""
    done = 0
    while run := TrainingRun.objects.claim_next(worker):
        train_run(run)
        done += 1
    return done


def run_training(run: TrainingRun, on_step: ReportCallback | None = None) -> None:
    """Train a queued run in this process, unless a worker was faster."""
    with presence("command") as name:
        if run.claim(name):
            train_run(run, on_step)


def train_run(run: TrainingRun, on_step: ReportCallback | None = None) -> None:
    """Train a claimed run to its end: completed, failed with a sentence, or left as it is when it was cancelled.

    A lost database is raised: the run is taken up again once it answers, from its newest checkpoint.
    """
    with structlog.contextvars.bound_contextvars(run_id=str(run.pk)):
        recorder = RunRecorder(run, on_step)
        try:
            run.perform(lambda run: _train_and_finish(run, recorder), lambda error: _explain(error, recorder))
        except KeyboardInterrupt:
            with contextlib.suppress(Error):
                recorder.flush()  # whoever interrupts a command cancels its run: the steps it made are not lost
            raise


def _train_and_finish(run: TrainingRun, recorder: RunRecorder) -> None:
    result = _train(run, recorder)
    patiently(recorder.flush)
    raise_if_stopping()
    if not result.cancelled:
        _finish(run, result, recorder)


def _train(run: TrainingRun, recorder: RunRecorder) -> TrainingResult:
    from training.trainer.loop import train

    if run.base_model.revision != run.base_revision:
        raise BaseModelChanged(run.base_model.display_name)
    config = run.training_config
    recorder.say_now(f"Reading the dataset “{run.dataset.name}”.")
    items = trainable_items(run.dataset, config.method)
    recorder.say(
        f"Method {config.method} on {run.base_model.display_name}: {len(items.training)} items to train on, "
        f"{len(items.validation)} held out. First, what the model makes of them before training."
    )
    fetch_checkpoints(run)
    parent = adapter_spec(run.parent) if run.parent else None
    result = train(
        base=run.base_model.spec(),
        config=config,
        training=items.training,
        validation=items.validation,
        folder=run.folder,
        parent=parent,
        on_step=recorder.report,
        should_stop=recorder.should_stop,
    )
    if result.drifted:
        recorder.say("Ended: it has moved as far from where it began as “Most drift” allows.")
    elif result.stopped_early:
        recorder.say("Stopped early: the held-out loss no longer improved.")
    recorder.keep_checkpoints()
    return keep_what_holds(
        result,
        source=run.dataset,
        items=items.training,
        config=config,
        base_model=run.base_model,
        parent=parent,
        say=recorder.say_now,
        at=recorder.at,
        should_stop=recorder.should_stop,
    )


def trainable_items(source: Dataset | Path, method: Method) -> Items:
    """As `load_items`; raises `NothingToTrainOn` when `method` finds none to train on."""
    items = load_items(source, method)
    equal = [isinstance(item, PreferencePair) and item.preference == 0.5 for item in items.training]
    if all(equal):
        raise NothingToTrainOn(method)
    return items


def _finish(run: TrainingRun, result: TrainingResult, recorder: RunRecorder) -> None:
    """Complete the run, and list the adapter it made in the same transaction: both, or neither."""
    if not result.folder:
        raise NothingLearned(result.untrained_value)
    run.refresh_from_db()
    loss = run.metric_points.filter(name="loss").order_by("-step").first()
    results = {
        "best_step": result.best_step,
        "best_value": result.best_value if result.best_value < float("inf") else None,
        "final_loss": loss.value if loss else None,
        "kept_share": result.kept_share,
    }
    if not run.register:
        if patiently(lambda: run.complete(**results)):
            _tell_completed(run, None)
        return
    recorder.say_now(f"Registering the checkpoint of step {result.best_step}: does it change what the model computes?")
    _tell_completed(run, complete_with_adapter(run, result, **results))


def _tell_completed(run: TrainingRun, adapter: Adapter | None) -> None:
    made = f"The adapter {adapter.label} is registered." if adapter else "The run is complete."
    patiently(lambda: write_line(run, made, LogLine.Level.SUCCESS))
    log.info("run_completed", seconds=run.seconds)
    if adapter is not None and run.blind_test and (told := patiently(lambda: open_for_new(adapter))):
        write_line(run, told)


def _explain(error: Exception, recorder: RunRecorder) -> str:
    """The sentence for a run's owner, in its log too. Its checkpoints stay."""
    reason = failure_sentence(error)
    recorder.say(reason, LogLine.Level.ERROR)
    patiently(recorder.flush)
    return reason


def failure_sentence(error: Exception) -> str:
    """What to tell the owner of a run that ended with `error`: never a stack trace."""
    from generation.engine.exceptions import AdapterError
    from training.trainer.exceptions import TrainingError

    if isinstance(error, AdapterError):
        return f"{error} {UNUSABLE}"
    return str(error) if isinstance(error, TrainingError) else sentence_for(error, doing="training")
