"""Clips that were chosen in a list: `ids` of a form or of the address."""

from __future__ import annotations

from uuid import UUID

from django.utils.translation import gettext

from generation.models import AudioSample
from generation.querysets import AudioSampleQuerySet
from text2song.exceptions import Refused
from text2song.pages.requests import StudioRequest

MOST = 500


def chosen_samples(request: StudioRequest) -> list[AudioSample]:
    """Those of the chosen clips that may be shown, in the order given. Raises `Refused` where there is none."""
    given = [value for value in (*request.POST.getlist("ids"), *request.GET.getlist("ids")) if value]
    if not given:
        raise Refused(gettext("No clip is chosen. Tick some first."))
    if len(given) > MOST:
        raise Refused(gettext("At most %(most)s clips at once.") % {"most": MOST})
    ids = [pk for value in given if (pk := as_uuid(value)) is not None]
    found = in_order(AudioSample.objects.visible(), ids)
    if not found:
        raise Refused(gettext("The clips that were chosen are not there, or not any more."))
    return found


def in_order(samples: AudioSampleQuerySet, ids: list[UUID]) -> list[AudioSample]:
    """Those of `samples` that `ids` name, each once, in their order; with what lists show."""
    found = {sample.pk: sample for sample in samples.with_context().filter(pk__in=ids)}
    return [found[pk] for pk in dict.fromkeys(ids) if pk in found]


def as_uuid(value: str) -> UUID | None:
    try:
        return UUID(value)
    except ValueError:
        return None
