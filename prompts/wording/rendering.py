"""From a prompt's text and attributes to the exact string the model is given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from prompts.wording.vocabulary import INSTRUMENT_BY_SLUG, MOOD_BY_SLUG, STYLE_BY_SLUG


@dataclass(frozen=True, slots=True)
class Rendered:
    """A prompt's parts in the order they are read: mood and style, the free text, instruments and tempo."""

    lead: str
    body: str
    tail: tuple[str, ...]

    def __str__(self) -> str:
        return self.with_body(self.body)

    def with_body(self, body: str) -> str:
        """The whole text with `body` in place of the free text."""
        if self.tail:
            body = body.rstrip(".,;: ")
        return ", ".join(part for part in (self.lead, body, *self.tail) if part)


def render_prompt(
    text: str,
    *,
    style: str = "",
    mood: str = "",
    tempo: int | None = None,
    primary_instruments: Sequence[str] = (),
    secondary_instruments: Sequence[str] = (),
) -> Rendered:
    """Put text and attributes into words.

    Mood and style lead, the free text follows, then the instruments by role and the tempo in BPM. All attributes
    are vocabulary slugs; an unknown slug raises `KeyError`, so callers validate first.

    >>> str(render_prompt("calm piano at dusk.", style="jazz", mood="peaceful", tempo=80,
    ...                   primary_instruments=["acoustic-piano"], secondary_instruments=["shaker"]))
    'peaceful jazz, calm piano at dusk, featuring acoustic piano, with subtle shaker, 80 BPM'
    """
    lead = [MOOD_BY_SLUG[mood].spoken] if mood else []
    lead += [STYLE_BY_SLUG[style].spoken] if style else []
    tail = []
    if primary_instruments:
        tail.append(f"featuring {_spoken_list(primary_instruments)}")
    if secondary_instruments:
        tail.append(f"with subtle {_spoken_list(secondary_instruments)}")
    if tempo is not None:
        tail.append(f"{tempo} BPM")
    return Rendered(" ".join(lead), " ".join(text.split()), tuple(tail))


def _spoken_list(slugs: Iterable[str]) -> str:
    names = [INSTRUMENT_BY_SLUG[slug].spoken for slug in slugs]
    if len(names) == 1:
        return names[0]
    return f"{', '.join(names[:-1])} and {names[-1]}"
