"""Guards see what an adapter's votes were paid with: each is shown what it is for, and what it must not mind."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from scipy.signal import lfilter

from generation.sound.noise import noise
from generation.sound.processing import encode_flac, read_flac
from generation.sound.tempo import estimate_tempo, same_tempo
from generation.specs import ModelSpec, SampleSpec, SamplingSpec
from generation.tests.factories import AudioSampleFactory
from training.demo.tastes import brightness
from training.quality import measuring
from training.quality.guards import RULES, Figure, Guards
from training.quality.likeness import across_prompts, difference, within_prompts
from training.quality.sounds import Heard, sound_figures

RATE = 16_000
RNG = np.random.default_rng(5)


def chord(seconds: float = 4.0, brightness: float = 0.5, root: float = 196.0) -> np.ndarray:
    """Tones with harmonics; `brightness` is each harmonic's level by the one before."""
    t = np.arange(int(seconds * RATE)) / RATE
    notes = [root * ratio for ratio in (1, 1.25, 1.5)]
    parts = [
        brightness**n * np.sin(2 * np.pi * f * (n + 1) * t) for f in notes for n in range(30) if f * (n + 1) < 7800
    ]
    return (0.1 * np.sum(parts, axis=0)).astype(np.float32)[None]


def hiss(like: np.ndarray, decibels: float) -> np.ndarray:
    level = float(np.sqrt((like**2).mean())) * 10 ** (decibels / 20)
    return like + (level * RNG.standard_normal(like.shape)).astype(np.float32)


def beats(bpm: float, seconds: float = 8.0) -> np.ndarray:
    """A decaying tone at every beat, an octave higher at every fourth."""
    audio, t = np.zeros(int(seconds * RATE), np.float32), np.arange(RATE // 5) / RATE
    for beat in range(int(seconds * bpm / 60)):
        start, pitch = int(beat * 60 / bpm * RATE), 880 if beat % 4 == 0 else 440
        note = (0.4 * np.exp(-18 * t) * np.sin(2 * np.pi * pitch * t)).astype(np.float32)[: len(audio) - start]
        audio[start : start + len(note)] += note
    return audio[None]


def codes(seed: int, frames: int = 200) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 64, (4, frames)).astype(np.int16)


# -- what is measured ----------------------------------------------------------------------------------------------


def test_hiss_is_noise_and_brightness_is_none():
    dull, bright = noise(hiss(chord(brightness=0.7), -50), RATE), noise(hiss(chord(brightness=0.85), -50), RATE)
    assert bright < 1.15 * dull, "brighter tones are not noisier"
    assert noise(hiss(chord(brightness=0.7), -20), RATE) > 1.5 * dull
    assert noise((RNG.standard_normal((1, RATE)) * 0.1).astype(np.float32), RATE) > 0.5
    assert math.isnan(noise(np.zeros((1, RATE), np.float32), RATE)) and noise(chord(0.01), RATE) >= 0


def test_noise_does_not_hang_on_loudness_or_channels():
    audio = hiss(chord(), -20)
    assert noise(0.05 * audio, RATE) == pytest.approx(noise(audio, RATE), rel=1e-3)
    assert noise(np.concatenate([audio, audio]), RATE) == pytest.approx(noise(audio, RATE), rel=1e-3)


@pytest.mark.parametrize("bpm", [75, 94, 107, 125, 150])
def test_the_tempo_of_beats_is_found(bpm):
    assert same_tempo(estimate_tempo(beats(bpm), RATE), bpm)
    assert same_tempo(estimate_tempo(beats(bpm, seconds=4), RATE), bpm)
    assert not same_tempo(estimate_tempo(beats(bpm), RATE), bpm * 1.17)


def test_silence_has_no_tempo_and_octaves_are_the_same():
    assert estimate_tempo(np.zeros((1, RATE), np.float32), RATE) == 0.0 and not same_tempo(0.0, 120)
    assert same_tempo(60, 120) and same_tempo(123, 120) and not same_tempo(130, 120)


@pytest.mark.parametrize("shift", [0, 1, 7, 60, -33])
def test_a_shifted_clip_is_no_other_clip(shift):
    clip = codes(1, 400)
    start = 100 + shift
    assert difference(clip[:, 100:300], clip[:, start : start + 200]) == 0.0
    assert difference(codes(1), codes(2)) > 0.9
    assert math.isnan(difference(codes(1), codes(2, 0)))


