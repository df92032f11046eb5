"""How alike two clips are, told from their codes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations, pairwise
from typing import TypeAlias

import numpy as np

from generation.specs import Codes

ByPrompt: TypeAlias = list[list[Codes]]


def difference(first: Codes, second: Codes) -> float:
    """Share of codes `[K, T]` that differ, 0 to 1, where the two are most alike: shifted against each other by up to
    half of the shorter clip, so that a clip moved by a few frames is no other clip. NaN without a frame.
    """
    length = min(first.shape[1], second.shape[1])
    if not length:
        return float("nan")
    first, second = first[:, :length], second[:, :length]
    shifts = range(-(length // 2), length // 2 + 1)
    return 1.0 - max(_matching(first, second, shift) for shift in shifts)


def _matching(first: Codes, second: Codes, shift: int) -> float:
    length = first.shape[1]
    if shift < 0:
        first, second, shift = second, first, -shift
    return float((first[:, shift:] == second[:, : length - shift]).mean())


def within_prompts(clips: ByPrompt) -> list[float]:
    """Of each prompt the mean difference of two of its clips; NaN with fewer than two."""
    return [_mean(difference(a, b) for a, b in combinations(some, 2)) for some in clips]


def across_prompts(clips: ByPrompt) -> list[float]:
    """Of each prompt the mean difference of its clips from those of the next, place by place; after the last comes the
    first.
    """
    if len(clips) < 2:
        return [float("nan")] * len(clips)
    return [
        _mean(difference(a, b) for a, b in zip(some, others, strict=False))
        for some, others in pairwise([*clips, clips[0]])
    ]


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return float(np.mean(found)) if found else float("nan")


def other_texts(texts: Sequence[str]) -> list[str]:
    """For each text the first after it that differs, round the corner; itself where none does."""
    rounds = ([*texts[place + 1 :], *texts[:place]] for place in range(len(texts)))
    return [next((text for text in round if text != own), own) for own, round in zip(texts, rounds, strict=True)]
