"""What the demo stands on: tastes that measure what they say, prompts that differ."""

from __future__ import annotations

from uuid import uuid4

import numpy as np
import pytest

from prompts.services import check_draft
from training.demo.outcome import Measured
from training.demo.prompts import draw_prompts
from training.demo.tastes import TASTES, UnknownTaste, find_taste

RATE = 16_000


def tone(hertz: float, seconds: float = 1.0) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * hertz * np.arange(int(RATE * seconds)) / RATE, dtype=np.float32)[None]


def test_brightness_is_the_centroid_of_a_tone():
    for hertz in (300, 1000, 4000):
        assert TASTES["brightness"].measure(tone(hertz), RATE) == pytest.approx(hertz, rel=0.05)
    assert TASTES["darkness"].measure(tone(300), RATE) > TASTES["darkness"].measure(tone(1000), RATE)


def test_busyness_counts_what_begins_and_not_how_loud_it_is():
    steady, bursts = tone(440), tone(440) * (np.arange(RATE) % 2000 < 600)
    busy, calm = TASTES["busyness"].measure, TASTES["calm"].measure
    assert busy(bursts, RATE) > 3 * busy(steady, RATE) and calm(steady, RATE) > calm(bursts, RATE)
    assert busy(0.1 * bursts, RATE) == pytest.approx(busy(bursts, RATE), rel=1e-3)


def test_tastes_take_stereo_silence_and_very_short_clips():
    for taste in TASTES.values():
        for audio in (np.zeros((2, RATE), np.float32), tone(440, 0.01), np.repeat(tone(440), 2, axis=0)):
            assert np.isfinite(taste.measure(audio, RATE))


def test_what_was_gained_is_told_over_prompts_not_clips():
    """Gains of 1, 2 and 3 by prompt: mean 2, standard error 1 / sqrt(3), t of 2 degrees of freedom 4.3027."""
    base = {uuid4(): [10.0, 20.0], uuid4(): [5.0], uuid4(): [0.0]}
    adapted = {prompt: [value + more for value in base[prompt]] for prompt, more in zip(base, (1, 2, 3), strict=True)}
    found = Measured.of(adapted, base)
    assert (found.adapted, found.base) == (pytest.approx(42 / 4), 35 / 4)
    assert found.gain_low == pytest.approx(2 - 4.3027 / 3**0.5, abs=1e-3)
    assert found.gain_high == pytest.approx(2 + 4.3027 / 3**0.5, abs=1e-3)


@pytest.mark.django_db
def test_prompts_differ_by_seed_never_repeat_and_are_valid():
    drawn = draw_prompts(60, 1)
    assert len(set(drawn)) == 60 and drawn == draw_prompts(60, 1) and drawn != draw_prompts(60, 2)
    for prompt in drawn:
        check_draft(
            text=prompt.text,
            style=prompt.style,
            mood=prompt.mood,
            tempo=prompt.tempo,
            primary_instruments=list(prompt.primary_instruments),
            secondary_instruments=[],
        )


def liked_by_nobody(audio: np.ndarray, rate: int) -> float:
    """Length in seconds. Not more."""
    return audio.shape[1] / rate


def test_a_taste_of_ones_own_is_a_function():
    assert find_taste("calm") is TASTES["calm"]
    taste = find_taste("training.tests.test_demo_parts:liked_by_nobody")
    assert (taste.name, taste.likes) == ("liked_by_nobody", "Length in seconds. Not more")
    assert taste.measure(tone(440, 0.5), RATE) == 0.5


@pytest.mark.parametrize("name", ["loudness", "no.such.module:f", "training.demo.tastes:gone", ":", "math:pi"])
def test_a_taste_that_is_none_says_why(name):
    with pytest.raises(UnknownTaste, match=r"taste|imported|function"):
        find_taste(name)
