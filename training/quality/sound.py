"""What can be heard in a clip without any model: noise, tempo."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from generation.sound.tempo import tempo_of_onsets
from generation.specs import Waveform

FRAME = 1024
NOISE_HOP = 512
BAND_EDGES = (125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0)
AUDIBLE = 1e-5
"""Share of the loudest frame's energy below which a band is not listened to: -50 dB."""

FLUX_HOP_SECONDS = 0.02
FLUX_BANDS = 40


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
