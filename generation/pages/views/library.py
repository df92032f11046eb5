"""The library: every sample, found again by what it was made from."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Page, Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from generation.listening.library import active_filters, find_samples
from generation.models import AudioSample, Collection
from generation.pages.listening_forms import LibraryFilter
from generation.querysets import AudioSampleQuerySet
from text2song.pages.requests import StudioRequest
from text2song.words import parse_words

PAGE_SIZE = 20
SHORTCUTS = 4
"""How many of the reader's collections stand beside the search."""


@require_safe
def library(request: StudioRequest) -> HttpResponse:
    """Samples that fit the filters in the query string, newest first or by a taste. A wrong filter finds nothing."""
    form = LibraryFilter(request.GET, user=request.user)
    valid = form.is_valid()
    samples = find_samples(user=request.user, filters=form.cleaned_data) if valid else AudioSample.objects.none()
    page = _page(request, samples)
    chips = active_filters(request.GET, form.cleaned_data)
    context = {
        "form": form,
        "page": page,
        "chips": chips,
        "words": parse_words(form.cleaned_data.get("q", "")),
        "collections": Collection.objects.filter(owner=request.user).with_figures().order_by("-updated_at")[:SHORTCUTS],
        "narrowed": sum(chip["name"] != "q" for chip in chips),
        "has_samples": bool(page.paginator.count) or AudioSample.objects.visible().kept().exists(),
    }
    return render(request, "generation/library.html", context, status=200 if valid else 400)


def _page(request: StudioRequest, samples: AudioSampleQuerySet) -> Page:
    """One page of them. Put in order by their ids alone, and then read: rows with their outlines are long."""
    page: Page[Any] = Paginator(samples.values_list("pk", flat=True), PAGE_SIZE).get_page(request.GET.get("page"))
    rows = AudioSample.objects.with_context().hearted_by(request.user).in_bulk(list(page.object_list))
    page.object_list = [rows[pk] for pk in page.object_list if pk in rows]
    return page
