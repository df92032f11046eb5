"""Adapters in the palette."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from adapters.models import Adapter
from text2song.pages.finds import AT_MOST, Found, finds
from text2song.pages.requests import StudioRequest


@finds(_("Adapters"), order=40)
def find_adapters(request: StudioRequest, words: list[str]) -> Iterator[Found]:
    """By name and version, the newest first."""
    if not words:
        return
    adapters = Adapter.objects.visible().select_related("base_model")
    for word in words:
        adapters = adapters.filter(Q(name__icontains=word) | Q(version__icontains=word))
    for adapter in adapters.order_by("-created_at", "-id")[:AT_MOST]:
        url = reverse("adapter-detail", args=[adapter.pk])
        yield Found(adapter.label, url, "adapters", adapter.base_model.display_name)
