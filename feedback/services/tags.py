"""Tags on samples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.translation import gettext

from feedback.exceptions import TagTaken, refused
from feedback.models import SampleTag, Tag
from feedback.services.vocabulary import resolve_tag
from generation.models import AudioSample

MOST_TAGS = 50
ROUNDING = 0.01
"""Seconds to which spans are rounded; finer than anyone draws."""


@dataclass(frozen=True, slots=True)
class TagUse:
    """A tag as a rater names it, on the whole sample or from `start` to `end` seconds."""

    name: str
    sign: str | None = None
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True, slots=True)
class _Place:
    """What must differ between two tags of one rater on one sample."""

    tag: UUID
    start: float | None
    end: float | None


def add_tags(*, sample: AudioSample, rater: User, uses: Sequence[TagUse]) -> list[SampleTag]:
    """Add tags to the rater's tags on a sample: all or none. Raises `TagTaken` if one is there already, `Refused`."""
    with transaction.atomic():
        wanted = _places(sample, uses)
        there = _there(sample, rater)
        for index, (place, tag) in enumerate(wanted):
            if place in there or place in [earlier for earlier, _ in wanted[:index]]:
                raise TagTaken(_already(place, tag))
        return [_store(sample, rater, place, tag) for place, tag in wanted]


def replace_tags(*, sample: AudioSample, rater: User, uses: Sequence[TagUse]) -> list[SampleTag]:
    """Make `uses` exactly the rater's tags on a sample; an empty sequence takes all away. Raises `Refused`."""
    with transaction.atomic():
        wanted = dict(_places(sample, uses))
        there = _there(sample, rater)
        gone = [use.pk for place, use in there.items() if place not in wanted]
        SampleTag.objects.filter(pk__in=gone).delete()
        return [there.get(place) or _store(sample, rater, place, tag) for place, tag in wanted.items()]


def _there(sample: AudioSample, rater: User) -> dict[_Place, SampleTag]:
    uses = SampleTag.objects.filter(sample=sample, rater=rater).select_related("tag")
    return {_Place(use.tag_id, use.start, use.end): use for use in uses}


def _places(sample: AudioSample, uses: Iterable[TagUse]) -> list[tuple[_Place, Tag]]:
    uses = list(uses)
    if len(uses) > MOST_TAGS:
        raise refused("tags", gettext("At most %(most)s tags can be sent at once.") % {"most": MOST_TAGS})
    places = []
    for use in uses:
        start, end = _span(sample, use)
        tag = resolve_tag(name=use.name, sign=use.sign)
        places.append((_Place(tag.pk, start, end), tag))
    return places


def _span(sample: AudioSample, use: TagUse) -> tuple[float | None, float | None]:
    if use.start is None and use.end is None:
        return None, None
    if use.start is None or use.end is None:
        raise refused(
            "end" if use.end is None else "start", gettext("A part of a sample needs both a start and an end.")
        )
    if not 0 <= use.start < use.end <= sample.duration + ROUNDING:  # NaN is none of these
        message = gettext("The part must lie within the clip, from 0 to %(duration)s s, and end after it starts.") % {
            "duration": f"{sample.duration:.2f}"
        }
        raise refused("end", message)
    start, end = round(use.start, 2), round(min(use.end, sample.duration), 2)
    if start == end:
        raise refused("end", gettext("The part is shorter than %(seconds)s s.") % {"seconds": f"{ROUNDING:g}"})
    return start, end


def _store(sample: AudioSample, rater: User, place: _Place, tag: Tag) -> SampleTag:
    use = SampleTag(sample=sample, rater=rater, tag=tag, start=place.start, end=place.end)
    try:
        with transaction.atomic():
            use.save(force_insert=True)
    except IntegrityError as error:  # sent from another tab a moment ago
        raise TagTaken(_already(place, tag)) from error
    return use


def _already(place: _Place, tag: Tag) -> str:
    if place.start is None:
        return gettext("You have put “%(tag)s” on this sample already.") % {"tag": tag.name}
    return gettext("You have put “%(tag)s” on %(start)s to %(end)s s of this sample already.") % {
        "tag": tag.name,
        "start": f"{place.start:g}",
        "end": f"{place.end:g}",
    }
