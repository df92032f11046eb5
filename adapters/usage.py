"""How much adapters were used. The app that plays them knows, and says here how it is counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from django.db.models import DateTimeField, Expression, Value

Counts: TypeAlias = Callable[[], Mapping[str, Expression]]
"""Gives `sample_count`, `job_count` and `last_used_at` as annotations of adapters."""


def _never_used() -> Mapping[str, Expression]:
    return {
        "sample_count": Value(0),
        "job_count": Value(0),
        "last_used_at": Value(None, output_field=DateTimeField()),
    }


_counts: list[Counts] = [_never_used]


def counts_usage(counts: Counts) -> Counts:
    """Register the function that says how usage is counted (decorator)."""
    _counts[:] = [counts]
    return counts


def usage() -> Mapping[str, Expression]:
    """Annotations of adapters. Where nobody plays them, none was ever used."""
    return _counts[0]()
