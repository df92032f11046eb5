"""What workers wrote down, in the language of whoever reads it.

Workers write English, whoever will read it, and sentences are stored whole: why a job failed, why nobody was promoted.
A page finds such a sentence again among the texts of the catalogue, with the values in their places, and says its
translation. What is not found there (a log, words of a library) stays as it was written.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from babel.messages.mofile import read_mo
from django.conf import settings
from django.utils.translation import get_language, to_locale

PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]|\{(\w+)\}")
LEAST_WORDS = 8
"""Characters that a text needs beside its values to be told from others by them."""
END = re.compile(r"(?<=[.!?…”)])\s+(?=[A-Z“0-9])")
"""Where a sentence ends and another begins."""

Told = tuple[re.Pattern[str], str]
"""A text with values as a pattern, and its translation."""


def retold(text: str) -> str:
    """`text`, stored in English, in the active language; as it is where it is not known."""
    language = get_language() or settings.LANGUAGE_CODE
    if not text or language.split("-")[0] == "en":
        return text
    return _retold(text, to_locale(language))


@lru_cache(maxsize=2048)
def _retold(text: str, locale: str) -> str:
    """The whole if it is known, else the longest beginning of whole sentences that is, and what follows it."""
    if (said := _known(text, locale)) is not None:
        return said
    cuts = [match.span() for match in END.finditer(text)]
    for end, begin in reversed(cuts):
        if (said := _known(text[:end], locale)) is not None:
            return said + _retold(text[begin:], locale)
    if not cuts:
        return text
    end, begin = cuts[0]
    return f"{text[:end]} {_retold(text[begin:], locale)}"


def _known(text: str, locale: str) -> str | None:
    whole, with_values = _texts(locale)
    if text in whole:
        return whole[text]
    for pattern, said in with_values:
        if match := pattern.fullmatch(text):
            return _filled(said, match.groupdict(), locale)
    return None


def _filled(said: str, values: dict[str, str], locale: str) -> str:
    """A translation with its values, which may be sentences themselves."""
    told = {name: _retold(value, locale) if " " in value else value for name, value in values.items()}
    return PLACEHOLDER.sub(lambda place: told.get(place[1] or place[2], "1"), said).replace("%%", "%")


@lru_cache(maxsize=8)
def _texts(locale: str) -> tuple[dict[str, str], list[Told]]:
    """The catalogue's texts without values, and those with values, the most telling first."""
    path = Path(settings.LOCALE_PATHS[0]) / locale / "LC_MESSAGES" / "django.mo"
    if not path.exists():
        return {}, []
    with path.open("rb") as file:
        catalogue = read_mo(file)
    whole: dict[str, str] = {}
    with_values: list[tuple[int, Told]] = []
    for message in catalogue:
        if not message.id or message.context:
            continue
        said = str(message.string[0] if isinstance(message.string, tuple | list) else message.string)
        for source in (message.id,) if isinstance(message.id, str) else message.id:
            if PLACEHOLDER.search(source):
                told = len(PLACEHOLDER.sub("", source))
                if told >= LEAST_WORDS:
                    with_values.append((told, (_pattern(source), said)))
            else:
                whole[source.replace("%%", "%")] = said.replace("%%", "%")
    return whole, [told for _, told in sorted(with_values, key=lambda row: -row[0])]


def _pattern(source: str) -> re.Pattern[str]:
    parts: list[str] = []
    seen: set[str] = set()
    end = 0
    for place in PLACEHOLDER.finditer(source):
        name = place[1] or place[2]
        parts.append(re.escape(source[end : place.start()].replace("%%", "%")))
        parts.append(f"(?P={name})" if name in seen else f"(?P<{name}>.*?)")
        seen.add(name)
        end = place.end()
    parts.append(re.escape(source[end:].replace("%%", "%")))
    return re.compile("".join(parts), re.DOTALL)
