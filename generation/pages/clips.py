"""A clip in a row: where rows stand, and what one click asks for."""

from __future__ import annotations

from django.http import HttpRequest

PLACES = frozenset({"row", "bar", "page"})
"""Where a clip's heart and stars stand. One clip may stand in several at once; their ids begin with the place."""


def place_of(request: HttpRequest) -> str:
    """The place that a heart or stars were sent from, so that the answer fits there; empty for another."""
    place = request.POST.get("place", "")
    return place if place in PLACES else ""
