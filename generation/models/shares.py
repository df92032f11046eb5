"""Links that play a clip or a collection without an account."""

from __future__ import annotations

import secrets
from typing import Self

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from generation.models.collections import Collection
from generation.models.samples import AudioSample
from text2song.models import UUIDModel


def new_token() -> str:
    """256 random bits: nobody guesses one."""
    return secrets.token_urlsafe(32)


class ShareLinkQuerySet(models.QuerySet["ShareLink"]):
    def open(self) -> Self:
        """Those that work: not revoked, not expired, and what they share is not deleted."""
        alive = models.Q(expires_at=None) | models.Q(expires_at__gt=timezone.now())
        clip = models.Q(sample__deleted_at=None, sample__job__deleted_at=None, sample__job__withheld=False)
        there = models.Q(sample=None) | clip
        return self.filter(alive, there, revoked_at=None, created_by__is_active=True)


class ShareLink(UUIDModel):
    """Whoever has the token hears one clip, or the clips of one collection, until it is revoked or expires.

    The token is stored as it is, so that its maker can copy it again: it opens nothing but sound.
    """

    token = models.CharField(max_length=64, unique=True, default=new_token, editable=False)
    sample = models.ForeignKey(AudioSample, null=True, blank=True, on_delete=models.CASCADE, related_name="share_links")
    collection = models.ForeignKey(
        Collection, null=True, blank=True, on_delete=models.CASCADE, related_name="share_links"
    )
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="share_links")
    expires_at = models.DateTimeField(null=True, blank=True, help_text=gettext_lazy("Empty: never."))
    revoked_at = models.DateTimeField(null=True, blank=True)
    opened = models.PositiveIntegerField(default=0, help_text=gettext_lazy("How often its page was opened."))
    last_opened_at = models.DateTimeField(null=True, blank=True)

    objects = ShareLinkQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(sample__isnull=True) ^ models.Q(collection__isnull=True),
                name="share_link_has_one_target",
            ),
        ]

    def __str__(self) -> str:
        return gettext("Link to %(what)s") % {"what": self.sample or self.collection}
