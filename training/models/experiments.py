"""Experiments, their runs, and what runs report. The run's row is the truth; a queue message is only a wake-up."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from django.conf import settings
from django.core.validators import MinLengthValidator, RegexValidator
from django.db import models, transaction
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext, gettext_lazy

from adapters.models import Adapter
from datasets_app.models import Dataset
from generation.models import BaseModel
from text2song.models import UUIDModel
from text2song.queue import Cluster
from text2song.work import Work
from training import querysets
from training.config import TrainingConfig
from training.exceptions import RunIsFinished, RunNotResumable
from training.runs import yardstick
from training.runs.yardstick import Yardstick

NAME_LENGTH = 200
NAME_MESSAGE = format_lazy(gettext_lazy("Give it a name of 1 to {name_length} characters."), name_length=NAME_LENGTH)
NO_NUL = RegexValidator("\x00", inverse_match=True, message=gettext_lazy("Leave out the character NUL."))


class Experiment(UUIDModel):
    """What is tried: a dataset, a base model and a configuration, in any number of runs.

    `state` and `error` follow the runs, and `best_run` is the completed one with the lowest held-out loss, of those
    with the experiment's own loss, settings of it and data; where there are none, of those like the first. Both are
    kept by `follow_runs`, which every change of a run calls in its own transaction.
    """

    class State(models.TextChoices):
        DRAFT = "draft", gettext_lazy("Draft")
        RUNNING = "running", gettext_lazy("Running")
        COMPLETED = "completed", gettext_lazy("Completed")
        FAILED = "failed", gettext_lazy("Failed")

    name = models.CharField(
        max_length=NAME_LENGTH,
        validators=[MinLengthValidator(1, NAME_MESSAGE), NO_NUL],
        error_messages={"blank": NAME_MESSAGE},
    )
    description = models.TextField(blank=True, max_length=5000, validators=[NO_NUL])
    dataset = models.ForeignKey(Dataset, null=True, blank=True, on_delete=models.PROTECT, related_name="experiments")
    base_model = models.ForeignKey(BaseModel, on_delete=models.PROTECT, related_name="experiments")
    config = models.JSONField(default=dict, blank=True, help_text=gettext_lazy("Every setting of TrainingConfig."))
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    updated_at = models.DateTimeField(default=timezone.now, editable=False)
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT, db_index=True, editable=False)
    error = models.TextField(blank=True, editable=False, help_text=gettext_lazy("Of the last run, when all failed."))
    last_run_number = models.PositiveIntegerField(default=0, editable=False)
    best_run = models.ForeignKey(
        "TrainingRun", null=True, blank=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )

    objects = querysets.ExperimentQuerySet.as_manager()

    run_count: int
    """Added by `with_context`."""

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = [
            models.CheckConstraint(condition=~models.Q(name=""), name="experiment_has_a_name"),
            models.CheckConstraint(
                condition=models.Q(state__in=("draft", "running", "completed", "failed")), name="experiment_state"
            ),
            models.CheckConstraint(
                condition=models.Q(state="failed") | models.Q(error=""), name="experiment_error_only_when_failed"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_archived(self) -> bool:
        return self.archived_at is not None

    @property
    def training_config(self) -> TrainingConfig:
        return TrainingConfig.from_mapping(self.config)

    def follow_runs(self) -> None:
        """Take the state the runs imply, the last error when all failed, and the best completed run.

        Draft without runs, running while one is unfinished, failed when all failed, else completed.
        """
        runs = list(self.runs.select_related("experiment__base_model").order_by("finished_at", "number"))
        states = {run.state for run in runs}
        failed = states == {TrainingRun.State.FAILED}
        if not runs:
            state = self.State.DRAFT
        elif states & set(TrainingRun.UNFINISHED):
            state = self.State.RUNNING
        else:
            state = self.State.FAILED if failed else self.State.COMPLETED
        best = self._best(run for run in runs if run.state == TrainingRun.State.COMPLETED)
        error = runs[-1].error if failed else ""
        Experiment.objects.filter(pk=self.pk).update(state=state, error=error, best_run=best)
        self.state, self.error, self.best_run = state, error, best

    def _best(self, completed: Iterable[TrainingRun]) -> TrainingRun | None:
        """The best of the runs that are measured as the experiment is; of none, of those measured as the first is."""
        runs = sorted(completed, key=lambda run: run.number)
        alike = [run for run in runs if run.is_measured_as_its_experiment] or [
            run for run in runs if not yardstick.of_run(run).differs_from(yardstick.of_run(runs[0]))
        ]
        return min(alike, key=lambda run: (run.best_value is None, run.result or 0.0, run.number), default=None)


class TrainingRun(Work, UUIDModel):
    """One training of one adapter, with the dataset, base model and configuration as they were when it was started.

    Work of a training worker. Resuming takes failed and cancelled ones back to queued.
    """

    class State(models.TextChoices):
        QUEUED = "queued", gettext_lazy("Queued")
        RUNNING = "running", gettext_lazy("Running")
        COMPLETED = "completed", gettext_lazy("Completed")
        FAILED = "failed", gettext_lazy("Failed")
        CANCELLED = "cancelled", gettext_lazy("Cancelled")

    RESUMABLE: ClassVar[tuple[str, ...]] = (State.FAILED, State.CANCELLED)
    CLUSTER: ClassVar[Cluster] = "training"
    GAVE_UP: ClassVar[str] = gettext_lazy(
        "The worker died {attempts} times during this run without getting any further, most "
        "likely for lack of memory. {remedy} Then start a new run."
    )

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="runs")
    number = models.PositiveIntegerField(
        editable=False, help_text=gettext_lazy("Counts the experiment's runs; never given twice.")
    )
    name = models.CharField(max_length=NAME_LENGTH, validators=[NO_NUL])
    overrides = models.JSONField(
        default=dict, blank=True, help_text=gettext_lazy("Settings that differ from the experiment's.")
    )
    config = models.JSONField(default=dict, help_text=gettext_lazy("Every setting the run uses."))
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="runs")
    base_model = models.ForeignKey(BaseModel, on_delete=models.PROTECT, related_name="runs")
    base_revision = models.CharField(
        max_length=64, blank=True, help_text=gettext_lazy("The base model's files it trains on.")
    )
    parent = models.ForeignKey(
        Adapter,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text=gettext_lazy("It goes on from this."),
    )
    register = models.BooleanField(default=True, help_text=gettext_lazy("Put the best checkpoint into the registry."))
    blind_test = models.BooleanField(
        default=True,
        help_text=gettext_lazy("Test the adapter blind against what it goes on from, to be promoted if it is better."),
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED, db_index=True)
    step = models.PositiveIntegerField(default=0)
    total_steps = models.PositiveIntegerField(default=0)
    seconds = models.FloatField(default=0.0, help_text=gettext_lazy("Spent training, all attempts together."))
    progress_line = models.CharField(
        max_length=200, blank=True, help_text=gettext_lazy("What the terminal shows in place under the log.")
    )
    checkpoints = models.JSONField(
        default=dict,
        blank=True,
        editable=False,
        help_text=gettext_lazy("Prefix on the default storage by name of the checkpoint."),
    )

    best_step = models.PositiveIntegerField(null=True, blank=True)
    best_value = models.FloatField(
        null=True, blank=True, help_text=gettext_lazy("Lowest held-out loss; empty if none is.")
    )
    final_loss = models.FloatField(null=True, blank=True, help_text=gettext_lazy("Training loss of the last step."))
    is_trained = models.BooleanField(
        default=False,
        editable=False,
        help_text=gettext_lazy("Its steps are made; what follows is how much of it is kept."),
    )
    kept_share = models.FloatField(
        default=1.0, help_text=gettext_lazy("Of what it learned, the share that is in its adapter.")
    )
    adapter = models.OneToOneField(
        Adapter,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="run",
        help_text=gettext_lazy("What it made."),
    )

    objects = querysets.TrainingRunQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-number")
        indexes = [models.Index(fields=["state", "queued_at"], name="run_queue")]
        constraints = [
            models.UniqueConstraint(fields=["experiment", "number"], name="run_number_once_per_experiment"),
            models.UniqueConstraint(fields=["experiment", "name"], name="run_name_once_per_experiment"),
            models.CheckConstraint(condition=~models.Q(name=""), name="run_has_a_name"),
            models.CheckConstraint(
                condition=models.Q(state__in=("queued", "running", "completed", "failed", "cancelled")),
                name="run_state",
            ),
            models.CheckConstraint(condition=models.Q(step__lte=models.F("total_steps")), name="run_step_within_total"),
            models.CheckConstraint(
                condition=models.Q(state__in=("queued", "running"), finished_at__isnull=True)
                | models.Q(state__in=("completed", "failed", "cancelled"), finished_at__isnull=False),
                name="run_finished_has_a_time",
            ),
            models.CheckConstraint(
                condition=models.Q(state="failed") ^ models.Q(error=""), name="run_error_when_failed"
            ),
            models.CheckConstraint(
                condition=models.Q(adapter__isnull=True) | models.Q(state="completed"),
                name="run_adapter_when_completed",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="completed") | models.Q(step__gte=1), name="run_completed_has_steps"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def training_config(self) -> TrainingConfig:
        return TrainingConfig.from_mapping(self.config)

    @property
    def method(self) -> str:
        return str(self.config.get("method", ""))

    @property
    def is_resumable(self) -> bool:
        return self.state in self.RESUMABLE

    @property
    def is_best(self) -> bool:
        return self.experiment.best_run_id == self.pk

    @property
    def is_measured_as_its_experiment(self) -> bool:
        """Whether its losses can be compared with those of runs that differ in nothing from the experiment."""
        lead = self.experiment
        base_model = f"{lead.base_model_id} {lead.base_model.revision}"
        return not yardstick.of_run(self).differs_from(Yardstick.of(lead.config, lead.dataset_id, base_model))

    @property
    def result(self) -> float | None:
        """What runs are told apart by: the lowest held-out loss, or the last training loss without held-out rows."""
        return self.final_loss if self.best_value is None else self.best_value

    @property
    def result_name(self) -> str:
        return "Loss" if self.best_value is None else gettext("Held-out loss")

    def gave_up(self) -> str:
        return self.GAVE_UP.format(attempts=self.MAX_ATTEMPTS, remedy=self.training_config.memory_remedy)

    @property
    def progress(self) -> float:
        """Share of the steps done, 0 to 1; an early stop counts as the end."""
        if self.state == self.State.COMPLETED:
            return 1.0
        return self.step / self.total_steps if self.total_steps else 0.0

    @property
    def kept_percent(self) -> int:
        return round(100 * self.kept_share)

    @property
    def percent(self) -> int:
        return int(100 * self.progress)

    @property
    def seconds_left(self) -> float | None:
        """Estimated seconds until the end, from the speed so far; None before the first steps and after the last."""
        if self.state != self.State.RUNNING or not self.step or self.is_trained:
            return None
        return self.seconds / self.step * (self.total_steps - self.step)

    @property
    def folder(self) -> Path:
        """Where this machine keeps the run's checkpoints while it trains."""
        return settings.RUNS_DIR / str(self.pk)

    @property
    def files(self) -> str:
        """Prefix of its checkpoints on the default storage."""
        return f"runs/{self.pk}"

    @classmethod
    def named_among(cls, names: Iterable[str]) -> set[str]:
        """Those of `names`, files on the storage, that belong to a checkpoint of a run."""
        parts = {name: name.split("/") for name in names if name.startswith("runs/")}
        ids = {part[1] for part in parts.values() if _is_id(part[1])}
        rows = cls.objects.filter(pk__in=ids).values_list("checkpoints", flat=True)
        prefixes = {prefix for checkpoints in rows for prefix in checkpoints.values()}
        return {name for name in parts if name.rpartition("/")[0] in prefixes}

    @property
    def adapter_name(self) -> str:
        """`<experiment>-<run>`, cut to the longest name an adapter can have."""
        most = Adapter._meta.get_field("name").max_length
        return f"{self.experiment.name}-{self.name}"[:most].strip()

    # -- transitions -------------------------------------------------------------------------------------------------

    def _claimed(self, worker: str, token: uuid.UUID) -> dict[str, Any]:
        claimed = super()._claimed(worker, token)
        return {**claimed, "started_at": self.started_at or claimed["started_at"]}

    def cancel(self) -> None:
        """unfinished -> cancelled; raises `RunIsFinished` otherwise. A running worker sees it within two seconds."""
        if not self._cancel():
            raise RunIsFinished(self.name, self.state)

    def resume(self) -> None:
        """failed | cancelled -> queued, attempts counted anew; raises `RunNotResumable` otherwise."""
        if not self._requeue(self.RESUMABLE):
            raise RunNotResumable(self.name, self.state)

    def is_nobody_elses(self) -> bool:
        """Whether it was cancelled, and perhaps resumed, under this object's claim, and nobody has taken it since.

        The row is locked until the transaction ends, so that nobody takes it meanwhile.
        """
        if self._token is None:
            return False
        cancelled = models.Q(state=self.State.CANCELLED, claim_token=self._token)
        resumed = models.Q(state=self.State.QUEUED, claim_token=None)
        rows = TrainingRun._base_manager.filter(cancelled | resumed, pk=self.pk)
        return bool(rows.select_for_update(of=("self",)).values_list("pk"))

    def take_up(self) -> bool:
        """As any work; its log says so."""
        from training.runs.journal import write_line

        moved = super().take_up()
        if moved and self.is_waiting:
            told = gettext("The worker stopped; the run waits to go on from its newest checkpoint.")
            write_line(self, told, LogLine.Level.WARNING)
        elif moved:
            write_line(self, self.error, LogLine.Level.ERROR)
        return moved

    def _ended(self, state: str) -> dict[str, Any]:
        return {**super()._ended(state), "progress_line": ""}

    def _apply(self, rows: models.QuerySet, **changes: Any) -> bool:
        """As for any work, and the experiment follows."""
        with transaction.atomic():
            # Two runs that end at once must not each see the other unfinished.
            experiment = Experiment.objects.select_for_update().get(pk=self.experiment_id)
            moved = super()._apply(rows, **changes)
            if moved:
                experiment.follow_runs()
        return moved


