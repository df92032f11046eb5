"""Raters: how far their votes are trusted, and how people without an account come in."""

from __future__ import annotations

import secrets
from dataclasses import fields

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from feedback import querysets
from feedback.statistics.reliability import Evidence, in_words
from text2song.models import UUIDModel


def invitation_token() -> str:
    return secrets.token_urlsafe(24)


class RaterProfile(models.Model):
    """What is known about a rater. `weight` in [0, 1] is how much their votes count in datasets.

    `evidence` is what the weight was computed from (repeats, gold pairs, agreement); `rests_on` says it in words.
    """

    class Kind(models.TextChoices):
        MEMBER = "member", gettext_lazy("Member")
        GUEST = "guest", gettext_lazy("Guest")
        SYNTHETIC = "synthetic", gettext_lazy("Synthetic")

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="rater_profile")
    kind = models.CharField(max_length=9, choices=Kind.choices, default=Kind.MEMBER)
    invitation = models.ForeignKey(
        "feedback.Invitation", null=True, blank=True, on_delete=models.SET_NULL, related_name="raters"
    )
    weight = models.FloatField(
        default=0.5, help_text=gettext_lazy("0 ignores this rater's votes, 1 counts them in full.")
    )
    evidence = models.JSONField(default=dict, blank=True)
    computed_at = models.DateTimeField(null=True, blank=True)
    is_excluded = models.BooleanField(
        default=False, help_text=gettext_lazy("Leave this rater's votes out of datasets.")
    )
    excluded_reason = models.CharField(max_length=200, blank=True)

    objects = querysets.RaterProfileQuerySet.as_manager()

    class Meta:
        ordering = ("user",)
        constraints = [models.CheckConstraint(condition=models.Q(weight__range=(0.0, 1.0)), name="rater_weight_0_to_1")]

    def __str__(self) -> str:
        return str(self.user)

    @property
    def rests_on(self) -> str:
        """What the weight was computed from, in words; empty until it is."""
        counts = {field.name: self.evidence[field.name] for field in fields(Evidence) if field.name in self.evidence}
        return in_words(Evidence(**counts), self.weight, gettext) if counts else ""


class Invitation(UUIDModel):
    """A link by which people without an account become raters of one test, or of every open test."""

    token = models.CharField(max_length=64, unique=True, default=invitation_token, editable=False)
    test = models.ForeignKey(
        "feedback.ListeningTest", null=True, blank=True, on_delete=models.CASCADE, related_name="invitations"
    )
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    note = models.CharField(max_length=100, blank=True, help_text=gettext_lazy("Whom it is for."))
    max_uses = models.PositiveIntegerField(default=10)
    uses = models.PositiveIntegerField(default=0, editable=False)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = querysets.InvitationQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        constraints = [
            models.CheckConstraint(condition=models.Q(max_uses__gte=1), name="invitation_for_someone"),
            models.CheckConstraint(condition=models.Q(uses__lte=models.F("max_uses")), name="invitation_not_overused"),
        ]

    def __str__(self) -> str:
        return self.note or gettext("Invitation %(id)s") % {"id": str(self.pk)[:8]}

    @property
    def is_open(self) -> bool:
        return self.revoked_at is None and self.expires_at > timezone.now() and self.uses < self.max_uses
