"""Tastes beside those of the demo, each a number measured from audio `[C, N]` alone, larger being liked better.

`make demo TASTE=bench.tastes:dynamics` walks the loop with one of them, as with any function of yours.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from generation.sound.noise import FRAME, power_spectra
from generation.specs import Waveform
from training.demo.tastes import brightness, busyness

HOP = 512
FLOOR = 1e-6


def dynamics(audio: Waveform, sample_rate: int) -> float:
    """Level that changes much: the standard deviation of frames' energy, in decades."""
    energy = power_spectra(audio, HOP).sum(1)
    return float(np.log10(energy + FLOOR * max(energy.max(), FLOOR)).std())


def bass(audio: Waveform, sample_rate: int) -> float:
    """Deep sound: the share of energy below 150 Hz."""
    return _share(audio, sample_rate, 0, 150)


def presence(audio: Waveform, sample_rate: int) -> float:
    """Sound that stands in front: the share of energy from 1 to 3 kHz."""
    return _share(audio, sample_rate, 1000, 3000)


def percussion(audio: Waveform, sample_rate: int) -> float:
    """Much percussion: the share of magnitude that is short and broad (Fitzgerald, 2010)."""
    magnitude = np.sqrt(power_spectra(audio, HOP))
    broad, long = ndimage.median_filter(magnitude, (1, 17)), ndimage.median_filter(magnitude, (9, 1))
    share = broad**2 / (broad**2 + long**2 + 1e-12)
    return float((share * magnitude).sum() / max(magnitude.sum(), 1e-9))


def steadiness(audio: Waveform, sample_rate: int) -> float:
    """A steady rhythm: the highest autocorrelation of onsets between 0.25 and 1.2 s."""
    power = power_spectra(audio, HOP)
    level = np.log10(power + FLOOR * max(power.max(), FLOOR))
    onsets = np.clip(np.diff(level, axis=0), 0, None).sum(1)
    onsets = onsets - onsets.mean()
    spectrum = np.abs(np.fft.rfft(onsets, 2 * len(onsets))) ** 2
    correlation = np.fft.irfft(spectrum)[: len(onsets)]
    lags = np.arange(len(onsets)) * HOP / sample_rate
    beats = correlation[(lags > 0.25) & (lags < 1.2)] / max(float(correlation[0]), 1e-9)
    return float(beats.max(initial=0.0))


def _share(audio: Waveform, sample_rate: int, low: float, high: float) -> float:
    power = power_spectra(audio, HOP)
    hertz = np.fft.rfftfreq(FRAME, 1 / sample_rate)
    return float(power[:, (hertz >= low) & (hertz < high)].sum() / max(power.sum(), 1e-12))


TASTES: dict[str, Callable[[Waveform, int], float]] = {
    "brightness": brightness,
    "busyness": busyness,
    "dynamics": dynamics,
    "bass": bass,
    "percussion": percussion,
    "steadiness": steadiness,
}
"""Those by which learning a taste is measured."""
