"""Does an adapter do anything? Measured on the logits of a few fixed steps, in float32 whatever precision plays.

What rounding alone makes of the same logits is measured beside it, against float64: a change no larger is none.
"""

from __future__ import annotations

import torch
from torch import Tensor
from transformers import MusicgenForConditionalGeneration, PreTrainedTokenizerBase

from generation.engine.adapters import Changes, changes_of
from generation.engine.batch import Layout
from generation.engine.decoder import BatchDecoder
from generation.engine.exceptions import AdapterError
from generation.engine.text import TextEncoder
from generation.engine.weights import DecoderWeights, read_weights
from generation.specs import AdapterSpec

PROBE_TEXT = "calm piano with warm strings, slow and wide"
PROBE_STEPS = 8
NOISE_STEPS = 2
NOISE_MARGIN = 4
"""Base and adapted logits are both rounded, and the largest of many deviations is not the largest possible."""


class AdapterProbe:
    """Logits of fixed steps of one model, with and without adapters."""

    def __init__(
        self, model: MusicgenForConditionalGeneration, tokenizer: PreTrainedTokenizerBase, layout: Layout
    ) -> None:
        self._model, self._tokenizer, self._layout = model, tokenizer, layout

    def change(self, adapter: AdapterSpec) -> float:
        """Largest absolute change of any logit when `adapter` is applied; always above what rounding makes.

        Raises AdapterError when it does not load, changes nothing, or turns logits into anything but finite numbers.
        """
        adapted = self.logits(changes_of(self._model, [adapter]))
        if not torch.isfinite(adapted).all():
            raise AdapterError(f"With the adapter “{adapter.name}” the model computes numbers that are not finite.")
        base = self.logits()
        change, noise = float((adapted - base).abs().max()), self._noise(base)
        if change <= NOISE_MARGIN * noise:
            raise AdapterError(
                f"The adapter “{adapter.name}” changes nothing: the model's outputs move by no more than {change:.1g}, "
                f"and rounding alone moves them by {noise:.1g}."
            )
        return change

    def logits(
        self, changes: Changes | None = None, dtype: torch.dtype = torch.float32, steps: int = PROBE_STEPS
    ) -> Tensor:
        """Logits `[steps, K, V]` after fixed random tokens."""
        changes = changes or Changes()
        weights = read_weights(self._model.decoder, PROBE_STEPS, changes.decoder, dtype)
        text = TextEncoder(self._model, self._tokenizer, changes.text, dtype).encode(PROBE_TEXT)
        return _steps(weights, text, self._layout, steps)

    def _noise(self, base: Tensor) -> float:
        exact = self.logits(dtype=torch.float64, steps=NOISE_STEPS)
        return float((base[:NOISE_STEPS] - exact).abs().max())


def _steps(weights: DecoderWeights, text: Tensor, layout: Layout, count: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(layout.codes, (PROBE_STEPS, 1, weights.codebooks), generator=generator)
    tokens[0] = layout.pad_token
    decoder = BatchDecoder(weights, [text], 0, PROBE_STEPS, layout.quantum)
    return torch.cat([decoder.step(step.to(weights.device), i)[0] for i, step in enumerate(tokens[:count])])
