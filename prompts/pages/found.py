"""The prompt history as a page shows it: results, active filters, what to loosen, recent searches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext

from prompts.api.filters import PromptFilter
from prompts.models import Prompt
from prompts.wording.search import remember
from prompts.wording.vocabulary import MOOD_BY_SLUG, STYLE_BY_SLUG
from text2song.pages.requests import StudioRequest
from text2song.words import parse_words

RECENT_KEY = "recent_prompt_searches"
GROUPS = {
    "style": ("style",),
    "mood": ("mood",),
    "tempo": ("tempo_min", "tempo_max"),
    "date": ("created_after", "created_before"),
    "favorites": ("favorites",),
    "mine": ("mine",),
}


@dataclass(frozen=True, slots=True)
class Chip:
    """An active filter in words; `url` leads to the list without it, which would hold `count` prompts."""

    label: str
    url: str
    count: int | None = None


class History:
    """A search of the history. Wrong filter values are named on the form, and then nothing is found."""

    def __init__(self, request: StudioRequest) -> None:
        self.request = request
        self.filter = self._filter(request.GET)
        self.words = parse_words(request.GET.get("q", ""))

    @property
    def is_valid(self) -> bool:
        return self.filter.form.is_valid()

    @property
    def found(self) -> QuerySet[Prompt]:
        return self.filter.qs if self.is_valid else Prompt.objects.none()

    def _filter(self, data: Any) -> PromptFilter:
        return PromptFilter(data, queryset=Prompt.objects.visible().with_author(), request=self.request)

    @property
    def active(self) -> dict[str, str]:
        """The filters in force, in words, by group; a range counts once."""
        values = self.filter.form.cleaned_data if self.filter.form.is_valid() else {}
        set_groups = (name for name, fields in GROUPS.items() if any(values.get(f) for f in fields))
        return {name: _in_words(name, values, self.request.GET) for name in set_groups}

    @property
    def chips(self) -> list[Chip]:
        return [Chip(label, self._url_without(GROUPS[name])) for name, label in self.active.items()]

    def loosenings(self) -> list[Chip]:
        """What to leave out so that something is found, the most fruitful first. For an empty result.

        Where leaving out one thing is not enough, what to keep as the only one.
        """
        parts = {label: GROUPS[name] for name, label in self.active.items()}
        if self.words:
            parts[gettext("the words “%(words)s”") % {"words": self.request.GET["q"].strip()}] = ("q",)
        without = self._fruitful(
            {gettext("Without %(label)s") % {"label": label}: fields for label, fields in parts.items()}
        )
        if without or len(parts) < 3:
            return without
        everything = {field for fields in parts.values() for field in fields}
        return self._fruitful(
            {gettext("Only %(label)s") % {"label": label}: everything - set(fields) for label, fields in parts.items()}
        )

    def _fruitful(self, choices: dict[str, Iterable[str]]) -> list[Chip]:
        """The choices (label, fields to leave out) that find something, the most first."""
        chips = [
            Chip(label, self._url_without(fields), self._filter(self._query_without(fields)).qs.count())
            for label, fields in choices.items()
        ]
        return sorted((chip for chip in chips if chip.count), key=lambda chip: -(chip.count or 0))

    @property
    def address(self) -> str:
        """The page's address without the fields left empty."""
        return self._address(self._query_without(()))

    def _query_without(self, fields: Iterable[str]) -> QueryDict:
        query = self.request.GET.copy()
        for name in [name for name, value in query.items() if name in fields or not value]:
            del query[name]
        if fields:
            query.pop("page", None)
        return query

    def _url_without(self, fields: Iterable[str]) -> str:
        return self._address(self._query_without(fields))

    def _address(self, query: QueryDict) -> str:
        return f"{reverse('prompts')}{'?' if query else ''}{query.urlencode()}"


def recent_searches(request: StudioRequest) -> list[str]:
    """What this user searched lately, the newest first; `q` of this request is remembered."""
    recent: list[str] = request.session.get(RECENT_KEY, [])
    now = remember(recent, request.GET.get("q", ""))
    if now != recent:
        request.session[RECENT_KEY] = now
    return now


def _in_words(name: str, values: dict[str, Any], raw: Any) -> str:
    if name == "style":
        return gettext("Style: %(label)s") % {"label": STYLE_BY_SLUG[values["style"]].label}
    if name == "mood":
        return gettext("Mood: %(label)s") % {"label": MOOD_BY_SLUG[values["mood"]].label}
    if name == "tempo":
        return gettext("Tempo: %(get)s BPM") % {"get": _span(values.get("tempo_min"), values.get("tempo_max"))}
    if name == "date":
        return gettext("Made: %(span)s") % {"span": _span(raw.get("created_after"), raw.get("created_before"))}
    return {"favorites": gettext("My favourites"), "mine": gettext("Written by me")}[name]


def _span(low: object, high: object) -> str:
    if low and high:
        return gettext("%(low)s to %(high)s") % {"low": low, "high": high}
    return gettext("from %(low)s") % {"low": low} if low else gettext("up to %(high)s") % {"high": high}
