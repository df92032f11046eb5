"""What a run reports while it trains: metrics, log and progress into the database, checkpoints onto the storage."""

from __future__ import annotations

import math
import time

import structlog
from django.db import Error, connection, transaction
from django.utils import timezone

from text2song.work import ClaimLost
from text2song.workers import is_stopping, tick
from training.models import LogLine, MetricPoint, TrainingRun
from training.runs.checkpoint_store import local_checkpoints, store_checkpoints
from training.runs.journal import Entry, write_lines
from training.specs import ReportCallback, StepReport

log = structlog.get_logger(__name__)

WRITE_SECONDS = 0.5
"""How often the database is written to, and asked whether the run was cancelled."""
SPOKEN_STEPS = 20
"""About how many steps of a run get a line in the log, besides the evaluations."""
BATCH_ROWS = 500


class RunRecorder:
    """Gathers what the trainer reports and writes it at most twice a second.

    A database that does not answer for a moment is no reason to stop training: what was not written is kept.
    """

    def __init__(self, run: TrainingRun, on_step: ReportCallback | None = None) -> None:
        self.run = run
        self._on_step = on_step
        self._points: list[MetricPoint] = []
        self._lines: list[Entry] = []
        self._row = {"step": run.step, "total_steps": run.total_steps, "is_trained": False}
        self._line = "Preparing …"
        self._began = time.monotonic()
        self._seconds_before = run.seconds
        self._first_step: int | None = None
        self._written_at = 0.0
        self._stopped = False
        self._checkpoints = local_checkpoints(run.folder)
        self._unstored = False

    # -- for the trainer -----------------------------------------------------------------------------------------------

    def report(self, report: StepReport) -> None:
        """Take in what is known after a step."""
        if self._first_step is None:
            self._first_step = report.step
            self._say_start(report)
        now = timezone.now()
        self._points += [
            MetricPoint(run=self.run, name=name, step=report.step, value=value, recorded_at=now)
            for name, value in report.metrics.items()
            if math.isfinite(value)
        ]
        self._row |= {"step": report.step, "total_steps": report.total}
        self._line = self._progress_line(report)
        self._say(report)
        self.keep_checkpoints()
        if self._on_step is not None:
            self._on_step(report)
        self._write_if_due()

    def should_stop(self) -> bool:
        """Whether the run was cancelled or given to another worker, or this process is asked to end."""
        tick()
        self._write_if_due()
        return self._stopped or is_stopping()

    # -- for the worker ------------------------------------------------------------------------------------------------

    def say(self, text: str, level: str = LogLine.Level.INFO) -> None:
        """Put a sentence into the log."""
        self._lines.append((timezone.now(), level, text))
        log.debug("training", run_id=str(self.run.pk), said=text)

    def say_now(self, text: str) -> None:
        """A sentence before something that takes a while, written at once."""
        self.say(text)
        self.flush()

    def at(self, line: str) -> None:
        """How far it is once all steps are made, as the terminal shows it in place."""
        self._line = line
        self._row["is_trained"] = True
        self._write_if_due()

    def keep_checkpoints(self) -> None:
        """Bring new checkpoints to the storage. A store that fails costs no training: the next time brings them too."""
        here = local_checkpoints(self.run.folder)
        if here == self._checkpoints:
            return
        try:
            self.flush()  # first: a run that goes on from the checkpoint lacks no measurement before it
            for name in store_checkpoints(self.run):
                self.say(f"Checkpoint of step {int(name.rpartition('-')[2])} stored.")
            self._checkpoints, self._unstored = here, False
        except ClaimLost:
            self._stopped = True
        except Exception:
            log.warning("checkpoint_not_stored", run_id=str(self.run.pk), exc_info=True)
            if not self._unstored:  # it is tried again after every step
                self.say("A checkpoint could not be stored; it is kept on this worker alone.", LogLine.Level.WARNING)
            self._unstored = True

    def flush(self) -> None:
        """Write everything now, unless the run is another worker's. Raises `django.db.Error`.

        Of a run that was cancelled too, even when it waits to go on by now: it may be resumed from the checkpoint this
        machine stopped with.
        """
        points, lines = self._points, self._lines
        seconds = self._seconds_before + time.monotonic() - self._began
        with transaction.atomic():
            ours = self.run.report(seconds=seconds, progress_line=self._line[:200], **self._row)
            if ours or self.run.is_nobody_elses():
                _store(points)
                write_lines(self.run, lines)
        self._points, self._lines = [], []
        self._stopped = self._stopped or not ours

    def _write_if_due(self) -> None:
        if time.monotonic() - self._written_at < WRITE_SECONDS:
            return
        try:
            self.flush()
        except Error:
            log.warning("database_lost_while_training", exc_info=True)
            connection.close()
        self._written_at = time.monotonic()

    # -- sentences -----------------------------------------------------------------------------------------------------

    def _say_start(self, report: StepReport) -> None:
        if report.step > 1:
            self.say(f"Going on after step {report.step - 1} of {report.total}.")
        else:
            self.say(f"Training for {report.total} steps.")

    def _say(self, report: StepReport) -> None:
        held_out = report.metrics.get("eval_loss")
        if held_out is not None:
            self.say(f"Step {report.step} of {report.total}: held-out loss {held_out:.4f}{_accuracy(report)}.")
        elif report.step % max(1, report.total // SPOKEN_STEPS) == 0 and "loss" in report.metrics:
            self.say(f"Step {report.step} of {report.total}: loss {report.metrics['loss']:.4f}.")

    def _progress_line(self, report: StepReport) -> str:
        """As in “Step 12 of 300   4 %   loss 0.6911   rate 1.0e-04   1.3 s a step   6:14 left”."""
        parts = [f"Step {report.step} of {report.total}", f"{100 * report.step // max(1, report.total)} %"]
        if "loss" in report.metrics:
            parts += [f"loss {report.metrics['loss']:.4f}", f"rate {report.metrics['learning_rate']:.1e}"]
        made = report.step - (self._first_step or 0)
        if made:
            each = (time.monotonic() - self._began) / made
            parts += [f"{each:.1f} s a step", f"{in_clock((report.total - report.step) * each)} left"]
        return "   ".join(parts)


def in_clock(seconds: float) -> str:
    """As in “6:14” or “1:06:14”."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _accuracy(report: StepReport) -> str:
    accuracy = report.metrics.get("eval_rewards/accuracies")
    return "" if accuracy is None else f", {100 * accuracy:.0f} % of held-out votes agreed with"


def _store(points: list[MetricPoint]) -> None:
    """A step that is made again after a resume replaces what it reported before."""
    MetricPoint.objects.bulk_create(
        points,
        batch_size=BATCH_ROWS,
        update_conflicts=True,
        unique_fields=["run", "name", "step"],
        update_fields=["value", "recorded_at"],
    )
