"""Tastes a synthetic rater can have: each a number measured from audio alone, larger being liked better."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

import numpy as np

from generation.sound.noise import FRAME, power_spectra
from generation.specs import Waveform

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
    return np.sqrt(power_spectra(audio, HOP))


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


class UnknownTaste(ValueError):
    """The message says what is wrong with the name."""


TASTES: dict[str, Taste] = {
    taste.name: taste
    for taste in (
        Taste("brightness", "bright sound (a high spectral centroid)", brightness),
        Taste("darkness", "dark sound (a low spectral centroid)", lambda a, r: -brightness(a, r)),
        Taste("busyness", "much happening (a high spectral flux)", busyness),
        Taste("calm", "little happening (a low spectral flux)", lambda a, r: -busyness(a, r)),
    )
}


def find_taste(name: str) -> Taste:
    """One of `TASTES` by its name, or the function that `package.module:function` names.

    The function takes audio `[C, N]` and a rate in Hz and gives a number, larger being liked better; it may stand in
    any module that Python finds from where the command is run. Raises `UnknownTaste`.
    """
    if name in TASTES:
        return TASTES[name]
    module, colon, function = name.partition(":")
    if not colon:
        known = ", ".join(TASTES)
        raise UnknownTaste(f"There is no taste “{name}”. Name one of {known}, or a package.module:function.")
    try:
        measure = getattr(import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise UnknownTaste(f"“{name}” cannot be imported: {error}. It must name a function of a module.") from error
    if not callable(measure):
        raise UnknownTaste(f"“{name}” is no function.")
    return Taste(function, (inspect.getdoc(measure) or f"what {name} measures").splitlines()[0].rstrip("."), measure)