def _is_id(text: str) -> bool:
    try:
        return bool(uuid.UUID(text))
    except ValueError:
        return False


class MetricPoint(models.Model):
    """A value a run reported at a step; names follow TRL, held-out ones begin with `eval_`."""

    run = models.ForeignKey(TrainingRun, on_delete=models.CASCADE, related_name="metric_points")
    name = models.CharField(max_length=60)
    step = models.PositiveIntegerField()
    value = models.FloatField()
    recorded_at = models.DateTimeField(default=timezone.now)

    objects = querysets.MetricPointQuerySet.as_manager()

    class Meta:
        ordering = ("run", "name", "step")
        constraints = [models.UniqueConstraint(fields=["run", "name", "step"], name="metric_once_per_step")]

    def __str__(self) -> str:
        return gettext("%(name)s = %(value)s at step %(step)s") % {
            "name": self.name,
            "value": f"{self.value:g}",
            "step": self.step,
        }


class LogLine(models.Model):
    """A sentence of a run's log; `number` counts from 1 within the run."""

    class Level(models.TextChoices):
        INFO = "info", gettext_lazy("Information")
        SUCCESS = "success", gettext_lazy("Success")
        WARNING = "warning", gettext_lazy("Warning")
        ERROR = "error", gettext_lazy("Error")

    run = models.ForeignKey(TrainingRun, on_delete=models.CASCADE, related_name="log_lines")
    number = models.PositiveIntegerField()
    at = models.DateTimeField(default=timezone.now)
    level = models.CharField(max_length=7, choices=Level.choices, default=Level.INFO)
    text = models.TextField()

    objects = querysets.LogLineQuerySet.as_manager()

    class Meta:
        ordering = ("run", "number")
        constraints = [
            models.UniqueConstraint(fields=["run", "number"], name="log_line_number_once_per_run"),
            models.CheckConstraint(
                condition=models.Q(level__in=("info", "success", "warning", "error")), name="log_line_level"
            ),
        ]

    def __str__(self) -> str:
        return self.text
