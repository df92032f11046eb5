"""Words as people type them. Free of Django: the engine reads prompts by the same rules."""

from __future__ import annotations

import re
from unicodedata import normalize

MAX_WORDS = 12
SEPARATORS = ",;/|、，；،؛"
"""What stands between words like a blank, in several scripts."""
EDGES = ".,;:!?()[]{}'\"“”‘’…、。"
"""What may stand around a word without being of it."""


def parse_words(query: str) -> list[str]:
    """The words of a query, once each, at most `MAX_WORDS`; words in double quotes stay together.

    >>> parse_words('Calm piano,cello "lo fi" calm')
    ['Calm', 'piano', 'cello', 'lo fi']
    """
    words: dict[str, str] = {}
    for phrase, word in re.findall(rf'"([^"]+)"|([^\s{SEPARATORS}]+)', normalize("NFC", query.replace("\x00", ""))):
        text = " ".join(phrase.split()) or word.strip(EDGES) or word
        words.setdefault(text.casefold(), text)
    return list(words.values())[:MAX_WORDS]
