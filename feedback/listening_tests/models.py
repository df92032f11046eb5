"""Blind listening tests: arms are compared pair by pair, each showing of a pair to a rater is a trial.

After ITU-R BS.1534 and BS.1116: blind, counterbalanced, loudness-matched, with hidden repeats and gold pairs.
"""

from __future__ import annotations

import secrets

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext, gettext_lazy, pgettext_lazy

from adapters.models import Adapter
from feedback import querysets
from generation.models import AudioSample, BaseModel, GenerationJob
from prompts.models import Prompt, PromptSuite
from text2song.models import SoftDeleteModel, UUIDModel


def opaque_token() -> str:
    return secrets.token_urlsafe(18)


def gold_path(pair: ClipPair, filename: str) -> str:
    return f"gold/{pair.pk}.flac"


class ListeningTest(SoftDeleteModel, UUIDModel):
    """Arms judged on the prompts of a frozen suite. `duration` is seconds; `seed` makes all arms' jobs repeatable."""

    class State(models.TextChoices):
        DRAFT = "draft", gettext_lazy("Draft")
        GENERATING = "generating", gettext_lazy("Generating")
        ACTIVE = "active", pgettext_lazy("test", "Active")
        COMPLETED = "completed", gettext_lazy("Completed")

    class Strategy(models.TextChoices):
        UNIFORM = "uniform", gettext_lazy("Every pair equally often")
        UNCERTAINTY = "uncertainty", gettext_lazy("Where doubt is greatest")

    name = models.CharField(max_length=200)
    description = models.CharField(
        max_length=500, blank=True, help_text=gettext_lazy("What raters are told. Name no model and no adapter here.")
    )
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    suite = models.ForeignKey(PromptSuite, on_delete=models.PROTECT, related_name="listening_tests")
    samples_per_prompt = models.PositiveSmallIntegerField(
        default=1, validators=[MinValueValidator(1), MaxValueValidator(4)]
    )
    votes_wanted = models.PositiveIntegerField(
        default=50,
        validators=[MinValueValidator(1), MaxValueValidator(100_000)],
        help_text=gettext_lazy("Votes that complete it."),
    )
    duration = models.PositiveSmallIntegerField(
        default=10,
        validators=[MinValueValidator(1), MaxValueValidator(30)],
        help_text=gettext_lazy("Seconds of every clip."),
    )
    seed = models.PositiveBigIntegerField(default=0)
    sampling = models.JSONField(
        default=dict, blank=True, help_text=gettext_lazy("Temperature, top-k, top-p, guidance of every arm.")
    )
    strategy = models.CharField(max_length=11, choices=Strategy.choices, default=Strategy.UNIFORM)
    overlap = models.PositiveSmallIntegerField(
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(50)],
        help_text=gettext_lazy("Raters wanted for every pair."),
    )
    repeat_share = models.FloatField(
        default=0.1,
        validators=[MinValueValidator(0.0), MaxValueValidator(0.3)],
        help_text=gettext_lazy("Share of a rater's trials that show an earlier pair again, sides swapped."),
    )
    gold_share = models.FloatField(
        default=0.1,
        validators=[MinValueValidator(0.0), MaxValueValidator(0.3)],
        help_text=gettext_lazy("Share of a rater's trials in which one clip is damaged on purpose."),
    )
    sealed = models.BooleanField(
        default=False,
        editable=False,
        help_text=gettext_lazy(
            "Decides something: its results are told to nobody while votes are taken, and it ends when they suffice."
        ),
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    started_at = models.DateTimeField(null=True, blank=True)
    opened_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = querysets.ListeningTestQuerySet.as_manager()

    pair_count: int
    vote_count: int
    arm_count: int
    prompt_count: int
    """Added by `with_progress`."""

    class Meta:
        ordering = ("-created_at",)
        constraints = [
            models.CheckConstraint(condition=models.Q(samples_per_prompt__range=(1, 4)), name="test_samples_1_to_4"),
            models.CheckConstraint(condition=models.Q(votes_wanted__gte=1), name="test_wants_votes"),
            models.CheckConstraint(condition=models.Q(repeat_share__range=(0.0, 0.3)), name="test_repeat_share"),
            models.CheckConstraint(condition=models.Q(gold_share__range=(0.0, 0.3)), name="test_gold_share"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_open(self) -> bool:
        """Whether votes are taken; they are as soon as the first pair is there."""
        return self.state in (self.State.GENERATING, self.State.ACTIVE) and not self.is_deleted

    @property
    def blind_name(self) -> str:
        """What raters may read while votes are taken; curators name tests after their arms."""
        return gettext("Listening test %(name)s") % {"name": str(self.pk)[:4].upper()}

    def withhold_clips(self, withheld: bool) -> None:
        """Hide its jobs and their clips everywhere but in its trials, or show them again.

        Whoever finds a clip beside its model's name is no longer blind. Part of every change between open and over.
        """
        GenerationJob.objects.filter(arm_job__arm__test=self).update(withheld=withheld)


class Arm(UUIDModel):
    """One side of a test: a base model, alone or with an adapter at a strength."""

    test = models.ForeignKey(ListeningTest, on_delete=models.CASCADE, related_name="arms")
    position = models.PositiveSmallIntegerField()
    base_model = models.ForeignKey(BaseModel, on_delete=models.PROTECT, related_name="+")
    adapter = models.ForeignKey(Adapter, null=True, blank=True, on_delete=models.PROTECT, related_name="arms")
    adapter_strength = models.FloatField(default=1.0)

    class Meta:
        ordering = ("test", "position")
        constraints = [
            models.UniqueConstraint(fields=["test", "position"], name="one_arm_per_position"),
            models.UniqueConstraint(
                fields=["test", "base_model", "adapter", "adapter_strength"],
                condition=models.Q(adapter__isnull=False),
                name="no_equal_adapter_arms",
            ),
            models.UniqueConstraint(
                fields=["test", "base_model"], condition=models.Q(adapter__isnull=True), name="no_equal_base_arms"
            ),
            models.CheckConstraint(condition=models.Q(adapter_strength__range=(0.0, 1.5)), name="arm_strength"),
        ]

    def __str__(self) -> str:
        if self.adapter is None:
            return gettext("%(base_model)s (base model)") % {"base_model": self.base_model}
        if self.adapter_strength == 1.0:
            return str(self.adapter)
        return gettext("%(adapter)s at %(strength)s") % {
            "adapter": self.adapter,
            "strength": f"{self.adapter_strength:g}",
        }


class ArmJob(models.Model):
    """The generation of one prompt for one arm; all arms of a test use the same seed for a prompt."""

    arm = models.ForeignKey(Arm, on_delete=models.CASCADE, related_name="arm_jobs")
    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="+")
    job = models.OneToOneField(GenerationJob, on_delete=models.PROTECT, related_name="arm_job")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["arm", "prompt"], name="one_job_per_arm_and_prompt")]

    def __str__(self) -> str:
        return f"{self.arm}: {self.prompt}"


