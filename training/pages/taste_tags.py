"""How pages write whose a taste is, and how good."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import template
from django.contrib.auth.models import User
from django.utils.translation import gettext, ngettext

from adapters.models import Taste
from training.tastes.telling import accuracy_in_words, ears, not_heard

register = template.Library()
SCALE = 200
"""Units of the drawing from 0 to 100 %."""


@register.filter
def whose_for(taste: Taste, reader: User) -> str:
    """As in “your own votes”, “everybody's votes”, “the votes of anna and ben”, “the rows of a dataset”."""
    if taste.is_of_dataset:
        return gettext("the rows of a dataset")
    if taste.is_of(reader):
        return gettext("your own votes")
    return gettext("the votes of %(whose)s") % {"whose": taste.whose} if taste.raters else gettext("everybody's votes")


register.filter("ears", ears)
register.filter("not_heard", not_heard)


@register.filter
def narrowed_by(taste: Taste) -> str:
    """The other filters of its votes, by their names; empty without any."""
    others = [name.replace("_", " ") for name in taste.filters if name not in ("raters", "dataset")]
    return ", ".join(others)


@register.filter
def accuracy(share: Mapping[str, Any]) -> str:
    """As in “68 % (61 to 75 %)”; a dash for nothing.

    >>> accuracy({"value": 0.68, "low": 0.61, "high": 0.75}), accuracy({})
    ('68 % (61 to 75 %)', '–')
    """
    return accuracy_in_words(share) if share else "–"


@register.filter
def share(value: float | None) -> str:
    """A share in whole per cent; a dash for None.

    >>> share(0.6809), share(None)
    ('68 %', '–')
    """
    return "–" if value is None else f"{100 * value:.0f} %"


@register.filter
def points(value: float) -> str:
    """A difference of shares in percentage points.

    >>> points(0.042), points(0.01)
    ('4 percentage points', '1 percentage point')
    """
    count = round(100 * value)
    return ngettext("%(count)s percentage point", "%(count)s percentage points", count) % {"count": count}


@register.filter
def seventy(error: float) -> str:
    """What comes true of what is foretold with 70 %.

    >>> seventy(0.07), seventy(0.001)
    ('63 to 77 %', '70 %')
    """
    off = round(100 * error)
    return f"{max(0, 70 - off)} to {min(100, 70 + off)} %" if off else "70 %"


@register.filter
def on_scale(value: float, shift: float = 0) -> str:
    """A share as a place on the drawing's line."""
    return f"{SCALE * value + shift:.1f}"


@register.filter
def range_on_scale(share: Mapping[str, Any]) -> str:
    """The length of an interval on the drawing's line."""
    return f"{SCALE * (share['high'] - share['low']):.1f}"
