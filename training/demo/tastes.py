"""Tastes a synthetic rater can have: each a number measured from audio alone, larger being liked better."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from generation.specs import Waveform

FRAME = 1024
HOP = 512
PERCUSSIVE_LAG = 2
"""Frames over which a rise in level counts as an onset: 64 ms at 16 kHz."""


@dataclass(frozen=True, slots=True)
class Taste:
    """What the synthetic rater likes; `measure` takes `[C, N]` audio and its rate in Hz."""

    name: str
    likes: str
    measure: Callable[[Waveform, int], float]


def spectra(audio: Waveform) -> np.ndarray:
    """Magnitude spectra `[frames, FRAME / 2 + 1]` of the mean of the channels."""
    mono = audio.mean(axis=0)
    padded = np.pad(mono, (0, max(0, FRAME - len(mono))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::HOP]
    return np.abs(np.fft.rfft(frames * np.hanning(FRAME), axis=1))


def brightness(audio: Waveform, sample_rate: int) -> float:
    """Spectral centroid in Hz, frames weighted by their magnitude."""
    magnitudes = spectra(audio)
    frequencies = np.fft.rfftfreq(FRAME, 1 / sample_rate)
    return float((magnitudes * frequencies).sum() / max(magnitudes.sum(), 1e-9))


def busyness(audio: Waveform, sample_rate: int) -> float:
    """Mean positive spectral flux per frame, relative to the mean magnitude: how much begins."""
    magnitudes = spectra(audio)
    rises = np.clip(magnitudes[PERCUSSIVE_LAG:] - magnitudes[:-PERCUSSIVE_LAG], 0, None)
    return float(rises.mean() / max(magnitudes.mean(), 1e-9)) if len(rises) else 0.0


TASTES: dict[str, Taste] = {
    taste.name: taste
    for taste in (
        Taste("brightness", "bright sound (a high spectral centroid)", brightness),
        Taste("darkness", "dark sound (a low spectral centroid)", lambda a, r: -brightness(a, r)),
        Taste("busyness", "much happening (a high spectral flux)", busyness),
        Taste("calm", "little happening (a low spectral flux)", lambda a, r: -busyness(a, r)),
    )
}
