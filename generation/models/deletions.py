"""Deletions that can still be undone."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import models

from generation.models.jobs import GenerationJob
from generation.models.samples import AudioSample
from text2song.models import UUIDModel


class Deletion(UUIDModel):
    """What somebody deleted at once, with what went along, until `GRACE` is over; then the row goes too.

    `removed` holds the rows that were removed, as Django writes them to JSON: their ids and times come back as they
    were.
    """

    GRACE = timedelta(seconds=60)

    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    samples = models.ManyToManyField(AudioSample, related_name="+")
    job = models.ForeignKey(GenerationJob, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    removed = models.JSONField(default=list)

    class Meta:
        ordering = ("-created_at", "-id")

    def __str__(self) -> str:
        return f"Deletion {str(self.pk)[:8]}"
