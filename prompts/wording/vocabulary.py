"""What a prompt's attributes may say: styles, moods and instruments by group.

Pure data, shared by forms, API, admin, the prompt coach and the bundled model's corpus. A slug is what is stored
and sent through the API; a label is what people see, in their language; `spoken` is what the model reads, in English.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

MIN_TEMPO = 40
MAX_TEMPO = 200
MAX_TEXT_LENGTH = 2000


def _as_written(name: str) -> str:
    return name


_translate: Callable[[str], str] = _as_written


def translate_with(translate: Callable[[str], str]) -> None:
    """Say labels through `translate` from now on; without, as in the engine, they are English."""
    global _translate
    _translate = translate


@dataclass(frozen=True, slots=True)
class Named:
    slug: str
    name: str
    """In English. `prompts.pages.vocabulary` lists these for translation."""

    @property
    def label(self) -> str:
        return _translate(self.name)


@dataclass(frozen=True, slots=True)
class Term(Named):
    """One word of the vocabulary."""

    spoken: str


@dataclass(frozen=True, slots=True)
class InstrumentGroup(Named):
    instruments: tuple[Term, ...]


def _terms(entries: str, labels: dict[str, str], spoken: dict[str, str]) -> tuple[Term, ...]:
    terms = []
    for slug in entries.split():
        name = labels.get(slug, slug.replace("-", " ").capitalize())
        terms.append(Term(slug, name, spoken.get(slug, name.lower())))
    return tuple(terms)


STYLES: tuple[Term, ...] = _terms(
    "electronic classical jazz rock ambient hip-hop pop lo-fi cinematic folk metal r-and-b funk blues country"
    " house techno drum-and-bass synthwave reggae latin world",
    labels={"hip-hop": "Hip-hop", "lo-fi": "Lo-fi", "r-and-b": "R&B", "drum-and-bass": "Drum and bass"},
    spoken={"r-and-b": "r&b"},
)

MOODS: tuple[Term, ...] = _terms(
    "energetic melancholic peaceful dramatic uplifting dark happy romantic tense mysterious nostalgic epic playful"
    " dreamy aggressive hopeful",
    labels={},
    spoken={},
)

INSTRUMENT_GROUPS: tuple[InstrumentGroup, ...] = (
    InstrumentGroup(
        "keys",
        "Keys",
        _terms(
            "acoustic-piano electric-piano organ clavinet celesta harpsichord accordion mellotron",
            labels={},
            spoken={},
        ),
    ),
    InstrumentGroup(
        "strings",
        "Strings",
        _terms(
            "acoustic-guitar electric-guitar-clean electric-guitar-distorted bass-guitar synth-bass violin viola"
            " cello double-bass harp nylon-guitar banjo mandolin ukulele",
            labels={
                "electric-guitar-clean": "Electric guitar (clean)",
                "electric-guitar-distorted": "Electric guitar (distorted)",
            },
            spoken={
                "electric-guitar-clean": "clean electric guitar",
                "electric-guitar-distorted": "distorted electric guitar",
            },
        ),
    ),
    InstrumentGroup(
        "drums",
        "Drums & percussion",
        _terms(
            "acoustic-drum-kit electronic-drum-kit lofi-drum-kit 808-drums 909-drums kick-drum snare-drum hi-hat"
            " cymbals toms shaker tambourine congas hand-claps vibraphone marimba",
            labels={"lofi-drum-kit": "Lo-fi drum kit", "hi-hat": "Hi-hat"},
            spoken={},
        ),
    ),
    InstrumentGroup(
        "winds",
        "Brass & woodwind",
        _terms(
            "saxophone trumpet trombone french-horn flute piccolo clarinet oboe bassoon tuba harmonica recorder",
            labels={"french-horn": "French horn"},
            spoken={},
        ),
    ),
    InstrumentGroup(
        "synths",
        "Synths & electronic",
        _terms(
            "analog-synth-lead analog-synth-pad digital-synth fm-synth mono-synth-bass poly-synth arpeggiator-synth"
            " pluck-synth acid-bass chiptune-synth vocoder",
            labels={"fm-synth": "FM synth"},
            spoken={},
        ),
    ),
    InstrumentGroup(
        "world",
        "World / ethnic",
        _terms(
            "acoustic-strings-ensemble taiko-drums kalimba sitar shamisen erhu koto guzheng oud tabla djembe"
            " steel-drums",
            labels={"acoustic-strings-ensemble": "Strings Ensemble"},
            spoken={"acoustic-strings-ensemble": "strings ensemble"},
        ),
    ),
    InstrumentGroup(
        "textures",
        "Texture / FX",
        _terms(
            "vocal-pad choir breath-fx vinyl-noise tape-saturation ambient-noise field-recording rain drone riser"
            " vocal-chops",
            labels={"breath-fx": "Breath FX"},
            spoken={},
        ),
    ),
)

STYLE_BY_SLUG: dict[str, Term] = {term.slug: term for term in STYLES}
MOOD_BY_SLUG: dict[str, Term] = {term.slug: term for term in MOODS}
INSTRUMENT_BY_SLUG: dict[str, Term] = {term.slug: term for group in INSTRUMENT_GROUPS for term in group.instruments}
INSTRUMENT_CHOICES = [(slug, term.name) for slug, term in INSTRUMENT_BY_SLUG.items()]
