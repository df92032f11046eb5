"""Samples of one prompt side by side."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from generation.listening.comparison import MOST, others_of_prompt, rows, samples_to_compare
from generation.models import AudioSample
from text2song.exceptions import DomainError, Refused
from text2song.pages.requests import StudioRequest


@require_safe
def compare(request: StudioRequest) -> HttpResponse:
    """`?ids=..&ids=..`: 2 to 10 samples of one prompt. What cannot be compared stays chosen, to be put right."""
    wanted = [value for value in request.GET.getlist("ids") if value]
    if not wanted:
        return render(request, "generation/compare.html", {"chosen": [], "others": []})
    if len(wanted) == 1 and (chosen := _visible(wanted)):  # the row of a clip leads here: the others are chosen now
        return render(request, "generation/compare.html", {"chosen": chosen, "others": _others(chosen), "most": MOST})
    try:
        chosen = samples_to_compare(_uuids(wanted))
    except DomainError as error:
        chosen = _visible(wanted)
        context = {"problem": error.message, "chosen": chosen, "others": _others(chosen), "most": MOST}
        return render(request, "generation/compare.html", context, status=error.status)
    context = {"samples": chosen, "rows": rows(chosen), "chosen": chosen, "others": _others(chosen), "most": MOST}
    return render(request, "generation/compare.html", context)


def _uuids(values: list[str]) -> list[UUID]:
    wrong = [value for value in values if _uuid(value) is None]
    if wrong:
        shown = ", ".join(f"“{value[:40]}”" for value in wrong[:MOST])
        raise Refused(gettext("Not the id of a sample: %(shown)s.") % {"shown": shown}, fields={"ids": wrong})
    return [UUID(value) for value in values]


def _uuid(value: str) -> UUID | None:
    try:
        return UUID(value)
    except ValueError:
        return None


def _visible(values: list[str]) -> list[AudioSample]:
    ids = {pk for value in values if (pk := _uuid(value)) is not None}
    return list(AudioSample.objects.visible().with_context().filter(pk__in=ids).order_by("-created_at", "index"))


def _others(chosen: list[AudioSample]) -> list[AudioSample]:
    return others_of_prompt(chosen) if chosen else []
