"""What the coach advises."""

from __future__ import annotations

import pytest

from prompts.coach.advice import Draft, coach, read_hints
from prompts.coach.knowledge import INSTRUMENT_WORDS, MOOD_TEMPOS, MOOD_WORDS, STYLE_PROFILES, STYLE_WORDS, TEMPO_WORDS
from prompts.wording.vocabulary import INSTRUMENT_BY_SLUG, MAX_TEMPO, MIN_TEMPO, MOOD_BY_SLUG, STYLE_BY_SLUG


def test_knowledge_speaks_the_vocabulary() -> None:
    assert set(STYLE_PROFILES) == set(STYLE_BY_SLUG)
    assert set(MOOD_TEMPOS) == set(MOOD_BY_SLUG)
    assert set(STYLE_WORDS.values()) <= set(STYLE_BY_SLUG)
    assert set(MOOD_WORDS.values()) <= set(MOOD_BY_SLUG)
    assert set(INSTRUMENT_WORDS.values()) <= set(INSTRUMENT_BY_SLUG)
    for profile in STYLE_PROFILES.values():
        assert set(profile.moods) <= set(MOOD_BY_SLUG)
        assert set(profile.instruments) <= set(INSTRUMENT_BY_SLUG)
    tempos = [*MOOD_TEMPOS.values(), *TEMPO_WORDS.values(), *(p.tempo for p in STYLE_PROFILES.values())]
    assert all(MIN_TEMPO <= tempo <= MAX_TEMPO for tempo in tempos)


def test_everything_missing_is_named_the_most_helpful_first() -> None:  # P-10
    advice = coach(Draft(text="something nice"))
    assert advice.missing == ("style", "primary_instruments", "mood", "tempo")
    assert all(suggestion.why and suggestion.options for suggestion in advice.suggestions)


def test_nothing_missing() -> None:
    draft = Draft("x", style="jazz", mood="dark", tempo=90, secondary_instruments=["cello"])
    assert coach(draft).is_complete


def test_an_empty_draft_is_not_complete() -> None:
    draft = Draft("", style="jazz", mood="dark", tempo=90, primary_instruments=["cello"])
    assert not coach(draft).is_complete


def test_suggestions_fit_the_style() -> None:
    by_field = {s.field: s for s in coach(Draft("a night drive", style="drum-and-bass")).suggestions}
    assert by_field["tempo"].options[0].value == "174"
    assert "drum and bass" in by_field["tempo"].why
    assert set(by_field["primary_instruments"].options[0].value.split(",")) <= set(
        STYLE_PROFILES["drum-and-bass"].instruments
    )
    assert by_field["mood"].options[0].value in STYLE_PROFILES["drum-and-bass"].moods


def test_what_the_text_says_is_offered_and_comes_last() -> None:
    advice = coach(Draft("a sad jazz ballad with saxophone and upright bass"))
    by_field = {s.field: s for s in advice.suggestions}
    assert by_field["style"].options[0].value == "jazz"
    assert by_field["mood"].options[0].value == "melancholic"
    assert by_field["primary_instruments"].options[0].value == "saxophone,double-bass"
    assert by_field["tempo"].options[0].value == "74"
    partly = coach(Draft("a jazz tune"))
    assert partly.missing[-1] == "style"


def test_instruments_suggest_the_style() -> None:
    advice = coach(Draft("a tune", primary_instruments=["808-drums", "synth-bass"]))
    assert advice.suggestions[0].options[0].value in {"hip-hop", "r-and-b"}


@pytest.mark.parametrize(
    ("text", "tempo"),
    [("at 123 bpm", 123), ("98BPM", 98), ("very fast metal", 170), ("adagio", 70), ("999 bpm", None), ("nice", None)],
)
def test_tempo_hints(text: str, tempo: int | None) -> None:
    assert read_hints(text).tempo == tempo


def test_longer_phrases_win_and_parts_of_words_do_not_count() -> None:
    assert read_hints("electric guitar").instruments == ("electric-guitar-distorted",)
    assert read_hints("heavy metal").styles == ("metal",)
    assert read_hints("popular rapport organic") == read_hints("")
    assert read_hints("R&B with LO-FI drums").styles == ("r-and-b", "lo-fi")
