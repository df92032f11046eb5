"""The clock: makes the decoder count the time that a caption asks for.

Once some music is there, its period can be copied from what was heard, and the text matters for a clip's first two
intervals only: next to nothing of the loss says that a number of BPM is a length in frames. The clock says it at every
frame. Linear heads read, from hidden states in the middle of the decoder and at its end, where the clip stands in its
eighth, beat, half bar and bar; and some clips are given without their history, or with that of another clip, so that
text and position alone can tell. The heads serve the training only, and are not part of the model.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from generation.bundled.recipe.captions import tempo_number
from generation.bundled.recipe.composer import ClipSpec
from generation.bundled.recipe.lm import PAD_CODE

EIGHTHS = (1, 2, 4, 8)
"""Lengths of the cycles that are read, in eighths."""

READ_AFTER = (2, 4)
"""Decoder layers after which the heads read."""

CLOCK_WEIGHT = 20.0
"""Weight beside the cross-entropy: it leads while time is not kept, and fades with its own error."""

CLOCK_FRAMES = 200
"""Frames of a clip on which the clock is read; after four seconds the music itself tells the time."""

CLOCK_RATE = 4e-3
BLANK_SHARE, SWAPPED_SHARE = 0.15, 0.15
"""Shares of clips without their history, and with that of another clip (learned from by the clock only)."""

ADDED_TEMPO_SHARE = 0.6
"""Share of the captions without a number of BPM that get one."""

_STATED = re.compile(r"\d+ bpm", re.IGNORECASE)


class Clock(nn.Module):
    """One linear head for each layer in `READ_AFTER`, on normalised hidden states."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = nn.ModuleList(nn.Linear(width, 2 * len(EIGHTHS)) for _ in READ_AFTER)

    def errors(self, states: Sequence[torch.Tensor], eighths: torch.Tensor, told: torch.Tensor) -> torch.Tensor:
        """Mean squared error by layer and cycle, `[layers, cycles]`: 0.5 for a guess, 0 for a perfect clock.

        Takes hidden states `[batch, steps, width]` of the embeddings and all layers, and frames per eighth `[batch]`;
        only the clips `told` (`[batch]`) count.
        """
        wanted = phases(eighths, min(CLOCK_FRAMES, states[0].shape[1]))
        count = told.sum().clamp_min(1)
        errors = []
        for head, layer in zip(self.heads, READ_AFTER, strict=True):
            heard = states[layer][:, : wanted.shape[1]]
            read = head(nn.functional.layer_norm(heard, heard.shape[-1:]))
            by_clip = (read - wanted).square().mean(1).view(-1, 2, len(EIGHTHS)).mean(1)
            errors.append((by_clip * told[:, None]).sum(0) / count)
        return torch.stack(errors)


def phases(eighths: torch.Tensor, steps: int) -> torch.Tensor:
    """Cosines, then sines, of the place in every cycle: `[batch, steps, 2 * cycles]`."""
    frames = eighths[:, None, None] * torch.tensor(EIGHTHS, device=eighths.device)
    angles = 2 * math.pi * torch.arange(steps, device=eighths.device)[None, :, None] / frames
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


def hide_history(inputs: torch.Tensor, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Blank some clips' inputs `[batch, books, steps]` and give some that of their neighbour.

    Returns the inputs and which clips (`[batch]`) go on with a foreign history, and so have nothing to continue.
    """
    draw = torch.from_numpy(rng.random(len(inputs))).to(inputs.device)
    blank, swapped = draw < BLANK_SHARE, (draw >= BLANK_SHARE) & (draw < BLANK_SHARE + SWAPPED_SHARE)
    hidden = torch.where(swapped[:, None, None], inputs.roll(1, 0), inputs)
    return hidden.masked_fill(blank[:, None, None], PAD_CODE), swapped


def states_tempo(text: str) -> bool:
    """Whether a caption gives a number of beats per minute."""
    return _STATED.search(text) is not None


def with_tempo(text: str, spec: ClipSpec, rng: np.random.Generator) -> str:
    """A caption to which, where it gives no tempo, one is mostly added."""
    if states_tempo(text) or rng.random() >= ADDED_TEMPO_SHARE:
        return text
    return f"{text}, {tempo_number(rng, spec.eighth)} BPM"


def clock_path(data_dir: Path) -> Path:
    return data_dir / "clock.safetensors"
