"""Runs in the palette, by their own names and those of their experiments."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from text2song.pages.finds import AT_MOST, Found, finds
from text2song.pages.requests import StudioRequest
from training.models import TrainingRun


@finds(_("Runs"), order=50)
def find_runs(request: StudioRequest, words: list[str]) -> Iterator[Found]:
    """The newest first."""
    if not words:
        return
    runs = TrainingRun.objects.select_related("experiment")
    for word in words:
        runs = runs.filter(Q(name__icontains=word) | Q(experiment__name__icontains=word))
    for run in runs.order_by("-created_at", "-id")[:AT_MOST]:
        yield Found(f"{run.experiment.name}, {run.name}", reverse("run-detail", args=[run.pk]), "training")
