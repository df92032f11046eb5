"""The quality report as pages show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext

from adapters.models import Taste
from datasets_app.models import Dataset
from generation.models import AudioSample

SHOWN_BARS = 12

MOST_NAMED = 5
"""Values of a filter that are named one by one."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A count, and its share in per cent of the largest beside it."""

    label: str
    count: int
    percent: int


@dataclass(frozen=True, slots=True)
class Chart:
    """Counts side by side. `more` are left out."""

    title: str
    bars: list[Bar]
    more: int = 0


def charts(dataset: Dataset, figures: Mapping[str, Any]) -> list[Chart]:
    """Distributions of a built dataset, those without any count, and those not told, left out."""
    margins, ratings, tags = (figures.get(name) or {} for name in ("margins", "ratings", "tags"))
    sure = (figures.get("labels") or {}).get("margins", {})
    found = [
        (gettext("Rows per split"), dict(dataset.splits)),
        ("Ratings", {f"{star} ★": count for star, count in ratings.items()}),
        (gettext("Margins"), {gettext("up to %(edge)s") % {"edge": edge}: count for edge, count in margins.items()}),
        (
            gettext("Margins of the taste's pairs"),
            {gettext("up to %(edge)s") % {"edge": edge}: count for edge, count in sure.items()},
        ),
        ("Tags", {name.replace("_", " "): count for name, count in tags.items()}),
        (gettext("Base models"), figures["models"]),
        (gettext("Adapters"), {name or gettext("None"): count for name, count in figures["adapters"].items()}),
    ]
    return [_chart(title, counts) for title, counts in found if any(counts.values())]


def _chart(title: str, counts: dict[str, int]) -> Chart:
    largest = max(counts.values())
    bars = [Bar(label, count, round(100 * count / largest)) for label, count in counts.items()]
    return Chart(title, bars[:SHOWN_BARS], max(0, len(bars) - SHOWN_BARS))


def circles(figures: Mapping[str, Any]) -> list[list[dict[str, Any]]]:
    """Listed circular triads, each clip with a short name and its sample where that can still be opened."""
    listed: list[list[str]] = figures.get("circles") or []
    samples = AudioSample.objects.visible().in_bulk({pk for circle in listed for pk in circle})
    open_ids = {str(pk) for pk in samples}
    return [[{"id": pk, "name": pk[:8], "is_open": pk in open_ids} for pk in circle] for circle in listed]


def filters_in_words(dataset: Dataset) -> list[tuple[str, str]]:
    """What chose the rows, as label and value."""
    if dataset.is_imported:
        return [(gettext("Imported from"), dataset.imported_from)]
    chosen = dataset.filters.items()
    words = [(name.replace("_", " ").capitalize(), _words(_named(name, value))) for name, value in chosen]
    return words or [(gettext("Filters"), gettext("None: everything that was judged"))]


def _named(name: str, value: Any) -> Any:
    """A taste by its name; other filters say by themselves what they are."""
    taste = Taste.objects.filter(pk=value).first() if name == "taste" else None
    return taste.label if taste else value


def _words(value: Any) -> str:
    if isinstance(value, list):
        listed = ", ".join(map(str, value[:MOST_NAMED]))
        return (
            listed
            if len(value) <= MOST_NAMED
            else gettext("%(listed)s and %(value)s more") % {"listed": listed, "value": len(value) - MOST_NAMED}
        )
    return {True: gettext("Yes"), False: gettext("No")}[value] if isinstance(value, bool) else f"{value}"
