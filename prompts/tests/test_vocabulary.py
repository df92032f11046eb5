"""The vocabulary itself, rendering, and the validators."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from prompts.wording import validators
from prompts.wording.rendering import render_prompt
from prompts.wording.vocabulary import INSTRUMENT_BY_SLUG, INSTRUMENT_GROUPS, MOOD_BY_SLUG, STYLE_BY_SLUG

GROUPS = {
    "Keys": "acoustic-piano electric-piano organ clavinet celesta harpsichord accordion mellotron",
    "Strings": "acoustic-guitar electric-guitar-clean electric-guitar-distorted bass-guitar synth-bass violin viola"
    " cello double-bass harp nylon-guitar banjo mandolin ukulele",
    "Drums & percussion": "acoustic-drum-kit electronic-drum-kit lofi-drum-kit 808-drums 909-drums kick-drum"
    " snare-drum hi-hat cymbals toms shaker tambourine congas hand-claps vibraphone marimba",
    "Brass & woodwind": "saxophone trumpet trombone french-horn flute piccolo clarinet oboe bassoon tuba harmonica"
    " recorder",
    "Synths & electronic": "analog-synth-lead analog-synth-pad digital-synth fm-synth mono-synth-bass poly-synth"
    " arpeggiator-synth pluck-synth acid-bass chiptune-synth vocoder",
    "World / ethnic": "acoustic-strings-ensemble taiko-drums kalimba sitar shamisen erhu koto guzheng oud tabla"
    " djembe steel-drums",
    "Texture / FX": "vocal-pad choir breath-fx vinyl-noise tape-saturation ambient-noise field-recording rain drone"
    " riser vocal-chops",
}


def test_styles() -> None:  # P-11
    expected = (
        "electronic classical jazz rock ambient hip-hop pop lo-fi cinematic folk metal r-and-b funk blues country"
        " house techno drum-and-bass synthwave reggae latin world"
    )
    assert list(STYLE_BY_SLUG) == expected.split()


def test_moods() -> None:  # P-12
    expected = (
        "energetic melancholic peaceful dramatic uplifting dark happy romantic tense mysterious nostalgic epic"
        " playful dreamy aggressive hopeful"
    )
    assert list(MOOD_BY_SLUG) == expected.split()


def test_instrument_groups() -> None:  # P-13 to P-19
    found = {group.label.casefold(): [term.slug for term in group.instruments] for group in INSTRUMENT_GROUPS}
    assert found == {label.casefold(): slugs.split() for label, slugs in GROUPS.items()}
    assert INSTRUMENT_BY_SLUG["acoustic-strings-ensemble"].label == "Strings Ensemble"
    assert len(INSTRUMENT_BY_SLUG) == sum(len(slugs.split()) for slugs in GROUPS.values())


def test_rendering_order() -> None:  # P-08
    rendered = render_prompt(
        "calm piano at dusk.",
        style="jazz",
        mood="peaceful",
        tempo=80,
        primary_instruments=["acoustic-piano", "cello"],
        secondary_instruments=["shaker"],
    )
    assert str(rendered) == (
        "peaceful jazz, calm piano at dusk, featuring acoustic piano and cello, with subtle shaker, 80 BPM"
    )


def test_rendering_without_attributes_is_the_text() -> None:
    assert str(render_prompt("  a slow \n waltz. ")) == "a slow waltz."
    assert "BPM" not in str(render_prompt("a slow waltz", style="jazz"))


@pytest.mark.parametrize("text", ["", "  \n ", "x" * 2001, "nul \x00", "half \ud800"])
def test_refused_texts(text: str) -> None:
    with pytest.raises(ValidationError):
        validators.validate_text(text)


@pytest.mark.parametrize("text", ["x", "x" * 2000, "  " + "x" * 2000 + "\n", "a\r\n" * 1000, "♫" * 2000])
def test_accepted_texts(text: str) -> None:
    validators.validate_text(text)


@pytest.mark.parametrize("value", ["piano", {"a": 1}, [1], [["x"]], None])
def test_instruments_must_be_a_list_of_names(value: object) -> None:
    with pytest.raises(ValidationError, match="list of names"):
        validators.validate_instruments(value)


def test_every_unknown_instrument_is_named() -> None:
    with pytest.raises(ValidationError, match=r"Unknown instruments: kazoo, theremin\."):
        validators.validate_instruments(["kazoo", "cello", "theremin"])
