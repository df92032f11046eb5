"""Guards: what a better-liked adapter must not have paid for its votes with.

Diversity is compared with the base; silence and clipping are counted; drift is the estimated divergence from the base.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import combinations
from typing import Any

import numpy as np

from generation.models import AudioSample
from generation.sample_files import load_codes
from generation.specs import Codes

SILENT_LUFS = -50.0
LEAST_DIVERSITY_RATIO = 0.8
MOST_SILENT_SHARE = MOST_CLIPPED_SHARE = 0.05
MOST_KL_PER_CODE = 0.5


@dataclass(frozen=True, slots=True)
class Guard:
    """One figure beside its limit, in words; `problem` is empty when it holds."""

    name: str
    value: str
    limit: str
    problem: str


@dataclass(frozen=True, slots=True)
class Guards:
    """Figures of an adapter's clips beside those of what it is compared with, its base or its parent.

    `kl_per_code` is in nats: how much less likely the other's clips became. A figure that is NaN could not be measured,
    and does not hold.
    """

    diversity: float
    base_diversity: float
    silent_share: float
    clipped_share: float
    kl_per_code: float

    @classmethod
    def from_mapping(cls, figures: Mapping[str, Any]) -> Guards:
        """What `to_mapping` made."""
        values = {spec.name: figures.get(spec.name) for spec in fields(cls)}
        return cls(**{name: math.nan if value is None else float(value) for name, value in values.items()})

    def to_mapping(self) -> dict[str, float | bool | None]:
        """JSON values; what could not be measured is None."""
        figures = {spec.name: getattr(self, spec.name) for spec in fields(self)}
        return {name: None if math.isnan(value) else value for name, value in figures.items()} | {"hold": self.hold}

    @property
    def guards(self) -> list[Guard]:
        """Each beside its limit."""
        least, silent, clipped = LEAST_DIVERSITY_RATIO * self.base_diversity, self.silent_share, self.clipped_share
        alike = f"Clips of one prompt are too alike ({self.diversity:.2f} against {self.base_diversity:.2f})."
        return [
            _guard("Diversity", f"{self.diversity:.3f}", f"at least {least:.3f}", self.diversity >= least, alike),
            _share("Silent", silent, MOST_SILENT_SHARE),
            _share("Clipped", clipped, MOST_CLIPPED_SHARE),
            _guard(
                "Drift",
                f"{self.kl_per_code:.3f} nats per code",
                f"at most {MOST_KL_PER_CODE:g}",
                self.kl_per_code <= MOST_KL_PER_CODE,
                f"It drifted {self.kl_per_code:.2f} nats per code from what it goes on from.",
            ),
        ]

    @property
    def problems(self) -> list[str]:
        """What is wrong, in sentences; empty when all hold."""
        return [guard.problem for guard in self.guards if guard.problem]

    @property
    def hold(self) -> bool:
        return not self.problems


def _guard(name: str, value: str, limit: str, holds: bool, problem: str) -> Guard:
    if "nan" in value:
        return Guard(name, "not measured", limit, f"{name} could not be measured.")
    return Guard(name, value, limit, "" if holds else problem)


def _share(name: str, share: float, most: float) -> Guard:
    problem = f"{share:.0%} of the clips are {name.lower()}."
    return _guard(name, f"{share:.1%}", f"at most {most:.0%}", share <= most, problem)


def is_silent(sample: AudioSample) -> bool:
    """Whether the codec's output, before it was brought to the usual loudness, was as good as nothing."""
    return sample.loudness_lufs is None or sample.loudness_lufs - sample.gain_db < SILENT_LUFS


def is_clipped(sample: AudioSample) -> bool:
    """Whether the codec's output went past full scale."""
    return sample.true_peak_db is not None and sample.true_peak_db - sample.gain_db > 0.0


def diversity(by_prompt: Sequence[Sequence[Codes]]) -> float:
    """Mean share of codes that differ between two clips of one prompt, 0 to 1; NaN without two clips of any."""
    shares = [
        float((a[:, :length] != b[:, :length]).mean())
        for clips in by_prompt
        for a, b in combinations(clips, 2)
        if (length := min(a.shape[1], b.shape[1]))
    ]
    return float(np.mean(shares)) if shares else float("nan")


def measure(adapted: Sequence[AudioSample], base: Sequence[AudioSample], kl_per_code: float) -> Guards:
    """Figures of an adapter's clips beside those of its base for the same prompts."""
    return Guards(
        diversity=diversity(_codes_by_prompt(adapted)),
        base_diversity=diversity(_codes_by_prompt(base)),
        silent_share=float(np.mean([is_silent(sample) for sample in adapted])),
        clipped_share=float(np.mean([is_clipped(sample) for sample in adapted])),
        kl_per_code=kl_per_code,
    )


def _codes_by_prompt(samples: Sequence[AudioSample]) -> list[list[Codes]]:
    by_prompt: dict[object, list[Codes]] = {}
    for sample in samples:
        by_prompt.setdefault(sample.job.prompt_id, []).append(load_codes(sample))
    return list(by_prompt.values())
