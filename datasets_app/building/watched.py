"""What a machine's labels must not reward: rules that keep its pairs from teaching what a promotion's guards watch.

A taste may have learned that loud, hissing or clipped clips win. Such a pair is left out where its two clips stand far
apart in that, and of those that stay the surest offenders go until the means over chosen and over rejected clips are
within the guard's limit. What is told: the means without the rules and with them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar
from uuid import UUID

import numpy as np
from django.utils.translation import gettext_noop


@dataclass(frozen=True, slots=True)
class Sound:
    """What is watched of a clip; NaN where it could not be measured. `silent`, `clipped` and `tempo` (the tempo asked
    for is kept) are 0 or 1, `noise` is the flatness of the spectrum within octaves, `loudness` LUFS before matching.
    """

    sample: UUID
    sha256: str
    noise: float
    silent: float
    clipped: float
    loudness: float
    tempo: float = math.nan


class Pair(Protocol):
    """Two clips, the first of which is labelled the better one."""

    @property
    def chosen(self) -> Sound: ...
    @property
    def rejected(self) -> Sound: ...


AnyPair = TypeVar("AnyPair", bound=Pair)


@dataclass(frozen=True, slots=True)
class Watch:
    """A rule. `of` is a clip's figure; `is_apart` tells of the figures of chosen and rejected whether the pair is left
    out; `excess` is by how much a pair takes the means over the limit: over all pairs its sum is at most 0.
    """

    key: str
    name: str
    of: Callable[[Sound], float]
    is_apart: Callable[[float, float], bool]
    excess: Callable[[float, float], float]

    def rewards(self, pair: Pair) -> bool:
        """Whether the pair is left out by this rule."""
        return self.is_apart(self.of(pair.chosen), self.of(pair.rejected))

    def over(self, pair: Pair) -> float:
        """The pair's excess; 0 where it could not be measured."""
        found = self.excess(self.of(pair.chosen), self.of(pair.rejected))
        return 0.0 if math.isnan(found) else found


LOUDNESS_APART, LOUDNESS_MOST = 6.0, 3.0
"""dB between two clips, and between the means: the guard's limit, which is what everybody hears."""

WATCHES: tuple[Watch, ...] = (
    Watch("silent", "Silent", lambda s: s.silent, lambda c, r: c > 0, lambda c, r: c - r),
    Watch("clipped", "Clipped", lambda s: s.clipped, lambda c, r: c > r, lambda c, r: c - r),
    # Never the noisier one: training amplifies what labels differ in. Labels 1.02 times as noisy taught 1.06 times.
    Watch("noise", "Noise", lambda s: s.noise, lambda c, r: c > r, lambda c, r: c - r),
    Watch(
        "louder",
        gettext_noop("Loudness before matching, chosen louder"),
        lambda s: s.loudness,
        lambda c, r: c - r > LOUDNESS_APART,
        lambda c, r: c - r - LOUDNESS_MOST,
    ),
    Watch(
        "quieter",
        gettext_noop("Loudness before matching, chosen quieter"),
        lambda s: s.loudness,
        lambda c, r: r - c > LOUDNESS_APART,
        lambda c, r: r - c - LOUDNESS_MOST,
    ),
    Watch("tempo", gettext_noop("Tempo kept"), lambda s: s.tempo, lambda c, r: c < r, lambda c, r: r - c),
)


def is_allowed(pair: Pair, watches: Iterable[Watch] = WATCHES) -> bool:
    """Whether no rule leaves the pair out."""
    return not any(watch.rewards(pair) for watch in watches)


def balanced(pairs: Sequence[AnyPair], watches: Iterable[Watch] = WATCHES) -> list[AnyPair]:
    """Those of `pairs` that stay, in their order: rule by rule the pairs of largest excess go while the sum is above 0.

    What a later rule removes can only be put right by another round, so rounds go on until none removes anything.
    """
    kept, before = list(pairs), -1
    rules = tuple(watches)
    while before != len(kept):
        before = len(kept)
        for watch in rules:
            kept = _balanced_by(watch, kept)
    return kept


def _balanced_by(watch: Watch, pairs: list[AnyPair]) -> list[AnyPair]:
    excess = np.array([watch.over(pair) for pair in pairs])
    gone: set[int] = set()
    total = excess.sum()
    for index in np.argsort(-excess, kind="stable"):
        if total <= 1e-9:
            break
        total -= excess[index]
        gone.add(int(index))
    return [pair for index, pair in enumerate(pairs) if index not in gone]


def told(without: Collection[Pair], kept: Collection[Pair]) -> list[dict[str, Any]]:
    """JSON values by rule: how many pairs it left out, and the means over chosen and rejected clips before and after.

    A rule about something that no clip was measured for (a tempo) is not told.
    """
    found = [_told(watch, without, kept) for watch in WATCHES]
    return [values for values in found if values["without"]["chosen"] is not None]


def _told(watch: Watch, without: Collection[Pair], kept: Collection[Pair]) -> dict[str, Any]:
    apart = sum(watch.rewards(pair) for pair in without)
    return {
        "key": watch.key,
        "name": watch.name,
        "left_out": apart,
        "without": _means(watch, without),
        "with": _means(watch, kept),
    }


def _means(watch: Watch, pairs: Collection[Pair]) -> Mapping[str, float | None]:
    sides = {"chosen": [watch.of(p.chosen) for p in pairs], "rejected": [watch.of(p.rejected) for p in pairs]}
    return {side: _mean(values) for side, values in sides.items()}


def _mean(values: Iterable[float]) -> float | None:
    found = [value for value in values if not math.isnan(value)]
    return round(float(np.mean(found)), 6) if found else None
