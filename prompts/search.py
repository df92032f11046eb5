"""Searching prompts: what was asked for, showing where it matched, and what was asked before."""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.utils.html import conditional_escape, format_html, mark_safe
from django.utils.safestring import SafeString

MAX_WORDS = 12
MAX_RECENT = 8
EDGES = ".,;:!?()[]{}'\"“”‘’…"


def parse_words(query: str) -> list[str]:
    """The words of a query, once each, at most `MAX_WORDS`; words in double quotes stay together.

    >>> parse_words('Calm piano, "lo fi" calm')
    ['Calm', 'piano', 'lo fi']
    """
    words: dict[str, str] = {}
    for phrase, word in re.findall(r'"([^"]+)"|(\S+)', query.replace("\x00", "")):
        text = " ".join(phrase.split()) or word.strip(EDGES) or word
        words.setdefault(text.casefold(), text)
    return list(words.values())[:MAX_WORDS]


def highlight(text: object, words: Sequence[str]) -> SafeString:
    """`text` as HTML with every occurrence of a word in `<mark>`; all of it is escaped, the marks are not."""
    text = str(text)
    if not words:
        return conditional_escape(text)
    parts: list[SafeString] = []
    end = 0
    for match in _pattern(words).finditer(text):
        parts += [conditional_escape(text[end : match.start()]), format_html("<mark>{}</mark>", match.group())]
        end = match.end()
    return mark_safe("".join([*parts, conditional_escape(text[end:])]))


def excerpt(text: str, words: Sequence[str], length: int = 240) -> str:
    """At most about `length` characters of `text`, around the first word found in it."""
    if len(text) <= length:
        return text
    match = _pattern(words).search(text) if words else None
    start = max(0, match.start() - length // 3) if match else 0
    start = 0 if start < 20 else text.rfind(" ", 0, start) + 1
    return f"{'…' if start else ''}{text[start : start + length].rstrip()}{'…' if start + length < len(text) else ''}"


def remember(recent: Sequence[str], query: str) -> list[str]:
    """`recent` searches with `query` first, each once, at most `MAX_RECENT`."""
    query = " ".join(query.split())[:200]
    if not query:
        return list(recent)
    others = [earlier for earlier in recent if earlier.casefold() != query.casefold()]
    return [query, *others][:MAX_RECENT]


def _pattern(words: Sequence[str]) -> re.Pattern[str]:
    longest_first = sorted(words, key=len, reverse=True)
    return re.compile("|".join(re.escape(word) for word in longest_first), re.IGNORECASE)
