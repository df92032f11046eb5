"""Named places on pages, filled by the apps above the one whose page it is.

A page knows a place and what it gives to it. It does not know who fills it, so the templates of an app name nothing of
the apps above. Whoever fills a place registers a function while the studio starts (`slots.py` among the pages of
generation, feedback and training). The tags of `text2song/pages/slot_tags.py` show a place in a template.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from django.core.exceptions import ImproperlyConfigured
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from text2song.pages.requests import StudioRequest


class Slot(StrEnum):
    """Places that stand on a page once. A fill gets the request and, by name, what is told here; it returns HTML."""

    PROMPT_HEART = "prompt-heart"
    """Beside the heading of a `prompt`: a button without words."""
    PROMPT_PAGE = "prompt-page"
    """On the page of a `prompt`, below its text."""
    PROMPT_FACTS = "prompt-facts"
    """Among the facts of a `prompt`: `dt` and `dd`."""
    ADAPTERS_PAGE = "adapters-page"
    """Beside the heading of the list of adapters: links."""
    ADAPTERS_CHOSEN = "adapters-chosen"
    """In the form that sends chosen adapters as `ids`: buttons."""
    ADAPTER_USABLE = "adapter-usable"
    """Beside an `adapter` that new jobs may use: a button, `primary` where nothing else is done more often."""
    ADAPTER_PAGE = "adapter-page"
    """On the page of an `adapter` with base model and usage, before its lineage; its `children` and its `versions`."""
    ADAPTERS_COMPARED = "adapters-compared"
    """In the table of how two `adapters` do: rows."""
    SAMPLE_PAGE = "sample-page"
    """On the page of a `sample`, below the player."""
    SAMPLES_COMPARED = "samples-compared"
    """Below `samples` of one prompt that are heard side by side."""
    DATASET_USABLE = "dataset-usable"
    """Beside the heading of a `dataset` that is ready: a button."""
    TEST_END = "test-end"
    """Where a rater has nothing left to judge in a listening `test`: a button, before the others."""
    JOB_PAGE = "job-page"
    """On the page of a `job` with its `visible_samples`, below its candidates.

    `oob`: it is sent beside the answer to a poll, to replace what stands there.
    """


class RowSlot(StrEnum):
    """Places in each row of a list. A fill gets the request, all rows at once and, by name, what is told here; it
    returns HTML by primary key.

    Its queries must not grow in number with the rows.
    """

    PROMPT = "prompt-row"
    """Among the figures of a prompt."""
    PROMPT_HEART = "prompt-row-heart"
    """Before the buttons of a prompt: one without words."""
    ADAPTER = "adapter-row"
    """In the table of adapters with usage: how many samples were made with it, where any were."""
    SAMPLE = "sample-row"
    """Among the figures of a sample, or below its player."""
    CLIP_RATING = "clip-rating"
    """In the row of a sample: how good the reader finds it, to be changed in place.

    `place`: where it stands ("row", "bar", "page"), as a sample may stand in several places of one page.
    """
    JOB = "job-row"
    """In the table of jobs: the last cell."""


Fill = TypeVar("Fill", bound=Callable[..., Any])

_fills: defaultdict[str, dict[int, Callable[..., Any]]] = defaultdict(dict)
"""By slot and order. Filled by `fills` while the studio starts, and not changed afterwards."""


def fills(slot: Slot | RowSlot, *, order: int = 0) -> Callable[[Fill], Fill]:
    """Register a function that fills a place (decorator). Where several do, the lower `order` stands first."""

    def register(fill: Fill) -> Fill:
        if order in _fills[slot]:
            raise ImproperlyConfigured(f"Two fill the slot “{slot}” with order {order}; say which stands first.")
        _fills[slot][order] = fill
        return fill

    return register


def filled(name: str, request: StudioRequest, /, **given: Any) -> SafeString:
    """What stands in the place; empty where nobody fills it. ValueError for a name that is not a `Slot`."""
    return _joined(fill(request, **given) for fill in _in_order(Slot(name)))


def filled_rows(name: str, request: StudioRequest, rows: Iterable[Any], /, **given: Any) -> dict[Any, SafeString]:
    """What stands in the place, for each row by its primary key. ValueError for a name that is not a `RowSlot`."""
    listed = list(rows)
    parts: list[Mapping[Any, SafeString]] = [fill(request, listed, **given) for fill in _in_order(RowSlot(name))]
    return {row.pk: _joined(part[row.pk] for part in parts if row.pk in part) for row in listed}


def _in_order(slot: Slot | RowSlot) -> list[Callable[..., Any]]:
    return [fill for _, fill in sorted(_fills[slot].items())]


def _joined(parts: Iterable[str]) -> SafeString:
    return format_html_join("", "{}", ((part,) for part in parts))
