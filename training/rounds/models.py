"""A round: what one person teaches the studio, step by step, and what each step made."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from adapters.models import Adapter, Taste
from adapters.querysets import TasteQuerySet
from datasets_app.models import Dataset
from feedback.models import ListeningTest
from feedback.statistics.win_rate import MIN_DECIDED
from generation.models import BaseModel, GenerationJob
from prompts.models import Prompt, PromptSuite
from text2song.models import UUIDModel
from training import querysets
from training.models.experiments import TrainingRun
from training.models.tastes import TasteFit
from training.promotion.models import MOST_SAMPLES, Promotion, PromotionPolicy

VOTES = (50, 100, 200, 400)
MOST_VOTES = 2000
MOST_TEST_VOTES = 48
"""Of one person's votes; a clear preference ends a test sooner."""
LONGEST_CLIP = 10
MOST_PROMPTS = 200
CLIPS_PER_PROMPT = 8
"""Unless somebody chooses: beside those that are judged, as many must be left for the taste to label."""
MOST_CLIPS = 800


class Round(UUIDModel):
    """One walk from prompts to a decision about an adapter, for its owner's taste.

    `step` is where it stands and `state` whether it goes on. `training.rounds.progress.advance` looks at what the step
    made, and does what comes next; every link to what was made is written with it, in one transaction. `trains_on` says
    what the dataset is made of, once it is known whether the taste can be relied on.
    """

    class Step(models.TextChoices):
        MAKING = "making", gettext_lazy("Make clips")
        JUDGING = "judging", gettext_lazy("Judge pairs")
        FITTING = "fitting", gettext_lazy("Learn your taste")
        UNDERSTOOD = "understood", gettext_lazy("Hear what it understood")
        BUILDING = "building", gettext_lazy("Build the dataset")
        TRAINING = "training", gettext_lazy("Train")
        TESTING = "testing", gettext_lazy("Judge blind")
        DECIDED = "decided", gettext_lazy("The decision")

    class State(models.TextChoices):
        ACTIVE = "active", gettext_lazy("Goes on")
        WAITING = "waiting", gettext_lazy("Waits for you")
        PAUSED = "paused", gettext_lazy("Paused")
        FAILED = "failed", gettext_lazy("Failed")
        CANCELLED = "cancelled", gettext_lazy("Cancelled")
        COMPLETED = "completed", gettext_lazy("Completed")

    class Source(models.TextChoices):
        TASTE = "taste", gettext_lazy("your votes and your taste")
        VOTES = "votes", gettext_lazy("your votes alone")

    UNFINISHED: ClassVar[tuple[str, ...]] = (State.ACTIVE, State.WAITING, State.PAUSED, State.FAILED)

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    number = models.PositiveIntegerField(editable=False, help_text=gettext_lazy("Counts the owner's rounds."))
    base_model = models.ForeignKey(BaseModel, on_delete=models.PROTECT, related_name="+")
    goes_on_from = models.ForeignKey(
        Adapter,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text=gettext_lazy(
            "The default when it began: it makes the clips and is trained further. Empty: the base model alone."
        ),
    )
    prompts = models.ManyToManyField(Prompt, related_name="+")
    suite = models.ForeignKey(PromptSuite, on_delete=models.PROTECT, related_name="+")
    earlier_taste = models.ForeignKey(
        Taste,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text=gettext_lazy(
            "The owner's newest when it began; whether it agrees with the round's votes is measured."
        ),
    )

    votes_wanted = models.PositiveIntegerField(
        default=100, validators=[MinValueValidator(1), MaxValueValidator(MOST_VOTES)]
    )
    clips_per_prompt = models.PositiveSmallIntegerField(
        default=CLIPS_PER_PROMPT, validators=[MinValueValidator(2), MaxValueValidator(8)]
    )
    batches = models.PositiveSmallIntegerField(
        default=1, help_text=gettext_lazy("So many times clips are made of every prompt.")
    )
    seconds = models.PositiveSmallIntegerField(
        default=LONGEST_CLIP,
        validators=[MinValueValidator(1), MaxValueValidator(30)],
        help_text=gettext_lazy("Length of a clip."),
    )
    max_clips = models.PositiveIntegerField(
        default=MOST_CLIPS,
        validators=[MinValueValidator(1), MaxValueValidator(100_000)],
        help_text=gettext_lazy("It makes no more."),
    )
    max_minutes = models.PositiveIntegerField(
        default=240,
        validators=[MinValueValidator(1), MaxValueValidator(100_000)],
        help_text=gettext_lazy("Of workers' time; then it stops."),
    )
    by_itself = models.BooleanField(default=True, help_text=gettext_lazy("Go from step to step without being asked."))

    step = models.CharField(max_length=10, choices=Step.choices, default=Step.MAKING, db_index=True)
    state = models.CharField(max_length=9, choices=State.choices, default=State.ACTIVE, db_index=True)
    told = models.TextField(blank=True, help_text=gettext_lazy("Why it failed, stopped or waits, in a sentence."))
    agreed = models.BooleanField(
        default=False, help_text=gettext_lazy("The owner said that the step under way may be done.")
    )
    trains_on = models.CharField(max_length=5, choices=Source.choices, blank=True)

    jobs = models.ManyToManyField(GenerationJob, related_name="+", blank=True)
    fit = models.ForeignKey(TasteFit, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    dataset = models.ForeignKey(Dataset, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    run = models.ForeignKey(TrainingRun, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    promotion = models.ForeignKey(Promotion, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    updated_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = querysets.RoundQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = [
            models.UniqueConstraint(
                fields=["owner"],
                condition=models.Q(state__in=("active", "waiting", "paused", "failed")),
                name="one_unfinished_round_per_owner",
            ),
            models.UniqueConstraint(fields=["owner", "number"], name="round_number_once_per_owner"),
            models.CheckConstraint(
                condition=models.Q(state__in=("cancelled", "completed"), finished_at__isnull=False)
                | models.Q(state__in=("active", "waiting", "paused", "failed"), finished_at__isnull=True),
                name="round_finished_has_a_time",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="failed") | ~models.Q(told=""), name="round_failed_has_a_reason"
            ),
        ]

    def __str__(self) -> str:
        return gettext("Round %(number)s of %(owner_name)s") % {"number": self.number, "owner_name": self.owner_name}

    @property
    def owner_name(self) -> str:
        return self.owner.get_username() if self.owner else "nobody"

    @property
    def title(self) -> str:
        """What its dataset and experiment are called."""
        return f"{self.owner_name}, round {self.number}"

    @property
    def is_unfinished(self) -> bool:
        return self.state in self.UNFINISHED

    @property
    def is_under_way(self) -> bool:
        """Whether it changes without its owner."""
        return self.state == self.State.ACTIVE

    @property
    def asks_its_owner(self) -> bool:
        """Whether nothing happens until its owner listens."""
        if not self.is_under_way or self.step != self.Step.TESTING:
            return self.is_under_way and self.step == self.Step.JUDGING
        return self.promotion is not None and self.promotion.test.state == ListeningTest.State.ACTIVE

    @property
    def taste(self) -> Taste | None:
        """What was fitted on its owner's votes."""
        return self.fit.taste if self.fit else None

    def own_tastes(self) -> TasteQuerySet:
        """Of the owner's votes alone on clips of this base model, the newest first."""
        assert self.owner is not None, "a round without an owner is over"
        mine = Taste.objects.newest().filter(filters={"raters": [self.owner.get_username()]})
        return mine.filter(base_model=self.base_model).order_by("-created_at")

    @property
    def adapter(self) -> Adapter | None:
        return self.run.adapter if self.run else None

    @property
    def begins_with(self) -> str:
        """What made its clips, in words."""
        return (
            self.goes_on_from.label
            if self.goes_on_from
            else gettext("%(base_model)s alone") % {"base_model": self.base_model.display_name}
        )

    @property
    def clips_wanted(self) -> int:
        """Clips of its prompts, without those of the test."""
        return self.prompts.count() * self.clips_per_prompt * self.batches

    @property
    def policy(self) -> PromotionPolicy:
        """What its adapter is tested on."""
        return policy_of(self.suite)

    def go_to(self, step: str) -> None:
        """On to another step, to be agreed to anew. Not stored yet."""
        self.step, self.state, self.told, self.agreed = step, self.State.ACTIVE, "", False

    def stop(self, state: str, told: str) -> None:
        """Go no further, and say why. Not stored yet."""
        self.state, self.told = state, told

    def finish(self, state: str, told: str = "") -> None:
        """Come to its end. Not stored yet."""
        self.state, self.told, self.finished_at = state, told, timezone.now()

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.updated_at = timezone.now()
        super().save(*args, **kwargs)


def policy_of(suite: PromptSuite) -> PromotionPolicy:
    """As many votes as the suite has pairs for, and no more than one person gives."""
    return PromotionPolicy(suite=suite, votes_wanted=min(MOST_TEST_VOTES, MOST_SAMPLES * suite.items.count()))


FEWEST_IN_SUITE = math.ceil(MIN_DECIDED / MOST_SAMPLES)
"""Prompts of a suite, so that its test can be decided at all."""


def clips_of_test(suite: PromptSuite) -> int:
    """How many clips a test on the suite makes, of both sides together."""
    return policy_of(suite).clips
