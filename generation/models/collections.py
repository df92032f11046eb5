"""Collections: clips that somebody put together, in an order of their own."""

from __future__ import annotations

import itertools
from typing import Self

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy

from generation.models.samples import AudioSample
from text2song.models import UUIDModel


class CollectionQuerySet(models.QuerySet["Collection"]):
    def visible_to(self, reader: User) -> Self:
        """Their own, and those that others share with the studio."""
        return self.filter(models.Q(owner=reader) | models.Q(is_shared=True))

    def with_figures(self) -> Self:
        """Annotate `clips` and `seconds`: of those in it that may be shown. With its owner, as lists show it."""
        shown = AudioSample.objects.visible().filter(collection_items__collection=models.OuterRef("pk"))
        grouped = shown.order_by().values("collection_items__collection")
        count = grouped.annotate(n=models.Count("pk")).values("n")
        total = grouped.annotate(total=models.Sum("duration")).values("total")
        return self.select_related("owner").annotate(
            clips=Coalesce(models.Subquery(count), 0), seconds=Coalesce(models.Subquery(total), 0.0)
        )

    def own_first(self, reader: User) -> Self:
        """Those of `reader` before those that others share; by name. Annotates `is_mine`."""
        mine = models.Case(models.When(owner=reader, then=True), default=False)
        return self.annotate(is_mine=mine).order_by("-is_mine", "name", "id")

    def free_name(self, owner_id: int, name: str) -> str:
        """`name`, or where its owner has a collection of that name “name (2)”, “name (3)” and so on."""
        taken = set(self.filter(owner=owner_id).values_list("name", flat=True))
        tries, length = itertools.count(2), self.model._meta.get_field("name").max_length or 0
        free = name
        while free in taken:
            ending = f" ({next(tries)})"
            free = f"{name[: length - len(ending)]}{ending}"
        return free


class Collection(UUIDModel):
    """A list of clips: its owner's alone, or shared with everybody who is signed in. Its owner changes it."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="collections")
    name = models.CharField(max_length=100)
    is_shared = models.BooleanField(default=False, help_text=gettext_lazy("Everybody in the studio sees it."))
    updated_at = models.DateTimeField(auto_now=True)

    objects = CollectionQuerySet.as_manager()

    clips: int
    seconds: float
    """Added by `with_figures`."""
    is_mine: bool
    """Added by `own_first`."""

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