def test_diversity_is_told_within_and_across_prompts():
    one, two, three = codes(1), codes(2), codes(3)
    copies = [[one, one], [two, two]]
    assert within_prompts(copies) == [0.0, 0.0] and min(across_prompts(copies)) > 0.9
    favourite = [[one, two], [one, two]]
    assert min(within_prompts(favourite)) > 0.9 and across_prompts(favourite) == [0.0, 0.0]
    assert math.isnan(within_prompts([[three]])[0]) and math.isnan(across_prompts([[three]])[0])


@pytest.mark.django_db
def test_silence_and_clipping_are_those_before_loudness_was_matched():
    from generation.tests.factories import AudioSampleFactory

    sound = AudioSampleFactory.build(loudness_lufs=-16.0, true_peak_db=-3.0, gain_db=2.0)
    assert not sound.is_silent and not sound.is_clipped
    sound.gain_db = 40.0
    assert sound.is_silent
    sound.gain_db = -6.0
    assert sound.is_clipped
    sound.loudness_lufs = sound.true_peak_db = None
    assert sound.is_silent and not sound.is_clipped


@pytest.mark.django_db
@pytest.mark.parametrize(("asked", "kept"), [(120, 1.0), (60, 1.0), (140, 0.0), (None, math.nan)])
def test_a_clip_is_held_against_the_tempo_its_prompt_asks_for(asked, kept):
    sample = AudioSampleFactory(job__prompt__tempo=asked, loudness_lufs=-16.0, gain_db=4.0)
    flac = encode_flac(beats(120), RATE)
    sample.audio_file.save("beats.flac", ContentFile(flac), save=True)
    found = measuring.heard(sample)
    assert found.tempo == pytest.approx(kept, nan_ok=True)
    assert found.loudness == -20.0 and found.noise == pytest.approx(noise(*read_flac(flac)))


@pytest.fixture(scope="module")
def music() -> list[np.ndarray]:
    """Clips of the bundled model."""
    from generation.engine import Engine

    spec = ModelSpec("studio-tiny", str(settings.BUNDLED_MODEL_DIR), "bundled")
    texts = (
        "peaceful ambient, flute and organ, 75 BPM",
        "energetic rock, electric guitar, 150 BPM",
        "happy jazz, piano",
    )
    specs = [SampleSpec("job", i, text, 5 * i, 3.0, SamplingSpec(0.8, 200, 0.9)) for i, text in enumerate(texts * 2)]
    return [made.audio for made in Engine(spec, device="cpu").generate(specs)]


def mean_noise(clips: list[np.ndarray]) -> float:
    return float(np.mean([noise(clip, RATE) for clip in clips]))


def test_hiss_in_music_breaks_the_guard_and_brightness_does_not(music):
    as_it_is = mean_noise(music)
    assert RULES[0].judge(Figure(mean_noise([hiss(clip, -25) for clip in music]), as_it_is)).problem
    assert not RULES[0].judge(Figure(mean_noise([hiss(clip, -45) for clip in music]), as_it_is)).problem
    brighter = [lfilter([1, -0.5], [1], clip).astype(np.float32) for clip in music]
    assert brightness(np.concatenate(brighter, axis=1), RATE) > 1.25 * brightness(np.concatenate(music, axis=1), RATE)
    assert not RULES[0].judge(Figure(mean_noise(brighter), as_it_is)).problem


# -- what is judged ------------------------------------------------------------------------------------------------


def heard(number: int, **changes: float | np.ndarray) -> Heard:
    """An ordinary clip, a little different from every other one."""
    wobble = 0.01 * ((number * 7919) % 11 - 5)
    usual = {
        "codes": codes(number),
        "silent": 0.0,
        "clipped": 0.0,
        "tempo": 1.0,
        "loudness": -20 + wobble,
        "noise": 0.4 * (1 + wobble),
    }
    return Heard(**usual | changes)  # type: ignore[arg-type]


def studio(offset: int = 0, **changes: float | np.ndarray) -> list[list[Heard]]:
    """Two clips each of eight prompts."""
    return [[heard(offset + 4 * prompt + clip, **changes) for clip in range(2)] for prompt in range(8)]


BASE = studio()


def failing(own: list[list[Heard]]) -> list[str]:
    return [guard.key for guard in Guards(sound_figures(own, BASE)).guards if guard.problem]


