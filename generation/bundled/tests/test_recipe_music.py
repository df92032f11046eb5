"""The corpus: composer, mixer, captions, tokenizer and the tempo measure."""

from __future__ import annotations

import numpy as np
import pytest

from generation.bundled.recipe.captions import caption, free_caption, split_words, tempo_number, vocabulary
from generation.bundled.recipe.clips import clip_spec
from generation.bundled.recipe.composer import EIGHTH_FRAMES, ClipSpec, bpm, compose, nearest_eighth
from generation.bundled.recipe.constants import HOP_LENGTH, SAMPLE_RATE
from generation.bundled.recipe.mixer import render
from generation.bundled.recipe.notes import synthetic_bank
from generation.bundled.recipe.styles import DRUM_PATTERNS, FAMILIES, MOOD_OF_SLUG, STYLES
from generation.bundled.recipe.tempo import estimate_tempo
from generation.bundled.recipe.timbres import SLUG_TIMBRE
from generation.bundled.recipe.tokenizer import build_tokenizer
from generation.sound.tempo import same_tempo
from prompts.wording.vocabulary import INSTRUMENT_BY_SLUG, MAX_TEMPO, MIN_TEMPO, MOOD_BY_SLUG, STYLE_BY_SLUG

SPECS = [clip_spec(1, "train", number) for number in range(200)]


@pytest.fixture(scope="module")
def bank():
    return synthetic_bank()


def test_the_studios_vocabulary_is_covered():
    assert set(SLUG_TIMBRE) == set(INSTRUMENT_BY_SLUG)
    assert {style.slug for style in STYLES} == set(STYLE_BY_SLUG)
    assert set(MOOD_OF_SLUG) == set(MOOD_BY_SLUG)
    assert {style.family for style in STYLES} == set(FAMILIES)


def test_patterns_have_sixteen_steps():
    assert {len(steps) for voices in DRUM_PATTERNS.values() for steps in voices.values()} == {16}


def test_a_clip_is_the_same_every_time(bank):
    assert clip_spec(1, "train", 7) == SPECS[7]
    assert np.array_equal(render(SPECS[7], bank), render(ClipSpec.from_json(SPECS[7].to_json()), bank))


def test_every_clip_starts_on_the_beat_and_repeats_by_the_bar():
    for spec in SPECS:
        notes = compose(spec)
        bar = 8 * spec.eighth
        drums = [(note.sound, note.start) for note in notes if spec.kit and note.sound.startswith(spec.kit)]
        if drums:
            first = {item for item in drums if item[1] < bar}
            second = {(sound, start - bar) for sound, start in drums if bar <= start < 2 * bar}
            assert second <= first
        assert min(note.start for note in notes) in (0, spec.eighth) or spec.kit


def test_tempi_are_whole_frames_and_every_number_finds_one():
    assert all(1500 / eighth == bpm(eighth) for eighth in EIGHTH_FRAMES)
    for number in range(MIN_TEMPO, MAX_TEMPO + 1):
        assert same_tempo(bpm(nearest_eighth(number)), number, tolerance=0.06), number


def test_numbers_in_captions_mean_the_clips_tempo():
    rng = np.random.default_rng(0)
    for eighth in EIGHTH_FRAMES:
        assert all(nearest_eighth(tempo_number(rng, eighth)) == eighth for _ in range(20))


def test_tempo_is_heard_from_audio_alone(bank):
    rights = []
    for spec in [spec for spec in SPECS if spec.kit][:40]:
        rights.append(same_tempo(estimate_tempo(render(spec, bank)), spec.tempo))
    assert np.mean(rights) >= 0.9
    assert estimate_tempo(np.zeros(SAMPLE_RATE * 5, dtype=np.float32)) == 0.0


def test_waves_fill_their_frames_and_never_clip(bank):
    for spec in SPECS[:30]:
        wave = render(spec, bank)
        assert wave.shape == (spec.frames * HOP_LENGTH,)
        assert 0.001 < np.abs(wave).max() < 1


def test_every_caption_word_is_a_token():
    tokenizer, known = build_tokenizer(), set(vocabulary())
    rng = np.random.default_rng(0)
    for spec in SPECS:
        for text in (caption(spec, rng), free_caption(spec, rng)):
            assert [word for word in split_words(text) if not word.isdigit() and word not in known] == [], text
            assert tokenizer.unk_token_id not in tokenizer(text).input_ids, text


def test_tokenizer_takes_case_and_punctuation_lightly():
    tokenizer = build_tokenizer()
    assert tokenizer("Hip-Hop, R&B!  120BPM").input_ids == tokenizer("hip hop r and b 120 bpm").input_ids
    assert tokenizer("").input_ids == [tokenizer.eos_token_id]
    assert len(tokenizer) < 1000
