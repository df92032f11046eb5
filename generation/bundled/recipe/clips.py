"""Seeded sources of clips: which clip is number `i` of a split, and a pool of rendered audio for the codec."""

from __future__ import annotations

import numpy as np
import torch

from generation.bundled.recipe.composer import ClipSpec, draw_spec
from generation.bundled.recipe.constants import CLIP_FRAMES, HOP_LENGTH
from generation.bundled.recipe.mixer import render
from generation.bundled.recipe.notes import NoteBank

RHYTHM = "rhythm"
"""The split of drums, at most with bass: what keeping time is learned from."""

SPLITS = {"train": 0, "validation": 1, "test": 2, "codec": 3, "classifier": 4, RHYTHM: 5}


def clip_rng(seed: int, split: str, index: int) -> np.random.Generator:
    """The generator of clip `index` of a split: independent of every other clip."""
    return np.random.default_rng([seed, SPLITS[split], index])


def clip_spec(seed: int, split: str, index: int, frames: int = CLIP_FRAMES) -> ClipSpec:
    """Clip `index` of a split."""
    return draw_spec(clip_rng(seed, split, index), rhythm=split == RHYTHM, frames=frames)


class CropPool:
    """Random crops, on frame boundaries, of a pool of clips that is renewed little by little."""

    def __init__(self, bank: NoteBank, seed: int, size: int = 256) -> None:
        self.bank, self.seed, self.next = bank, seed, 0
        self.clips = [self._fresh() for _ in range(size)]

    def _fresh(self) -> np.ndarray:
        spec = clip_spec(self.seed, "codec", self.next)
        self.next += 1
        return render(spec, self.bank)

    def batch(self, step: int, count: int, frames: int, renew: int = 2) -> torch.Tensor:
        """`[count, 1, frames * 320]` for a training step; the crops depend on `step` and on the pool alone."""
        rng = np.random.default_rng([self.seed, 99, step])
        for _ in range(renew):
            self.clips[int(rng.integers(len(self.clips)))] = self._fresh()
        crops = []
        for _ in range(count):
            clip = self.clips[int(rng.integers(len(self.clips)))]
            start = HOP_LENGTH * int(rng.integers(len(clip) // HOP_LENGTH - frames + 1))
            crops.append(clip[start : start + frames * HOP_LENGTH])
        return torch.from_numpy(np.stack(crops))[:, None]
