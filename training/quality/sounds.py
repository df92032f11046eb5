"""From sounds to the figures that guards look at, as far as no model is needed. Free of Django and torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from generation.sound.tempo import estimate_tempo, same_tempo
from generation.specs import Codes, Waveform
from training.quality.guards import Figure
from training.quality.likeness import across_prompts, within_prompts


@dataclass(frozen=True, slots=True)
class Heard:
    """A clip as it is measured: whether it is silent, clipped, in the tempo asked for, how loud and how noisy the
    codec's output was. NaN: it was not asked for, or not measured.
    """

    codes: Codes
    silent: float
    clipped: float
    tempo: float
    loudness: float
    noise: float


def keeps_tempo(audio: Waveform, rate: int, asked: float | None) -> float:
    """1 where the tempo asked for is found in the clip, 0 where it is not, NaN where none was asked for."""
    return math.nan if asked is None else float(same_tempo(estimate_tempo(audio, rate), asked))


def sound_figures(own: Sequence[Sequence[Heard]], other: Sequence[Sequence[Heard]]) -> dict[str, Figure]:
    """What needs no model, from clips by prompt, the same prompts in the same order."""
    means: dict[str, Callable[[Sequence[Heard]], float]] = {
        "noise": lambda clips: _mean(clip.noise for clip in clips),
        "tempo": lambda clips: _mean(clip.tempo for clip in clips),
        "silent": lambda clips: _mean(clip.silent for clip in clips),
        "clipped": lambda clips: _mean(clip.clipped for clip in clips),
        "loudness": lambda clips: _mean(clip.loudness for clip in clips),
    }
    figures = {
        key: Figure.of(*([mean(clips) for clips in side] for side in (own, other))) for key, mean in means.items()
    }
    figures["loudness"] = _moved(figures["loudness"])
    for key, spread in (("diversity", within_prompts), ("variety", across_prompts)):
        figures[key] = Figure.of(*(spread([[clip.codes for clip in clips] for clips in side]) for side in (own, other)))
    if all(math.isnan(clip.tempo) for clips in other for clip in clips):
        del figures["tempo"]
    return figures


def _moved(loudness: Figure) -> Figure:
    """How far it moved, either way, where the opponent's moved by nothing; the interval keeps the sign."""
    moved = abs(loudness.value - loudness.base)
    return replace(loudness, value=moved, base=math.nan if math.isnan(moved) else 0.0)


def _mean(values: Iterable[float]) -> float:
    """Of what is not NaN; NaN when nothing is left."""
    found = [value for value in values if not math.isnan(value)]
    return float(np.mean(found)) if found else math.nan
