"""What the base model itself makes of a clip: its decoder reads text and codes, and its hidden states are pooled."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from transformers import MusicgenForConditionalGeneration

from generation.engine.delay import apply_delay
from generation.engine.text import TextEncoder
from generation.specs import Codes

REVISION = "1"
"""Of what is computed here: vectors of different revisions are different kinds."""
DEPTHS = (0.25, 0.5, 0.75, 1.0)
"""Of the decoder's layers, those that are read."""


def layers_read(count: int) -> list[int]:
    """Which of the states after each of `count` layers (and before the first, place 0) are read."""
    return [max(1, round(depth * count)) for depth in DEPTHS]


class HiddenStates:
    """Reads clips with the base's decoder, no adapter on it. `delays` and `pad` are those of generation."""

    def __init__(
        self,
        model: MusicgenForConditionalGeneration,
        texts: TextEncoder,
        delays: tuple[int, ...],
        pad: int,
        most_frames: int,
    ) -> None:
        self._decoder, self._texts, self._delays, self._pad = model.decoder, texts, delays, pad
        self._most_frames = most_frames
        self._layers = layers_read(model.decoder.config.num_hidden_layers)

    @torch.inference_mode()
    def of(self, text: str, codes: Codes) -> npt.NDArray[np.float32]:
        """`[4 H + 2 K]`: the means over time of four layers' states, and of each codebook mean and spread of the
        log-probability of its codes. Of a clip longer than the model's window the first window is read.
        """
        device = self._decoder.lm_heads[0].weight.device
        known = torch.from_numpy(codes[:, : self._most_frames].astype(np.int64)).to(device)
        frames = known.shape[1]
        inputs = apply_delay(known, frames, self._delays, self._pad)[:, :-1]
        states = self._texts.encode(text)
        if not len(states):
            states = states.new_zeros(1, states.shape[1])
        read = self._decoder(
            input_ids=inputs, encoder_hidden_states=states[None], output_hidden_states=True, use_cache=False
        )
        pooled = [read.hidden_states[layer][0].float().mean(0) for layer in self._layers]
        scores = self._log_probabilities(read.logits, known)
        vector = torch.cat([*pooled, scores.mean(1), scores.std(1, correction=0)])
        return vector.cpu().numpy().astype(np.float32)

    def _log_probabilities(self, logits: Tensor, codes: Tensor) -> Tensor:
        """`[K, T]`, of each code under the base with its text."""
        books, frames = codes.shape
        of_books = logits.view(books, -1, logits.shape[-1]).float()
        rows: Sequence[Tensor] = [
            of_books[book, delay : delay + frames].log_softmax(-1).gather(-1, codes[book, :, None])[:, 0]
            for book, delay in enumerate(self._delays)
        ]
        return torch.stack(list(rows))
