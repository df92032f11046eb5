"""What can be heard in a clip without any model: noise, tempo."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from generation.specs import Waveform

FRAME = 1024
NOISE_HOP = 512
BAND_EDGES = (125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0)
AUDIBLE = 1e-5
"""Share of the loudest frame's energy below which a band is not listened to: -50 dB."""

FLUX_HOP_SECONDS = 0.02
FLUX_BANDS = 40
LOWEST_BPM, HIGHEST_BPM = 58.0, 196.0
TEMPO_TOLERANCE = 0.04
COMB = (0.5, 1, 2, 3, 4, 8)
"""Beats at which what repeats is looked for, after Scheirer, "Tempo and beat analysis of acoustic signals" (1998)."""


def power_spectra(audio: Waveform, hop: int) -> np.ndarray:
    """Power spectra `[frames, FRAME / 2 + 1]` of the mean of the channels of `[C, N]`."""
    mono = audio.mean(axis=0)
    padded = np.pad(mono, (0, max(0, FRAME - len(mono))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::hop]
    return np.abs(np.fft.rfft(frames * np.hanning(FRAME), axis=1)) ** 2


def noise(audio: Waveform, sample_rate: int) -> float:
    """Spectral flatness within octave bands, 0 (pure tones) to 1 (hiss); NaN of silence.

    The geometric by the arithmetic mean of a band's power (Gray & Markel, 1974), averaged over audible frames, then
    over bands. Within a band the spectrum's tilt hardly shows: a brighter sound is not noisier, a hissing one is.
    """
    power = power_spectra(audio, NOISE_HOP)
    loudest = power.sum(axis=1).max()
    found = []
    for low, high in pairwise(BAND_EDGES):
        first, last = (round(edge * FRAME / sample_rate) for edge in (low, high))
        band = power[:, first : min(last, power.shape[1])]
        heard = band[band.sum(axis=1) > AUDIBLE * loudest] if loudest > 0 and band.shape[1] > 1 else band[:0]
        if len(heard):
            heard = heard + 1e-12 * loudest
            found.append(float((np.exp(np.log(heard).mean(axis=1)) / heard.mean(axis=1)).mean()))
    return float(np.mean(found)) if found else math.nan


def estimate_tempo(audio: Waveform, sample_rate: int) -> float:
    """Tempo in BPM, octave ambiguous; 0 of a clip in which nothing begins.

    The autocorrelation of how much begins (positive differences of log energy in bands) is summed at the beats of every
    candidate tempo, whole and half beats counting alike: what repeats is found, at the cost of its octave.
    """
    onsets = _onsets(audio, sample_rate)
    if not np.any(onsets > 1e-6):
        return 0.0
    spectrum = np.fft.rfft(onsets, 2 * len(onsets))
    correlation = np.fft.irfft(spectrum * spectrum.conj())[: len(onsets)]
    lags = np.arange(len(onsets))
    correlation = correlation * len(onsets) / (max(correlation[0], 1e-9) * (len(onsets) - lags + 25))
    candidates = np.geomspace(LOWEST_BPM, HIGHEST_BPM, 240)
    return float(candidates[int(np.argmax([_at_beats(tempo, lags, correlation) for tempo in candidates]))])


def _onsets(audio: Waveform, sample_rate: int) -> np.ndarray:
    power = power_spectra(audio, round(FLUX_HOP_SECONDS * sample_rate))
    edges = np.unique(np.geomspace(40, sample_rate / 2, FLUX_BANDS + 1) * FRAME // sample_rate).astype(int)
    energy = np.add.reduceat(power, edges[:-1], axis=1)
    level = np.log(energy + 1e-4 * max(float(energy.max()), 1e-8))
    flux = np.clip(np.diff(level, axis=0), 0, None).sum(axis=1)
    return flux - flux.mean()


def _at_beats(tempo: float, lags: np.ndarray, correlation: np.ndarray) -> float:
    beat = 60 / tempo / FLUX_HOP_SECONDS
    places = [beat * count for count in COMB if beat * count < len(lags) * 0.75]
    return float(np.mean(np.interp(places, lags, correlation))) if places else -math.inf


def same_tempo(measured: float, wanted: float) -> bool:
    """Whether two tempi agree within `TEMPO_TOLERANCE`, doubling and halving allowed."""
    if measured <= 0:
        return False
    octaves = math.log2(measured / wanted)
    return abs(octaves - round(octaves)) <= math.log2(1 + TEMPO_TOLERANCE)
