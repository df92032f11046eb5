"""How an adapter becomes the default of its base model: by a blind listening test that it must win."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from adapters.models import Adapter
from feedback.models import ListeningTest
from feedback.statistics.win_rate import MIN_DECIDED
from prompts.models import PromptSuite
from text2song.models import UUIDModel
from text2song.queue import Cluster
from text2song.work import Work
from training import querysets

MOST_SAMPLES = 4
"""Samples per prompt that a listening test can have."""


class PromotionPolicy(models.Model):
    """What a new adapter is tested on; the studio has one. Without a suite no test opens by itself."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    suite = models.ForeignKey(
        PromptSuite,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text=gettext_lazy("A frozen suite. Its prompts never enter a training dataset."),
    )
    votes_wanted = models.PositiveIntegerField(
        default=48,
        validators=[MinValueValidator(MIN_DECIDED), MaxValueValidator(10_000)],
        help_text=gettext_lazy(
            "Votes after which a test is decided at the latest; a clear preference ends it sooner. "
            "Of 48 votes of one rater 36 must be won."
        ),
    )
    set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name_plural = gettext_lazy("promotion policy")
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="one_promotion_policy"),
            models.CheckConstraint(condition=models.Q(votes_wanted__gte=1), name="promotion_wants_votes"),
        ]

    def __str__(self) -> str:
        return (
            gettext("%(votes_wanted)s votes on “%(suite)s”") % {"votes_wanted": self.votes_wanted, "suite": self.suite}
            if self.suite
            else gettext("No tests of their own")
        )

    def clean(self) -> None:
        """A frozen suite, with prompts for as many pairs as there are to be votes: one rater alone can decide."""
        if self.suite is None or self.votes_wanted is None:
            return
        if not self.suite.is_frozen:
            raise ValidationError(
                {"suite": gettext("The suite “%(suite)s” is still open. Freeze it first.") % {"suite": self.suite}}
            )
        most = MOST_SAMPLES * self.suite.items.count()
        if self.votes_wanted > most:
            advice = gettext(
                "This suite gives at most %(most)s pairs: ask for at most that many votes, or take a larger suite."
            ) % {"most": most}
            raise ValidationError({"votes_wanted": advice})

    @property
    def clips(self) -> int:
        """How many clips a test makes, of both sides together."""
        return 2 * self.suite.items.count() * self.samples_per_prompt if self.suite else 0

    @property
    def samples_per_prompt(self) -> int:
        """As few as give each vote a pair of its own; two at least, or there is no diversity to compare."""
        return max(2, math.ceil(self.votes_wanted / self.suite.items.count())) if self.suite else 2


class Promotion(Work, UUIDModel):
    """An adapter's claim to be the default: a blind test against what it goes on from, and what came of it.

    When the test is over, deciding is work of a training worker: open -> deciding -> decided. `outcome` says what was
    decided, once; `win_rate`, its interval, `votes` and `guards` are those it was decided on.
    """

    class Outcome(models.TextChoices):
        OPEN = "open", gettext_lazy("Open")
        PROMOTED = "promoted", gettext_lazy("Promoted")
        DECLINED = "declined", gettext_lazy("Not promoted")
        WITHDRAWN = "withdrawn", gettext_lazy("Withdrawn")

    class State(models.TextChoices):
        OPEN = "open", gettext_lazy("Open")
        DECIDING = "deciding", gettext_lazy("Deciding")
        DECIDED = "decided", gettext_lazy("Decided")
        FAILED = "failed", gettext_lazy("Could not be decided")

    WAITING: ClassVar[str] = State.OPEN
    WORKING: ClassVar[str] = State.DECIDING
    DONE: ClassVar[str] = State.DECIDED
    UNFINISHED: ClassVar[tuple[str, ...]] = (State.OPEN, State.DECIDING)
    WAITS_SINCE: ClassVar[str] = "test__finished_at"
    CLUSTER: ClassVar[Cluster] = "training"

    adapter = models.ForeignKey(Adapter, on_delete=models.PROTECT, related_name="promotions")
    opponent = models.ForeignKey(
        Adapter,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text=gettext_lazy("What it is tested against; empty for the base model alone."),
    )
    test = models.OneToOneField(ListeningTest, on_delete=models.PROTECT, related_name="promotion")
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN, db_index=True, editable=False)
    outcome = models.CharField(max_length=9, choices=Outcome.choices, default=Outcome.OPEN, db_index=True)
    reason = models.TextField(blank=True, help_text=gettext_lazy("Why it was decided so, in sentences."))
    win_rate = models.FloatField(null=True, blank=True)
    win_rate_low = models.FloatField(null=True, blank=True)
    win_rate_high = models.FloatField(null=True, blank=True)
    votes = models.PositiveIntegerField(null=True, blank=True)
    guards = models.JSONField(default=dict, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)

    objects = querysets.PromotionQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = [
            models.UniqueConstraint(
                fields=["adapter"], condition=models.Q(outcome="open"), name="one_open_promotion_per_adapter"
            ),
            models.CheckConstraint(
                condition=models.Q(outcome="open", decided_at__isnull=True)
                | models.Q(outcome__in=("promoted", "declined", "withdrawn"), decided_at__isnull=False),
                name="promotion_decided_has_a_time",
            ),
        ]

    def __str__(self) -> str:
        return gettext("%(adapter)s against %(opponent)s") % {"adapter": self.adapter, "opponent": self.opponent_name}

    @property
    def opponent_name(self) -> str:
        return (
            self.opponent.label
            if self.opponent
            else gettext("%(base_model)s alone") % {"base_model": self.adapter.base_model.display_name}
        )

    @property
    def is_open(self) -> bool:
        return self.outcome == self.Outcome.OPEN

    @property
    def is_due(self) -> bool:
        """As `PromotionQuerySet.waiting`."""
        over = self.test.state == "completed" or self.test.is_deleted or not self.adapter.is_active
        return self.is_waiting and self.is_open and over and self.queued_at <= timezone.now()

    def is_visible_to(self, reader: User) -> bool:
        """As `PromotionQuerySet.visible_to`."""
        return reader.is_staff or not self.is_open

    def end(self, outcome: str, reason: str, **figures: Any) -> bool:
        """deciding -> decided; False when the claim was lost."""
        return self.complete(outcome=outcome, reason=reason, **figures)

    def _ended(self, state: str) -> dict[str, Any]:
        """One that no worker could decide is withdrawn, so that the adapter can be tested again."""
        ended = {**super()._ended(state), "decided_at": timezone.now()}
        if state == self.State.FAILED:
            reason = gettext("It could not be decided; the log has the reason. Test it again.")
            ended |= {"outcome": self.Outcome.WITHDRAWN, "reason": reason}
        return ended
