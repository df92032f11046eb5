"""Finding samples again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from django import forms
from django.contrib.auth.models import User
from django.db.models import Q, TextField
from django.db.models.functions import Cast
from django.http import QueryDict
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy

from generation.models import AudioSample
from generation.querysets import AudioSampleQuerySet
from prompts.wording.vocabulary import INSTRUMENT_BY_SLUG, MOOD_BY_SLUG, STYLE_BY_SLUG
from text2song.words import parse_words

Narrow: TypeAlias = Callable[[AudioSampleQuerySet, Any], AudioSampleQuerySet]


@dataclass(frozen=True, slots=True)
class FurtherFilter:
    """A filter that another part of the studio adds to the library, by what it knows about samples.

    `narrow` gets the samples, the value of `field` and the user; `label` says a value that is set; `help_text` tells
    scripts what to send.
    """

    name: str
    field: Callable[[], forms.Field]
    narrow: Callable[[AudioSampleQuerySet, Any, User], AudioSampleQuerySet]
    label: Callable[[Any], str]
    help_text: str


@dataclass(frozen=True, slots=True)
class Order:
    """An order of the library: `fields` as `order_by` takes them, of samples as `prepare` leaves them."""

    label: str | Promise
    fields: tuple[str, ...]
    prepare: Callable[[AudioSampleQuerySet, User], AudioSampleQuerySet] = lambda samples, user: samples


NEWEST = "newest"
IN_TURN = ("-created_at", "-job_id", "index")
"""What follows where an order leaves clips equal, so that none moves between pages."""
ORDERS: dict[str, Order] = {
    NEWEST: Order(gettext_lazy("Newest"), ()),
    "oldest": Order(gettext_lazy("Oldest"), ("created_at", "job_id", "index")),
    "title": Order(gettext_lazy("Title"), ("called",), lambda samples, user: samples.called()),
    "longest": Order(gettext_lazy("Longest"), ("-duration",)),
    "shortest": Order(gettext_lazy("Shortest"), ("duration",)),
}
"""By the name that stands in the address. Completed by `add_order` while the studio starts."""


_OWN_ORDERS = frozenset(ORDERS)


def further_orders() -> list[str]:
    """Those that other parts of the studio added."""
    return [name for name in ORDERS if name not in _OWN_ORDERS]


def add_order(name: str, order: Order) -> None:
    """Add an order to the library, and to the API's list by the field that `prepare` adds under this name."""
    ORDERS[name] = order


FURTHER_FILTERS: dict[str, FurtherFilter] = {}
"""Filled by `add_filter` while the studio starts, and not changed afterwards."""


def add_filter(further: FurtherFilter) -> None:
    """Add a filter to the library, and to the API's list."""
    FURTHER_FILTERS[further.name] = further


def find_samples(*, user: User, filters: dict[str, Any]) -> AudioSampleQuerySet:
    """Kept samples that fit every filter set in `filters` (`LibraryFilter.cleaned_data`), as `sort` or a taste says.

    A tempo range leaves out prompts without a tempo. Days are those of the user's time zone, both included.
    """
    samples = AudioSample.objects.visible().kept().with_context().hearted_by(user)
    for name, value in filters.items():
        if value and name in _FILTERS:
            samples = _FILTERS[name](samples, value)
        elif value and name in FURTHER_FILTERS:
            samples = FURTHER_FILTERS[name].narrow(samples, value, user)
    if taste := filters.get("by_taste"):
        return samples.by_taste(taste)
    order = ORDERS[filters.get("sort") or NEWEST]
    return order.prepare(samples, user).order_by(*order.fields, *IN_TURN)


def active_filters(query: QueryDict, filters: dict[str, Any]) -> list[dict[str, str]]:
    """A chip for each filter that is set: what it says, and the query string without it."""
    chips = []
    for name, value in filters.items():
        if value and name != "sort":
            rest = query.copy()
            for key in (name, "page"):
                rest.pop(key, None)
            label = FURTHER_FILTERS[name].label if name in FURTHER_FILTERS else _LABELS[name]
            chips.append({"name": name, "label": label(value), "url": f"?{rest.urlencode()}"})
    return chips


def _words(samples: AudioSampleQuerySet, text: str) -> AudioSampleQuerySet:
    return samples.matching(parse_words(text))


def _instrument(samples: AudioSampleQuerySet, slug: str) -> AudioSampleQuerySet:
    """Primary or secondary. The lists are searched as text, quotes included: SQLite cannot look into JSON arrays."""
    return samples.alias(
        primary=Cast("job__prompt__primary_instruments", TextField()),
        secondary=Cast("job__prompt__secondary_instruments", TextField()),
    ).filter(Q(primary__contains=f'"{slug}"') | Q(secondary__contains=f'"{slug}"'))


_FILTERS: dict[str, Narrow] = {
    "q": _words,
    "style": lambda samples, slug: samples.filter(job__prompt__style=slug),
    "mood": lambda samples, slug: samples.filter(job__prompt__mood=slug),
    "instrument": _instrument,
    "tempo_min": lambda samples, tempo: samples.filter(job__prompt__tempo__gte=tempo),
    "tempo_max": lambda samples, tempo: samples.filter(job__prompt__tempo__lte=tempo),
    "model": lambda samples, model: samples.filter(job__base_model=model),
    "adapter": lambda samples, adapter: samples.filter(job__adapter=adapter),
    "person": lambda samples, person: samples.filter(job__requested_by=person),
    "collection": lambda samples, collection: samples.filter(collection_items__collection=collection),
    "date_from": lambda samples, day: samples.filter(created_at__date__gte=day),
    "date_to": lambda samples, day: samples.filter(created_at__date__lte=day),
    "heart": lambda samples, _: samples.filter(is_favorite=True),  # type: ignore[misc]  # added by `hearted_by`
}


_LABELS: dict[str, Callable[[Any], str]] = {
    "q": lambda text: f"“{text}”",
    "style": lambda slug: STYLE_BY_SLUG[slug].label,
    "mood": lambda slug: MOOD_BY_SLUG[slug].label,
    "instrument": lambda slug: INSTRUMENT_BY_SLUG[slug].label,
    "tempo_min": lambda tempo: gettext("from %(tempo)s BPM") % {"tempo": tempo},
    "tempo_max": lambda tempo: gettext("to %(tempo)s BPM") % {"tempo": tempo},
    "model": lambda model: model.display_name,
    "adapter": lambda adapter: adapter.label,
    "person": lambda person: gettext("made by %(person)s") % {"person": person.get_username()},
    "collection": lambda collection: gettext("in “%(collection)s”") % {"collection": collection.name},
    "date_from": lambda day: gettext("from %(day)s") % {"day": date_format(day, "DATE_FORMAT")},
    "date_to": lambda day: gettext("to %(day)s") % {"day": date_format(day, "DATE_FORMAT")},
    "heart": lambda _: gettext("Favourites"),
    "by_taste": lambda taste: gettext("best first for %(taste_label)s") % {"taste_label": taste.label},
}
