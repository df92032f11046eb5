"""The palette (Ctrl K) and the search page: sections, actions, and what the apps find by name."""

from __future__ import annotations

from collections.abc import Iterator

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from text2song.pages.finds import Found, finds, search
from text2song.pages.navigation import MENU, SECTIONS, Section, url_or_empty
from text2song.pages.requests import StudioRequest
from text2song.words import parse_words

AT_MOST = 20
LONGEST = 200
"""Characters of a question that are read."""


@require_safe
def palette(request: StudioRequest) -> HttpResponse:
    """The rows alone, for the list under the palette's field."""
    return render(request, "components/_palette_results.html", {"groups": _groups(request)})


@require_safe
def search_page(request: StudioRequest) -> HttpResponse:
    """The same as a page, for browsers without JavaScript; what only a script can do is left out."""
    context = {"groups": _groups(request), "query": request.GET.get("q", "")[:LONGEST]}
    return render(request, "settings/search.html", context)


def _groups(request: StudioRequest) -> list[object]:
    words = parse_words(request.GET.get("q", "")[:LONGEST])
    return list(search(request, words, at_most=AT_MOST))


def holds(label: str, words: list[str]) -> bool:
    """Whether every word stands somewhere in the label, in any capitals."""
    folded = label.casefold()
    return all(word.casefold() in folded for word in words)


@finds(gettext_lazy("Sections"), order=0)
def find_sections(request: StudioRequest, words: list[str]) -> Iterator[Found]:
    """Everything the sidebar and the menu list for this person. Without words the sections themselves."""
    for section in (*SECTIONS, *MENU):
        if section.staff and not request.user.is_staff:
            continue
        if section in SECTIONS or words:
            yield from _places(section, words)
        if words:
            for child in section.children:
                if not child.staff or request.user.is_staff:
                    yield from _places(child, words, within=str(section.label))


def _places(section: Section, words: list[str], within: str = "") -> Iterator[Found]:
    url = url_or_empty(section.url_name)
    if url and holds(str(section.label), words):
        yield Found(str(section.label), url, section.icon or "more", note=within)


@finds(gettext_lazy("Actions"), order=10)
def find_actions(request: StudioRequest, words: list[str]) -> Iterator[Found]:
    """What is done from anywhere."""
    actions = (
        Found(_("New prompt"), url_or_empty("create"), "plus"),
        Found(_("Theme: light"), icon="settings", command="theme-light"),
        Found(_("Theme: dark"), icon="settings", command="theme-dark"),
        Found(_("Theme: as the system"), icon="settings", command="theme-auto"),
        Found(_("Keys"), icon="keyboard", command="keys"),
        Found(_("Sign out"), icon="sign-out", command="sign-out"),
    )
    for action in actions:
        if (action.url or action.command) and holds(action.label, words):
            yield action
