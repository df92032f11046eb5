"""How the pages of training write numbers and lengths of time, and find what runs are connected with."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from django import template
from django.utils.translation import gettext

from adapters.pages.configuration import in_words
from generation.pages.tags import seconds
from text2song.pages.navigation import url_or_empty
from training.pages.settings_in_words import label_of
from training.quality.guards import Guard, Guards

register = template.Library()
register.filter(in_words)
register.filter(label_of)


@register.filter
def duration(value: float | None) -> str:
    """Seconds in words, hours included; empty for None.

    >>> duration(8.41), duration(185), duration(7500)
    ('8.4 s', '3 min 05 s', '2 h 05 min')
    """
    if value is None or value < 3600:
        return seconds(value)
    minutes = round(value / 60)
    return gettext("%(hours)s h %(minutes)s min") % {"hours": minutes // 60, "minutes": f"{minutes % 60:02d}"}


@register.filter
def figure(value: float | None) -> str:
    """A metric to four figures; a dash for None.

    >>> figure(0.693147), figure(-1234.567), figure(0.00005), figure(None)
    ('0.6931', '-1235', '5e-05', '–')
    """
    if value is None:
        return "–"
    return f"{value:.4g}" if abs(value) < 1000 or not math.isfinite(value) else f"{value:.0f}"


@register.filter
def difference(percent: float | None) -> str:
    """A difference in per cent with its sign; empty for None and for none.

    >>> difference(12.345), difference(-3.0), difference(0.0)
    ('+12.3 %', '−3.0 %', '')
    """
    if not percent:
        return ""
    return f"{'+' if percent > 0 else '−'}{abs(percent):.1f} %"


@register.filter
def signed_figure(value: float | None) -> str:
    """A difference in a metric's own unit with its sign; empty for None and for none.

    >>> signed_figure(0.016), signed_figure(-1.5), signed_figure(0.0)
    ('+0.016', '−1.5', '')
    """
    if not value:
        return ""
    return f"{'+' if value > 0 else '−'}{figure(abs(value))}"


@register.simple_tag
def optional_url(name: str, *args: Any) -> str:
    """The address called `name`; empty where this installation has none."""
    return url_or_empty(name, *args)


@register.filter
def per_cent(share: float | None) -> str:
    """A share in per cent; a dash for None.

    >>> per_cent(0.7041), per_cent(None)
    ('70.4 %', '–')
    """
    return "–" if share is None else f"{100 * share:.1f} %"


@register.filter
def guards_of(figures: Mapping[str, Any]) -> list[Guard]:
    """A promotion's guards beside their limits; none where they were not measured."""
    return Guards.from_mapping(figures).guards if figures else []
