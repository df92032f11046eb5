"""From a prompt's text and attributes to the exact string the model is given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from prompts.vocabulary import INSTRUMENT_BY_SLUG, MOOD_BY_SLUG, STYLE_BY_SLUG


def render_prompt(
    text: str,
    *,
    style: str = "",
    mood: str = "",
    tempo: int | None = None,
    primary_instruments: Sequence[str] = (),
    secondary_instruments: Sequence[str] = (),
) -> str:
    """Return the model's conditioning text.

    Mood and style lead, the free text follows, then the instruments by role and the tempo in BPM. All attributes
    are vocabulary slugs; an unknown slug raises `KeyError`, so callers validate first.

    >>> render_prompt("calm piano at dusk.", style="jazz", mood="peaceful", tempo=80,
    ...               primary_instruments=["acoustic-piano"], secondary_instruments=["shaker"])
    'peaceful jazz, calm piano at dusk, featuring acoustic piano, with subtle shaker, 80 BPM'
    """
    lead = [MOOD_BY_SLUG[mood].spoken] if mood else []
    lead += [STYLE_BY_SLUG[style].spoken] if style else []
    body = " ".join(text.split())
    tail = []
    if primary_instruments:
        tail.append(f"featuring {_spoken_list(primary_instruments)}")
    if secondary_instruments:
        tail.append(f"with subtle {_spoken_list(secondary_instruments)}")
    if tempo is not None:
        tail.append(f"{tempo} BPM")
    if tail:
        body = body.rstrip(".,;: ")
    return ", ".join(part for part in (" ".join(lead), body, *tail) if part)


def _spoken_list(slugs: Iterable[str]) -> str:
    names = [INSTRUMENT_BY_SLUG[slug].spoken for slug in slugs]
    if len(names) == 1:
        return names[0]
    return f"{', '.join(names[:-1])} and {names[-1]}"
