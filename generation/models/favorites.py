"""Hearts: what a user wants to find again."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from generation.models.samples import AudioSample
from prompts.models import Prompt
from text2song.models import UUIDModel


class Favorite(UUIDModel):
    """A user's heart on a prompt or on a sample, with a note of their own."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="favorites")
    prompt = models.ForeignKey(Prompt, null=True, blank=True, on_delete=models.CASCADE, related_name="favorites")
    sample = models.ForeignKey(AudioSample, null=True, blank=True, on_delete=models.CASCADE, related_name="favorites")
    note = models.CharField(max_length=500, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(prompt__isnull=True) ^ models.Q(sample__isnull=True),
                name="favorite_has_one_target",
            ),
            models.UniqueConstraint(
                fields=["user", "prompt"], condition=models.Q(prompt__isnull=False), name="prompt_favorite_once"
            ),
            models.UniqueConstraint(
                fields=["user", "sample"], condition=models.Q(sample__isnull=False), name="sample_favorite_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} ♥ {self.prompt or self.sample}"
