"""The tempo of what repeats in a clip, from how much begins in each frame. Free of torch."""

from __future__ import annotations

import math

import numpy as np

from generation.sound.noise import FRAME, power_spectra
from generation.specs import Waveform

FLUX_HOP_SECONDS = 0.02
FLUX_BANDS = 40
LOWEST_BPM, HIGHEST_BPM = 58.0, 196.0
TOLERANCE = 0.04
COMB = (0.5, 1, 2, 3, 4, 8)
"""Beats at which what repeats is looked for, whole and half ones alike."""


def tempo_of_onsets(onsets: np.ndarray, frames_per_second: float) -> float:
    """Tempo in BPM, octave ambiguous, of an onset envelope `[frames]` whose mean is 0; 0 when nothing begins.

    The envelope's autocorrelation is summed at the beats of every candidate tempo (a comb, after Scheirer, 1998): what
    repeats is found, at the cost of its octave.
    """
    if not np.any(onsets > 1e-6):
        return 0.0
    padded = np.fft.rfft(onsets, 2 * len(onsets))
    correlation = np.fft.irfft(padded * padded.conj())[: len(onsets)]
    lags = np.arange(len(onsets))
    correlation = correlation / max(correlation[0], 1e-9) * len(onsets) / (len(onsets) - lags + 25)
    candidates = np.geomspace(LOWEST_BPM, HIGHEST_BPM, 240)
    scores = [_at_beats(60 * frames_per_second / tempo, lags, correlation) for tempo in candidates]
    return float(candidates[int(np.argmax(scores))])


def _at_beats(beat: float, lags: np.ndarray, correlation: np.ndarray) -> float:
    places = [beat * count for count in COMB if beat * count < len(lags) * 0.75]
    return float(np.mean(np.interp(places, lags, correlation))) if places else -math.inf


def same_tempo(measured: float, wanted: float, tolerance: float = TOLERANCE) -> bool:
    """Whether two tempi agree within `tolerance`, doubling and halving allowed."""
    if measured <= 0:
        return False
    octaves = math.log2(measured / wanted)
    return abs(octaves - round(octaves)) <= math.log2(1 + tolerance)


def estimate_tempo(audio: Waveform, sample_rate: int) -> float:
    """Tempo in BPM of `[C, N]`, octave ambiguous; 0 of a clip in which nothing begins."""
    return tempo_of_onsets(_onsets(audio, sample_rate), 1 / FLUX_HOP_SECONDS)


def _onsets(audio: Waveform, sample_rate: int) -> np.ndarray:
    """How much begins in each frame: positive differences of log energy in bands, summed, the mean removed."""
    power = power_spectra(audio, round(FLUX_HOP_SECONDS * sample_rate))
    edges = np.unique(np.geomspace(40, sample_rate / 2, FLUX_BANDS + 1) * FRAME // sample_rate).astype(int)
    energy = np.add.reduceat(power, edges[:-1], axis=1)
    level = np.log(energy + 1e-4 * max(float(energy.max()), 1e-8))
    flux = np.clip(np.diff(level, axis=0), 0, None).sum(axis=1)
    return flux - flux.mean()
