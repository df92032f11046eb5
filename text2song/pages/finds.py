"""What the palette and the search page look through, contributed by each app for what is its own.

An app registers a function while the studio starts (`finds.py` among its pages), so imports run one way: the palette
knows none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.core.exceptions import ImproperlyConfigured
from django.utils.functional import Promise

from text2song.pages.requests import StudioRequest

AT_MOST = 4
"""How many of one kind are shown; each function stops there by itself, so that no query reads more."""


@dataclass(frozen=True, slots=True)
class Found:
    """One row: where it leads, or the `command` that the palette's script carries out in place."""

    label: str
    url: str = ""
    icon: str = "search"
    note: str = ""
    command: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """What was found of one kind."""

    title: str | Promise
    rows: list[Found]


Find = Callable[[StudioRequest, list[str]], Iterable[Found]]
"""Gets the words that were typed, none at first. Every word must be found in a row. One query at most."""

_finds: dict[int, tuple[str | Promise, Find]] = {}
"""By order. Filled by `finds` while the studio starts, and not changed afterwards."""


def finds(title: str | Promise, *, order: int) -> Callable[[Find], Find]:
    """Register a function that finds things of one kind (decorator). The lower `order` stands first."""

    def register(find: Find) -> Find:
        if order in _finds:
            raise ImproperlyConfigured(f"Two find with order {order}; say which stands first.")
        _finds[order] = title, find
        return find

    return register


def search(request: StudioRequest, words: list[str], *, at_most: int) -> list[Group]:
    """What fits the words and may be seen by who asks: groups that are not empty, `at_most` rows in all."""
    groups, left = [], at_most
    for _, (title, find) in sorted(_finds.items()):
        if rows := list(find(request, words))[:left]:
            groups.append(Group(title, rows))
            left -= len(rows)
    return groups
