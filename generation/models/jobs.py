"""Generation jobs and their state machine. The job row is the truth; a queue message is only a wake-up."""

from __future__ import annotations

import math
import uuid
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.text import format_lazy
from django.utils.translation import gettext, gettext_lazy

from generation import querysets
from generation.exceptions import JobIsFinished
from generation.jobs.long_form import LONG_FORM_MAX_SECONDS, windows
from generation.jobs.reading import read_by
from generation.models.base_models import BaseModel
from prompts.models import Prompt
from prompts.wording.reading import Reading
from text2song.exceptions import Refused
from text2song.models import SoftDeleteModel, UUIDModel
from text2song.queue import Cluster
from text2song.work import Work

if TYPE_CHECKING:
    from generation.models.samples import AudioSample

MAX_SEED = 2**31 - 1
MAX_STRENGTH = 1.5
MAX_SAMPLES = 8
MAX_SAMPLES_TO_PICK_FROM = 32
"""How many candidates a job may make: so many to be listened to, and so many when a taste picks from them."""
OVERLAP_SHARE = 0.4
"""Of each further window, how much repeats the end of the one before: 12 of MusicGen's 30 s, as its authors use."""


def validate_finite(value: float) -> None:
    """NaN compares as neither too small nor too large; refuse it by name."""
    if not math.isfinite(value):
        raise ValidationError(gettext("Enter a number."), code="not_finite")


SAMPLING_FIELDS = (
    "num_samples",
    "duration",
    "long_form",
    "temperature",
    "top_k",
    "top_p",
    "guidance_scale",
    "preset",
)


class SamplingSettings(models.Model):
    """What a person chooses for a generation; ranges are inclusive and also live in the database."""

    class Preset(models.TextChoices):
        DRAFT = "draft", gettext_lazy("Draft")
        BALANCED = "balanced", gettext_lazy("Balanced")
        BEST = "best", gettext_lazy("Best")
        CUSTOM = "custom", gettext_lazy("Custom")

    num_samples = models.PositiveSmallIntegerField(
        gettext_lazy("samples"),
        default=2,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_SAMPLES)],
        help_text=gettext_lazy("How many candidates to make. Sample i uses seed + i."),
    )
    duration = models.PositiveSmallIntegerField(
        gettext_lazy("duration (s)"),
        default=10,
        validators=[MinValueValidator(1), MaxValueValidator(LONG_FORM_MAX_SECONDS)],
        help_text=gettext_lazy("Length of each candidate in seconds."),
    )
    long_form = models.BooleanField(
        default=False,
        help_text=gettext_lazy("Go past the model's own limit with overlapping windows, up to 120 s."),
    )
    temperature = models.FloatField(
        default=1.0,
        validators=[validate_finite, MinValueValidator(0.1), MaxValueValidator(2.0)],
        help_text=gettext_lazy("Lower is safer and more repetitive, higher is more surprising. Usual: 0.7 to 1.1."),
    )
    top_k = models.PositiveSmallIntegerField(
        gettext_lazy("top-k"),
        default=250,
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
        help_text=gettext_lazy("Draw each token from the k likeliest. Usual: 150 to 250."),
    )
    top_p = models.FloatField(
        gettext_lazy("top-p"),
        default=0.0,
        validators=[validate_finite, MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text=gettext_lazy(
            "Draw from the likeliest tokens that together reach this probability; 0 turns it off. Usual: 0.9."
        ),
    )
    guidance_scale = models.FloatField(
        default=3.0,
        validators=[validate_finite, MinValueValidator(1.0), MaxValueValidator(10.0)],
        help_text=gettext_lazy("How strictly the prompt is followed: 1 is free, 3 is usual, above 6 tends to distort."),
    )
    preset = models.CharField(max_length=10, choices=Preset.choices, default=Preset.CUSTOM)

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                condition=models.Q(duration__range=(1, LONG_FORM_MAX_SECONDS)), name="%(class)s_duration"
            ),
            models.CheckConstraint(condition=models.Q(temperature__range=(0.1, 2.0)), name="%(class)s_temperature"),
            models.CheckConstraint(condition=models.Q(top_k__range=(1, 1000)), name="%(class)s_top_k"),
            models.CheckConstraint(condition=models.Q(top_p__range=(0.0, 1.0)), name="%(class)s_top_p"),
            models.CheckConstraint(condition=models.Q(guidance_scale__range=(1.0, 10.0)), name="%(class)s_guidance"),
        ]


