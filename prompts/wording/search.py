"""Searching prompts: showing where it matched, and what was asked before."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe

MAX_RECENT = 8
AROUND = 80
"""Characters of an excerpt on either side of a match."""


def highlight(text: object, words: Sequence[str]) -> SafeString:
    """`text` as HTML with every occurrence of a word in `<mark>`; all of it is escaped, the marks are not."""
    text = str(text)
    if not words:
        return conditional_escape(text)
    parts: list[SafeString] = []
    end = 0
    for first, last in _spans(text, words):
        parts += [conditional_escape(text[end:first]), format_html("<mark>{}</mark>", text[first:last])]
        end = last
    return mark_safe("".join([*parts, conditional_escape(text[end:])]))


def excerpt(text: str, words: Sequence[str], length: int = 240) -> str:
    """At most about `length` characters of `text`: its beginning, or the pieces around the first match of each word."""
    if len(text) <= length:
        return text
    pieces: list[list[int]] = []
    for first, last in sorted(span for word in words if (span := next(_spans(text, [word]), None))):
        start, end = _to_blank(text, max(0, first - AROUND)), min(len(text), last + AROUND)
        if pieces and start <= pieces[-1][1]:
            pieces[-1][1] = max(pieces[-1][1], end)
        else:
            pieces.append([start, end])
    if not pieces or pieces[0][0] == 0:
        pieces = [[0, max(length, pieces[0][1] if pieces else 0)], *pieces[1:]]
    shown = "…".join(text[start:end].strip() for start, end in pieces)
    return f"{'…' if pieces[0][0] else ''}{shown}{'…' if pieces[-1][1] < len(text) else ''}"


def remember(recent: Sequence[str], query: str) -> list[str]:
    """`recent` searches with `query` first, each once, at most `MAX_RECENT`."""
    query = " ".join(query.split())[:200]
    if not query:
        return list(recent)
    others = [earlier for earlier in recent if earlier.casefold() != query.casefold()]
    return [query, *others][:MAX_RECENT]


def _spans(text: str, words: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Where a word stands in `text`, whatever its case; of two at one place the longer."""
    folded = [sign.casefold() for sign in text]
    places = [place for place, signs in enumerate(folded) for _ in signs]
    longest_first = sorted((word.casefold() for word in words), key=len, reverse=True)
    for match in re.finditer("|".join(map(re.escape, longest_first)) or "(?!)", "".join(folded)):
        yield places[match.start()], places[match.end() - 1] + 1


def _to_blank(text: str, place: int) -> int:
    """The start of the word that `place` is in; of a script without blanks, `place` itself."""
    blank = text.rfind(" ", max(0, place - 20), place)
    return blank + 1 if blank >= 0 else (0 if place < 20 else place)
