"""Guards: what a better-liked adapter must not have paid for its votes with.

Diversity is compared with the base; silence and clipping are counted; drift is the estimated divergence from the base.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import combinations

import numpy as np

from generation.models import AudioSample
from generation.sample_files import load_codes
from generation.specs import Codes

SILENT_LUFS = -50.0
LEAST_DIVERSITY_RATIO = 0.8
MOST_SILENT_SHARE = MOST_CLIPPED_SHARE = 0.05
MOST_KL_PER_CODE = 0.5


@dataclass(frozen=True, slots=True)
class Guards:
    """Figures of an adapter's clips. `kl_per_code` is in nats: how far clips of the base became less likely."""

    diversity: float
    base_diversity: float
    silent_share: float
    clipped_share: float
    kl_per_code: float

    @property
    def problems(self) -> list[str]:
        """What is wrong, in words; empty when all hold."""
        found = []
        if self.diversity < LEAST_DIVERSITY_RATIO * self.base_diversity:
            found.append(f"Clips of one prompt are too alike ({self.diversity:.2f} against {self.base_diversity:.2f}).")
        if self.silent_share > MOST_SILENT_SHARE:
            found.append(f"{self.silent_share:.0%} of the clips are silent.")
        if self.clipped_share > MOST_CLIPPED_SHARE:
            found.append(f"{self.clipped_share:.0%} of the clips are clipped.")
        if not self.kl_per_code <= MOST_KL_PER_CODE:
            found.append(f"It drifted {self.kl_per_code:.2f} nats per code from its base.")
        return found

    @property
    def hold(self) -> bool:
        return not self.problems

    def to_mapping(self) -> dict[str, float | bool]:
        return {**{spec.name: getattr(self, spec.name) for spec in fields(self)}, "hold": self.hold}


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