class GenerationDefaults(SamplingSettings):
    """The values a new generation form starts with: one row, changed in Settings."""

    base_model = models.ForeignKey(
        BaseModel,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name="model",
        help_text=gettext_lazy(
            "What new Create pages start with; the active model where none is named or its files are not here."
        ),
    )

    class Meta(SamplingSettings.Meta):
        verbose_name_plural = gettext_lazy("generation defaults")
        constraints = [
            *SamplingSettings.Meta.constraints,
            models.CheckConstraint(
                condition=models.Q(num_samples__range=(1, MAX_SAMPLES)), name="%(class)s_num_samples"
            ),
        ]

    def __str__(self) -> str:
        return gettext("Generation defaults")

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.pk = 1
        super().save(*args, **kwargs)

    @property
    def model(self) -> BaseModel | None:
        """The named one while its files are here, else the active one."""
        named = self.base_model
        return named if named and named.is_ready else BaseModel.objects.filter(is_active=True).first()

    @classmethod
    def load(cls) -> GenerationDefaults:
        """The row; a new studio's holds the preset Balanced, and a length that every model makes without a warning."""
        from generation.jobs.presets import PRESET_BY_KEY

        balanced = PRESET_BY_KEY[cls.Preset.BALANCED]
        return cls.objects.get_or_create(pk=1, defaults={**balanced.sampling, "preset": balanced.key, "duration": 8})[0]


