"""Clips and collections in the palette."""

from __future__ import annotations

from collections.abc import Iterator

from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from generation.models import AudioSample, Collection
from text2song.pages.finds import AT_MOST, Found, finds
from text2song.pages.requests import StudioRequest


@finds(_("Clips"), order=30)
def find_clips(request: StudioRequest, words: list[str]) -> Iterator[Found]:
    """By their titles and the words of their prompts, the newest first; without those that a taste has set aside."""
    if not words:
        return
    samples = AudioSample.objects.visible().kept()
    for word in words:
        samples = samples.matching([word])
    found = samples.select_related("job__prompt").order_by("-created_at", "-id").defer("peaks")
    for sample in found[:AT_MOST]:
        note = gettext("Sample %(letter)s") % {"letter": sample.label}
        yield Found(sample.title or str(sample.job.prompt), reverse("sample-detail", args=[sample.pk]), "wave", note)


@finds(_("Collections"), order=35)
def find_collections(request: StudioRequest, words: list[str]) -> Iterator[Found]:
    """By their names: one's own, and those that others share."""
    if not words:
        return
    collections = Collection.objects.visible_to(request.user)
    for word in words:
        collections = collections.filter(name__icontains=word)
    for collection in collections.with_figures().own_first(request.user)[:AT_MOST]:
        note = ngettext("%(count)s clip", "%(count)s clips", collection.clips) % {"count": collection.clips}
        yield Found(collection.name, reverse("collection-detail", args=[collection.pk]), "collections", note)
