"""What can be heard in a clip without a model."""

from __future__ import annotations

import numpy as np
import pytest

from generation.sound.features import NAMES, describe

RATE = 16000


def tone(hertz: float, seconds: float = 2.0, rate: int = RATE) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate, dtype=np.float32)[None]


def clicks(per_second: float, seconds: float = 2.0) -> np.ndarray:
    audio = 0.01 * np.random.default_rng(0).standard_normal((1, int(seconds * RATE))).astype(np.float32)
    for start in np.arange(0.1, seconds - 0.1, 1 / per_second):
        first = int(start * RATE)
        audio[0, first : first + 400] += 0.5 * np.exp(-np.arange(400) / 80)
    return audio


def value(audio: np.ndarray, name: str, rate: int = RATE) -> float:
    return float(describe(audio, rate)[NAMES.index(name)])


def test_names_are_told_once_each():
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("seconds", [0.01, 0.1, 1.0, 5.0])
@pytest.mark.parametrize("rate", [8000, 16000, 32000, 48000])
def test_every_clip_has_as_many_finite_numbers(seconds, rate):
    audio = np.random.default_rng(1).standard_normal((2, int(seconds * rate))).astype(np.float32)
    vector = describe(audio, rate)
    assert vector.shape == (len(NAMES),)
    assert vector.dtype == np.float32
    assert np.isfinite(vector).all()


def test_silence_is_all_zeros():
    assert not describe(np.zeros((1, RATE), dtype=np.float32), RATE).any()


def test_how_loud_a_clip_is_says_nothing():
    audio = clicks(3)
    np.testing.assert_allclose(describe(audio, RATE), describe(0.25 * audio, RATE), atol=2e-3)


def test_channels_are_mixed():
    audio = clicks(3)
    np.testing.assert_allclose(describe(np.concatenate([audio, audio]), RATE), describe(audio, RATE), atol=1e-5)


def test_a_higher_tone_is_brighter():
    assert value(tone(3000), "centroid") > 2 * value(tone(500), "centroid")
    assert value(tone(3000), "below_800") < 0.1 < 0.9 < value(tone(500), "below_800")


def test_more_begins_where_there_are_more_clicks():
    assert value(clicks(8), "onset_rate") > 1.5 * value(clicks(2), "onset_rate")
    assert value(clicks(4), "percussive") > value(tone(500), "percussive") + 0.3


def test_regular_clicks_repeat_at_their_distance():
    found = describe(clicks(2, 4.0), RATE)
    repeats = {name: found[NAMES.index(name)] for name in NAMES if name.startswith("repeat_")}
    assert max(repeats, key=repeats.get) in ("repeat_0.5", "repeat_1.0", "repeat_1.5")
    assert repeats["repeat_0.5"] > repeats["repeat_0.3"] + 0.2


def test_hiss_is_flatter_than_a_tone():
    hiss = 0.1 * np.random.default_rng(2).standard_normal((1, 2 * RATE)).astype(np.float32)
    assert value(hiss, "flatness_3") > 0.4 > value(tone(1200), "flatness_3")
