"""When two texts ask for the same: what splits and evaluation suites go by, whatever prompt a text came with."""

from __future__ import annotations

import hashlib
import unicodedata


def plain(text: str) -> str:
    """A text without what nobody means: capitals, widths and ways to write an accent, invisible signs, blanks beside
    one another, punctuation at the end.

    >>> plain(" Calm  PIANO at dusk ...\\n"), plain("ｃａｌｍ piano,\\u200b at dusk!"), plain("?!")
    ('calm piano at dusk', 'calm piano, at dusk', '?!')
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    seen = "".join(sign for sign in folded if unicodedata.category(sign) != "Cf")
    words = " ".join(seen.split())
    end = len(words)
    while end and (words[end - 1] == " " or unicodedata.category(words[end - 1]).startswith("P")):
        end -= 1
    return words[:end] or words


def text_key(text: str) -> str:
    """One short name for all texts that are `plain`ly the same: sha256 in hexadecimal digits."""
    return hashlib.sha256(plain(text).encode()).hexdigest()
