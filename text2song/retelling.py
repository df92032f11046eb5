"""What workers wrote down, in the language of whoever reads it.

Workers write English, whoever will read it, and sentences are stored whole: why a job failed, why nobody was promoted.
A page finds such a sentence again among the texts of the catalogue, with the values in their places, and says its
translation. What is not found there (a log, words of a library) stays as it was written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from babel.messages.mofile import read_mo
from django.conf import settings
from django.utils.translation import get_language, to_locale

PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]|\{(\w+)\}")
LEAST_WORDS = 8
"""Characters that a text needs beside its values to be told from others by them; with fewer, its values are figures."""
FIGURE = re.compile(r"[^A-Za-z]*\d[^A-Za-z]*")
END = re.compile(r"(?<=[.!?…”)])\s+(?=[A-Z“0-9])")
"""Where a sentence ends and another begins."""


@dataclass(frozen=True, slots=True)
class Told:
    """A text with values as a pattern, and its translation. `last` is the value it ends with: that may be sentences."""

    pattern: re.Pattern[str]
    said: str
    letters: int
    last: str

    def may_hold(self, values: dict[str, str]) -> bool:
        """Whether these can be its values: no other than the last holds the end of a sentence."""
        if any(END.search(value) for name, value in values.items() if name != self.last):
            return False
        return self.letters >= LEAST_WORDS or all(FIGURE.fullmatch(value) for value in values.values())


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
    for told in with_values:
        match = told.pattern.fullmatch(text)
        if match and told.may_hold(match.groupdict()):
            return _filled(told.said, match.groupdict(), locale)
    return None


def _filled(said: str, values: dict[str, str], locale: str) -> str:
    """A translation with its values: sentences and phrases among them are said too, names are not."""
    told = {
        name: _retold(value, locale) if " " in value or value.islower() else value for name, value in values.items()
    }
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
    with_values: list[Told] = []
    for message in catalogue:
        if not message.id or message.context:
            continue
        said = str(message.string[0] if isinstance(message.string, tuple | list) else message.string)
        for source in (message.id,) if isinstance(message.id, str) else message.id:
            places = list(PLACEHOLDER.finditer(source))
            if places:
                last = (places[-1][1] or places[-1][2]) if places[-1].end() == len(source) else ""
                with_values.append(Told(_pattern(source), said, len(PLACEHOLDER.sub("", source)), last))
            else:
                whole[source.replace("%%", "%")] = said.replace("%%", "%")
    return whole, sorted(with_values, key=lambda told: -told.letters)


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