def test_clips_as_good_as_the_opponents_hold_every_guard():
    assert failing(studio(offset=1000)) == [] and failing(BASE) == []


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"noise": 0.48}, "noise"),
        ({"tempo": 0.9}, "tempo"),
        ({"silent": 0.1}, "silent"),
        ({"clipped": 0.1}, "clipped"),
        ({"loudness": -16.0}, "loudness"),
        ({"loudness": -24.0}, "loudness"),
    ],
)
def test_each_guard_sees_its_own_fault_alone(change, key):
    assert failing(studio(offset=1000, **change)) == [key]


def test_one_clip_moved_by_a_few_frames_fools_no_guard():
    whole = codes(77, 260)
    shifted = [[heard(i, codes=whole[:, 5 * i : 5 * i + 200]) for i in range(2)] for _ in range(8)]
    assert failing(shifted) == ["diversity", "variety"]


def test_one_favourite_for_every_prompt_is_seen():
    assert failing([[heard(clip) for clip in range(2)] for _ in range(8)]) == ["variety"]


def test_what_no_prompt_asks_for_has_no_guard():
    base = studio(tempo=math.nan)
    assert "tempo" not in sound_figures(base, base)
    assert not Guards(sound_figures(base, base)).problems


def test_intervals_are_over_prompts():
    from scipy.stats import ttest_1samp

    made, rival = [0.5, 0.7, 0.6, 0.8], [0.4, 0.4, 0.4, 0.4]
    figure = Figure.of(made, rival)
    wanted = ttest_1samp(np.subtract(made, rival), 0).confidence_interval(0.95)
    assert (figure.value, figure.base) == (pytest.approx(0.65), pytest.approx(0.4))
    assert (figure.low, figure.high) == (pytest.approx(wanted.low), pytest.approx(wanted.high))
    assert Figure.of([1.0, math.nan], [0.5, 9.0]).value == 1.0, "a prompt that one side lacks counts on neither"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.key)
def test_what_could_not_be_measured_does_not_hold(rule):
    guard = rule.judge(Figure(math.nan, math.nan))
    assert guard.value == "not measured" and "could not be measured" in guard.problem


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.key)
def test_a_limit_is_a_limit_and_says_why(rule):
    base = 0.8
    limit = rule.limit(base)
    beyond = limit + 1e-3 if rule.is_most else limit - 1e-3
    assert not rule.judge(Figure(limit, base)).problem
    assert rule.judge(Figure(beyond, base)).problem
    assert len(rule.explanation) > 40


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.key)
def test_small_steps_add_up_to_a_large_one_where_they_lead_away_from_the_base(rule):
    base = 0.8 if rule.adds_up else 0.0
    half = base + 0.6 * (rule.limit(base) - base)
    guards = Guards({rule.key: Figure(half, base)})
    assert guards.hold
    after = replace(guards, used_before=guards.used_with())
    assert after.hold is not rule.adds_up
    if rule.adds_up:
        assert "120%" in after.problems[0] and "base model" in after.problems[0]
        assert Guards.from_mapping(after.to_mapping()).problems == after.problems
        better = Guards({rule.key: Figure(base - 0.5 * (half - base), base)}, guards.used_with())
        assert better.hold and better.used_with()[rule.key] == pytest.approx(0.3), "what is given back is taken off"


def test_figures_are_stored_and_read_back():
    guards = Guards({"noise": Figure(0.5, 0.4, 0.05, 0.15), "drift": Figure(math.nan, math.nan)})
    stored = guards.to_mapping()
    assert stored["hold"] is False and stored["figures"]["noise"]["limit"] == pytest.approx(0.42)
    assert Guards.from_mapping(stored).guards == guards.guards
    assert stored["figures"]["drift"]["value"] is None


def test_figures_of_an_older_studio_are_still_told():
    old = {"diversity": 0.9, "base_diversity": 0.95, "silent_share": 0.2, "clipped_share": 0.0, "kl_per_code": 0.1}
    assert [guard.key for guard in Guards.from_mapping(old).guards if guard.problem] == ["silent"]


def test_chance_alone_seldom_breaks_the_noise_guard():
    """Clips of one distribution on both sides, as spread as the bundled model's: 24 prompts, two clips each."""
    rng = np.random.default_rng(0)
    broken = 0
    for _ in range(2000):
        made, rival = (rng.normal(0.436, 0.026, (24, 2)).mean(axis=1) for _ in range(2))
        broken += bool(RULES[0].judge(Figure.of(made, rival)).problem)
    assert broken / 2000 < 0.001
