"""Noise in a clip, and the spectra it is measured on. numpy only."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from generation.specs import Waveform

FRAME = 1024
NOISE_HOP = 512
BAND_EDGES = (125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0)
AUDIBLE = 1e-5
"""Share of the loudest frame's energy below which a band is not listened to: -50 dB."""


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
    found = band_flatness(power_spectra(audio, NOISE_HOP), sample_rate)
    heard = found[~np.isnan(found)]
    return float(heard.mean()) if len(heard) else math.nan


def band_flatness(power: np.ndarray, sample_rate: int) -> npt.NDArray[np.float64]:
    """The flatness of each of the octaves between `BAND_EDGES`, of power spectra `[frames, bins]`; NaN where a band is
    not heard.
    """
    loudest = power.sum(axis=1).max()
    found = np.full(len(BAND_EDGES) - 1, math.nan)
    for octave, (low, high) in enumerate(pairwise(BAND_EDGES)):
        first, last = (round(edge * FRAME / sample_rate) for edge in (low, high))
        band = power[:, first : min(last, power.shape[1])]
        heard = band[band.sum(axis=1) > AUDIBLE * loudest] if loudest > 0 and band.shape[1] > 1 else band[:0]
        if len(heard):
            heard = heard + 1e-12 * loudest
            found[octave] = (np.exp(np.log(heard).mean(axis=1)) / heard.mean(axis=1)).mean()
    return found
