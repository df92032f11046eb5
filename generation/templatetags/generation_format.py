"""How the pages of generation write lengths of time and name candidates."""

from __future__ import annotations

from collections.abc import Iterable

from django import template

from generation.models import AudioSample

register = template.Library()


@register.filter
def seconds(value: float | None) -> str:
    """Seconds in words: "8.4 s", "12 s", "3 min 05 s"; empty for None.

    >>> seconds(8.41), seconds(12.6), seconds(185)
    ('8.4 s', '13 s', '3 min 05 s')
    """
    if value is None:
        return ""
    if value < 9.95 and value != int(value):
        return f"{value:.1f} s"
    whole = round(value)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60:02d} s"


@register.filter
def indices(samples: Iterable[AudioSample]) -> str:
    """The indices of samples as a poll sends them: "0-1-3"."""
    return "-".join(str(sample.index) for sample in samples)
