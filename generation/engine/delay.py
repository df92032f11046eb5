"""The delay pattern of MusicGen: codebook k is predicted k steps after codebook 0.

Copet et al., "Simple and Controllable Music Generation" (2023), section 2.2. A *pattern* has one column per position
of the decoder: column 0 holds the start token everywhere, and frame f of a codebook with delay d stands in column
f + d + 1. Cells that belong to no frame hold the padding token. Stereo models interleave left and right (left of
codebook 0, right of codebook 0, left of codebook 1, ...), and both of a pair share their delay.
"""

from __future__ import annotations

import torch
from torch import Tensor

UNKNOWN = -1


def codebook_delays(codebooks: int, channels: int) -> tuple[int, ...]:
    """Steps by which each of the `codebooks` streams lags behind the first."""
    return tuple(k // channels for k in range(codebooks))


def pattern_length(frames: int, delays: tuple[int, ...]) -> int:
    """Columns needed for `frames` frames: the start column, the frames, and the tail of the slowest codebook."""
    return frames + max(delays) + 1


def apply_delay(codes: Tensor, frames: int, delays: tuple[int, ...], pad_token: int) -> Tensor:
    """Lay out `codes` `[K, P]` as the pattern of a clip of `frames` >= P frames.

    Returns int64 `[K, frames + max(delays) + 1]` in which the frames after P are `UNKNOWN`.
    """
    pattern = codes.new_full((len(delays), pattern_length(frames, delays)), pad_token, dtype=torch.int64)
    known = codes.shape[1]
    for k, delay in enumerate(delays):
        first = delay + 1
        pattern[k, first : first + known] = codes[k]
        pattern[k, first + known : first + frames] = UNKNOWN
    return pattern


def remove_delay(pattern: Tensor, frames: int, delays: tuple[int, ...]) -> Tensor:
    """Undo `apply_delay`: `[K, >= frames + max(delays) + 1]` of any dtype to `[K, frames]`."""
    return torch.stack([pattern[k, delay + 1 : delay + 1 + frames] for k, delay in enumerate(delays)])