class GenerationJob(SamplingSettings, SoftDeleteModel, Work, UUIDModel):
    """A request for `num_samples` candidates of one prompt: work of a generation worker."""

    class State(models.TextChoices):
        QUEUED = "queued", gettext_lazy("Queued")
        RUNNING = "running", gettext_lazy("Running")
        COMPLETED = "completed", gettext_lazy("Completed")
        FAILED = "failed", gettext_lazy("Failed")
        CANCELLED = "cancelled", gettext_lazy("Cancelled")

    class Kind(models.TextChoices):
        PROMPT = "prompt", gettext_lazy("From the prompt")
        EXTENSION = "extension", gettext_lazy("Continues a sample")
        VARIATION = "variation", gettext_lazy("Varies a sample")

    CLUSTER: ClassVar[Cluster] = "generation"
    GAVE_UP: ClassVar[str] = gettext_lazy(
        "The worker died {attempts} times while making this, most likely for lack of memory. Try "
        "{fewer}shorter samples, or a smaller model."
    )

    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="jobs")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="generation_jobs"
    )
    base_model = models.ForeignKey(BaseModel, on_delete=models.PROTECT, related_name="jobs")
    adapter = models.ForeignKey(
        "adapters.Adapter", null=True, blank=True, on_delete=models.PROTECT, related_name="jobs"
    )
    adapter_strength = models.FloatField(
        gettext_lazy("strength"),
        default=1.0,
        validators=[validate_finite, MinValueValidator(0.0), MaxValueValidator(MAX_STRENGTH)],
        help_text=gettext_lazy("How much of the adapter is applied: 0 is the base model, 1 the adapter as trained."),
    )
    num_samples = models.PositiveSmallIntegerField(
        gettext_lazy("samples"),
        default=2,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_SAMPLES_TO_PICK_FROM)],
        help_text=format_lazy(
            gettext_lazy(
                "How many candidates to make: up to {most}, or {to_pick_from} when a taste picks from them. "
                "Sample i uses seed + i."
            ),
            most=MAX_SAMPLES,
            to_pick_from=MAX_SAMPLES_TO_PICK_FROM,
        ),
    )
    taste = models.ForeignKey("adapters.Taste", null=True, blank=True, on_delete=models.PROTECT, related_name="jobs")
    keep = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=gettext_lazy(
            "How many of the candidates are kept, the best by the taste; the others are set aside. Empty: all."
        ),
    )
    taste_note = models.CharField(
        max_length=300,
        blank=True,
        editable=False,
        help_text=gettext_lazy("Why the taste has set nothing aside, if it could not."),
    )
    seed = models.PositiveBigIntegerField(validators=[MaxValueValidator(MAX_SEED)])
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.PROMPT)
    source_sample = models.ForeignKey(
        "generation.AudioSample", null=True, blank=True, on_delete=models.PROTECT, related_name="descendants"
    )
    prefix_seconds = models.FloatField(
        null=True,
        blank=True,
        validators=[validate_finite],
        help_text=gettext_lazy("How much of the source sample opens every candidate, in seconds."),
    )
    idempotency_key = models.CharField(max_length=200, blank=True, editable=False)
    idempotency_digest = models.CharField(
        max_length=64, blank=True, editable=False, help_text=gettext_lazy("Of the request that was sent with the key.")
    )

    withheld = models.BooleanField(
        default=False,
        db_index=True,
        editable=False,
        help_text=gettext_lazy("Shown to nobody, nor are its samples: they are being judged blind."),
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED, db_index=True)
    steps_done = models.PositiveIntegerField(default=0)
    steps_total = models.PositiveIntegerField(default=0)
    expected_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text=gettext_lazy("When its worker expects it to be done.")
    )

    objects = querysets.GenerationJobQuerySet.as_manager()

    visible_samples: list[AudioSample]
    """Those that are kept. Added by `with_samples`."""
    set_aside_samples: list[AudioSample]
    """Those a taste has set aside. Added by `with_samples`."""

    class Meta(SamplingSettings.Meta):
        ordering = ("-created_at", "-id")
        indexes = [models.Index(fields=["state", "queued_at"], name="job_queue")]
        constraints = [
            *SamplingSettings.Meta.constraints,
            models.CheckConstraint(
                condition=models.Q(num_samples__range=(1, MAX_SAMPLES))
                | models.Q(num_samples__range=(1, MAX_SAMPLES_TO_PICK_FROM), taste__isnull=False),
                name="%(class)s_num_samples",
            ),
            models.CheckConstraint(
                condition=models.Q(keep__isnull=True)
                | models.Q(taste__isnull=False, keep__gte=1, keep__lt=models.F("num_samples")),
                name="job_keeps_some",
            ),
            models.CheckConstraint(condition=models.Q(seed__range=(0, MAX_SEED)), name="job_seed"),
            models.CheckConstraint(
                condition=models.Q(adapter_strength__range=(0.0, MAX_STRENGTH)), name="job_adapter_strength"
            ),
            models.CheckConstraint(
                condition=models.Q(kind="prompt", source_sample__isnull=True)
                | models.Q(~models.Q(kind="prompt"), source_sample__isnull=False, prefix_seconds__gt=0),
                name="job_source_fits_kind",
            ),
            models.UniqueConstraint(
                fields=["requested_by", "idempotency_key"],
                condition=~models.Q(idempotency_key=""),
                name="job_once_per_idempotency_key",
            ),
        ]

    def __str__(self) -> str:
        return gettext("Job %(short_id)s") % {"short_id": self.short_id}

    @property
    def short_id(self) -> str:
        return str(self.pk)[:8]

    @property
    def adapter_label(self) -> str:
        """What the base model wears, in words: “Base Model”, “warm-keys@1.2.0” or “Deleted Adapter”."""
        if self.adapter is None:
            return gettext("Base Model")
        return gettext("Deleted Adapter") if self.adapter.is_deleted else self.adapter.label

    @property
    def progress(self) -> float:
        """Share of the work done, decoding and finishing the clips, 0 to 1; 1 only when it is completed."""
        if self.state == self.State.COMPLETED:
            return 1.0
        return self.steps_done / self.steps_total if self.steps_total else 0.0

    @property
    def percent(self) -> int:
        return int(100 * self.progress)

    @property
    def seconds_left(self) -> float | None:
        """Seconds until its worker expects it to be done; None before the first steps."""
        if self.state != self.State.RUNNING or self.expected_at is None:
            return None
        return max(0.0, (self.expected_at - timezone.now()).total_seconds())

    @property
    def seconds_taken(self) -> float | None:
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()

    @property
    def queue_position(self) -> int | None:
        """1 for the job that is next, None for a job that is not waiting."""
        if self.state != self.State.QUEUED:
            return None
        return GenerationJob.objects.ahead_of(self.queued_at, of_nobody=self.requested_by_id is None).count() + 1

    @property
    def window_count(self) -> int:
        """How many overlapping windows the duration takes on this model."""
        known = min(self.prefix_seconds or 0.0, self.duration - 0.1)
        return len(windows(self.duration, self.base_model.max_duration, self.overlap_seconds, known))

    @property
    def overlap_seconds(self) -> float:
        """How much of the clip so far each further window of a long form sees."""
        return OVERLAP_SHARE * self.base_model.max_duration

    @cached_property
    def reading(self) -> Reading:
        """What the model reads of the prompt. Asked once, so that what is played is also what is recorded."""
        return read_by(self.base_model.folder, self.prompt.rendered)

    @property
    def reading_told(self) -> Reading:
        """What a finished clip of `with_samples` records of its reading; before that, what the model reads now."""
        made = getattr(self, "visible_samples", [])
        return made[0].reading if made else self.reading

    def sample_id(self, index: int) -> uuid.UUID:
        """The id sample `index` has or will have: fixed by the job, so that a job run twice writes the same files."""
        return uuid.uuid5(self.pk, str(index))

    def sample_seed(self, index: int) -> int:
        return (self.seed + index) % (MAX_SEED + 1)

    # -- transitions -------------------------------------------------------------------------------------------

    def _claimed(self, worker: str, token: uuid.UUID) -> dict[str, Any]:
        return {**super()._claimed(worker, token), "steps_done": 0, "steps_total": 0, "expected_at": None}

    def complete(self, **results: Any) -> bool:
        """running -> completed, and only now all steps are done."""
        return super().complete(**results, steps_done=models.F("steps_total"))

    def cancel(self) -> None:
        """unfinished -> cancelled; raises `JobIsFinished` otherwise. A running worker sees it within two seconds."""
        if not self._cancel():
            raise JobIsFinished(self.state)

    def requeue(self) -> None:
        """failed | cancelled -> queued; raises `Refused` otherwise, and for a deleted job."""
        if self.is_deleted or not self._requeue((self.State.FAILED, self.State.CANCELLED)):
            raise Refused(
                gettext("Only failed and cancelled jobs can be requeued; this one is %(state)s.")
                % {"state": self.state}
            )

    def gave_up(self) -> str:
        fewer = gettext("fewer or ") if self.num_samples > 1 else ""
        return self.GAVE_UP.format(attempts=self.MAX_ATTEMPTS, fewer=fewer)

    def _after_failure(self) -> None:
        """A failed job has no clips."""
        partial = list(self.samples.all())
        self.samples.all().delete()
        for sample in partial:
            transaction.on_commit(sample.delete_files)
