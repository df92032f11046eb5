"""Log-probabilities of clips under a decoder, by teacher forcing in the layout of generation.

The decoder reads the delay pattern (see `generation.engine.delay`) and, at column c, predicts column c + 1. The label
of frame f of a codebook with delay d is therefore read from column f + d. Every frame of every codebook is a label;
start column and padding are none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import MusicgenForCausalLM

from generation.engine.delay import apply_delay, codebook_delays, pattern_length
from generation.engine.sampling import guide, top_k_threshold, top_p_threshold
from generation.engine.text import TextEncoder
from generation.specs import Codes, SamplingSpec

PLAIN = SamplingSpec(temperature=1.0, top_k=0, top_p=0.0, guidance_scale=1.0)
"""The distribution of the model itself."""


@dataclass(frozen=True, slots=True)
class ClipBatch:
    """Clips side by side, shorter ones padded on the right.

    `inputs` int64 `[B, K, C]` is the delay pattern without its last column, `labels` int64 `[B, K, T]` the codes,
    `valid` bool `[B, T]` the frames that are there. `states` `[B, L, H]` and `states_mask` bool `[B, L]` are the text.
    """

    inputs: Tensor
    labels: Tensor
    valid: Tensor
    states: Tensor
    states_mask: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def tokens(self) -> Tensor:
        """Codes per clip, `[B]`: frames times codebooks."""
        return self.valid.sum(1) * self.labels.shape[1]


class ClipCollator:
    """Builds batches for one decoder: its delays, its padding token, and texts encoded once."""

    def __init__(self, decoder: MusicgenForCausalLM, texts: TextEncoder, max_frames: int) -> None:
        config = decoder.config
        self._texts = texts
        self._delays = codebook_delays(config.num_codebooks, config.audio_channels)
        self._pad = config.pad_token_id
        self._max_frames = max_frames
        self._device = next(decoder.parameters()).device

    def __call__(self, clips: Sequence[tuple[str, Codes]]) -> ClipBatch:
        """A batch of (text, codes `[K, T]`) pairs; of longer clips than allowed the first frames are labels.

        What the decoder reads of a cut clip is what it read while the clip was made, not the end of one.
        """
        codes = [torch.from_numpy(c.astype(np.int64)) for _, c in clips]
        lengths = [min(c.shape[1], self._max_frames) for c in codes]
        frames = max(lengths)
        books, columns = len(self._delays), pattern_length(frames, self._delays) - 1
        inputs = torch.full((len(clips), books, columns), self._pad)
        labels = torch.zeros(len(clips), books, frames, dtype=torch.int64)
        valid = torch.zeros(len(clips), frames, dtype=torch.bool)
        for row, (clip, length) in enumerate(zip(codes, lengths, strict=True)):
            read = pattern_length(length, self._delays) - 1
            inputs[row, :, :read] = apply_delay(clip, clip.shape[1], self._delays, self._pad)[:, :read]
            labels[row, :, :length] = clip[:, :length]
            valid[row, :length] = True
        states, mask = self._states([text for text, _ in clips])
        return ClipBatch(inputs.to(self._device), labels.to(self._device), valid.to(self._device), states, mask)

    def _states(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Text states padded on the right. A text without tokens gets one zero state, which adds nothing."""
        encoded = [self._texts.encode(text) for text in texts]
        length = max(1, *(len(states) for states in encoded))
        padded = encoded[0].new_zeros(len(texts), length, encoded[0].shape[1])
        mask = torch.zeros(len(texts), length, dtype=torch.bool, device=padded.device)
        for row, states in enumerate(encoded):
            padded[row, : len(states)] = states
            mask[row, : max(1, len(states))] = True
        return padded.clone(), mask


def log_probabilities(
    decoder: Callable[..., Any], batch: ClipBatch, delays: Sequence[int], sampling: SamplingSpec = PLAIN
) -> Tensor:
    """Log-probability `[B, K, T]` float32 with which a sampler of these settings draws every label, knowing what came
    before it; 0 where a clip has ended. A label that top-k or top-p leave out is let in beside the others.

    The full distribution is taken in float32 whatever the decoder computes in: sums over thousands of tokens lose
    half a nat and more in bfloat16.
    """
    if sampling.guidance_scale == 1:
        logits = _logits(decoder, batch, delays, batch.states)
    else:
        states = torch.cat([batch.states, torch.zeros_like(batch.states)])
        conditional, unconditional = _logits(decoder, batch, delays, states).chunk(2)
        logits = guide(conditional, unconditional, sampling.guidance_scale)
    labels = batch.labels[..., None]
    scores = _filtered(logits / sampling.temperature, labels, sampling).log_softmax(dim=-1).gather(-1, labels)[..., 0]
    return scores * batch.valid[:, None, :]


def _logits(decoder: Callable[..., Any], batch: ClipBatch, delays: Sequence[int], states: Tensor) -> Tensor:
    """Logits `[n B, K, T, V]` float32 of the labels for text states `[n B, L, H]`: the clips once per group of B."""
    groups = len(states) // len(batch)
    inputs, mask = batch.inputs.repeat(groups, 1, 1), batch.states_mask.repeat(groups, 1)
    rows, books, columns = inputs.shape
    logits = decoder(
        input_ids=inputs.view(rows * books, columns),
        encoder_hidden_states=states,
        encoder_attention_mask=mask.long(),
        use_cache=False,
    ).logits.view(rows, books, columns, -1)
    frames = batch.labels.shape[2]
    return torch.stack([logits[:, k, delay : delay + frames] for k, delay in enumerate(delays)], dim=1).float()


def _filtered(scores: Tensor, labels: Tensor, sampling: SamplingSpec) -> Tensor:
    """Scores `[..., V]`, -inf for what top-k, then top-p leave out, as `generation.engine.sampling` does."""
    for threshold, value in ((top_k_threshold, sampling.top_k), (top_p_threshold, sampling.top_p)):
        if value:
            with torch.no_grad():
                left_out = (scores < threshold(scores, value)).scatter(-1, labels, False)
            scores = scores.masked_fill(left_out, float("-inf"))
    return scores


def sequence_log_probability(scores: Tensor) -> Tensor:
    """Log-probability of each clip, `[B]` float64: the sum of its codes' `[B, K, T]`."""
    return scores.double().sum(dim=(1, 2))
