"""Collections: clips that somebody put together, in an order of their own."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.utils.translation import gettext_lazy

from generation.models.samples import AudioSample
from text2song.models import UUIDModel


class CollectionQuerySet(models.QuerySet["Collection"]):
    def visible_to(self, reader: User) -> Self:
        """Their own, and those that others share with the studio."""
        return self.filter(models.Q(owner=reader) | models.Q(is_shared=True))


class Collection(UUIDModel):
    """A list of clips: its owner's alone, or shared with everybody who is signed in. Its owner changes it."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="collections")
    name = models.CharField(max_length=100)
    is_shared = models.BooleanField(default=False, help_text=gettext_lazy("Everybody in the studio sees it."))
    updated_at = models.DateTimeField(auto_now=True)

    objects = CollectionQuerySet.as_manager()

    class Meta:
        ordering = ("name", "id")
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], name="collection_name_once_per_owner"),
            models.CheckConstraint(condition=~models.Q(name=""), name="collection_has_a_name"),
        ]

    def __str__(self) -> str:
        return self.name


class CollectionItem(models.Model):
    """A clip's place in a collection. It stays while the clip is deleted, so that undoing finds it again."""

    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="items")
    sample = models.ForeignKey(AudioSample, on_delete=models.CASCADE, related_name="collection_items")
    position = models.PositiveIntegerField()

    class Meta:
        ordering = ("collection", "position", "pk")
        constraints = [models.UniqueConstraint(fields=["collection", "sample"], name="sample_once_per_collection")]

    def __str__(self) -> str:
        return f"{self.position}. {self.sample_id}"