class ClipPair(UUIDModel):
    """Two clips of one prompt that raters may be asked about: the same candidate of two arms.

    A gold pair is one clip and `gold_file`, the same clip damaged on purpose; the undamaged one (x) is the right
    answer.
    """

    class Kind(models.TextChoices):
        REGULAR = "regular", gettext_lazy("Regular")
        GOLD = "gold", gettext_lazy("Gold")

    test = models.ForeignKey(ListeningTest, on_delete=models.CASCADE, related_name="pairs")
    kind = models.CharField(max_length=7, choices=Kind.choices, default=Kind.REGULAR)
    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="+")
    index = models.PositiveSmallIntegerField(help_text=gettext_lazy("Which candidate of the jobs."))
    arm_x = models.ForeignKey(Arm, on_delete=models.CASCADE, related_name="+")
    arm_y = models.ForeignKey(Arm, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    sample_x = models.ForeignKey(AudioSample, on_delete=models.PROTECT, related_name="+")
    sample_y = models.ForeignKey(AudioSample, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    gold_file = models.FileField(upload_to=gold_path, max_length=200, blank=True)

    objects = querysets.ClipPairQuerySet.as_manager()

    class Meta:
        ordering = ("test", "created_at", "id")
        constraints = [
            models.UniqueConstraint(
                fields=["test", "sample_x", "sample_y"],
                condition=models.Q(kind="regular"),
                name="one_pair_of_two_samples",
            ),
            models.UniqueConstraint(
                fields=["test", "sample_x"], condition=models.Q(kind="gold"), name="one_gold_pair_of_a_sample"
            ),
            models.CheckConstraint(
                condition=models.Q(kind="regular", arm_y__isnull=False, sample_y__isnull=False, gold_file="")
                | (models.Q(kind="gold", arm_y__isnull=True, sample_y__isnull=True) & ~models.Q(gold_file="")),
                name="pair_has_two_clips",
            ),
        ]

    def __str__(self) -> str:
        return gettext("%(kind)s pair of %(prompt)s") % {"kind": self.get_kind_display(), "prompt": self.prompt}


class Trial(UUIDModel):
    """One showing of a pair to one rater: what was where, what was heard, what was answered.

    The tokens are all a rater's browser ever sees; `x_is_first` maps them to clips, on the server only. `heard_first`
    and `heard_second` are merged lists of `[from, to]` seconds of the clip, checked when reported against the time
    since the sound was sent; both stay empty for a vote from a page without script, which cannot report.
    """

    class Choice(models.TextChoices):
        FIRST = "first", gettext_lazy("Sample 1")
        SECOND = "second", gettext_lazy("Sample 2")
        TIE = "tie", gettext_lazy("Equal")
        BOTH_BAD = "both_bad", gettext_lazy("Both bad")

    test = models.ForeignKey(ListeningTest, on_delete=models.CASCADE, related_name="trials")
    pair = models.ForeignKey(ClipPair, on_delete=models.CASCADE, related_name="trials")
    rater = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="trials")
    number = models.PositiveIntegerField(help_text=gettext_lazy("Counts a rater's trials in a test from 1."))
    repeat_of = models.ForeignKey("self", null=True, blank=True, on_delete=models.CASCADE, related_name="repeats")
    token = models.CharField(max_length=40, unique=True, default=opaque_token, editable=False)
    first_token = models.CharField(max_length=40, unique=True, default=opaque_token, editable=False)
    second_token = models.CharField(max_length=40, unique=True, default=opaque_token, editable=False)
    x_is_first = models.BooleanField()
    heard_first = models.JSONField(default=list)
    heard_second = models.JSONField(default=list)
    choice = models.CharField(max_length=8, choices=Choice.choices, blank=True)
    opened_at = models.DateTimeField()
    first_sent_at = models.DateTimeField(
        null=True, blank=True, help_text=gettext_lazy("When the sound of Sample 1 was first sent.")
    )
    second_sent_at = models.DateTimeField(
        null=True, blank=True, help_text=gettext_lazy("When the sound of Sample 2 was first sent.")
    )
    voted_at = models.DateTimeField(null=True, blank=True)

    objects = querysets.TrialQuerySet.as_manager()

    class Meta:
        ordering = ("test", "rater", "number")
        constraints = [
            models.UniqueConstraint(fields=["test", "rater", "number"], name="trials_count_up"),
            models.UniqueConstraint(
                fields=["test", "rater"], condition=models.Q(voted_at__isnull=True), name="one_open_trial_per_rater"
            ),
            models.UniqueConstraint(
                fields=["pair", "rater"],
                condition=models.Q(repeat_of__isnull=True),
                name="a_pair_once_per_rater_but_for_repeats",
            ),
            models.CheckConstraint(
                condition=models.Q(choice="", voted_at__isnull=True)
                | (models.Q(choice__in=("first", "second", "tie", "both_bad")) & models.Q(voted_at__isnull=False)),
                name="trial_voted_with_a_choice",
            ),
        ]

    def __str__(self) -> str:
        return gettext("Trial %(number)s of %(rater)s in %(test)s") % {
            "number": self.number,
            "rater": self.rater,
            "test": self.test,
        }

    @property
    def is_control(self) -> bool:
        """A hidden repeat or a gold pair: judged by the rater, left out of results."""
        return self.repeat_of_id is not None or self.pair.kind == ClipPair.Kind.GOLD

    @property
    def winner(self) -> str:
        """The answer in terms of the pair: "x", "y", "tie" or "both_bad"; "" before the vote."""
        if self.choice in (self.Choice.FIRST, self.Choice.SECOND):
            return "x" if (self.choice == self.Choice.FIRST) == self.x_is_first else "y"
        return self.choice
