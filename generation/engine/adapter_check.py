"""Does an adapter do anything? Measured on the logits of a few fixed steps."""

from __future__ import annotations

import torch
from torch import Tensor
from transformers import MusicgenForConditionalGeneration

from generation.engine.adapters import weight_deltas
from generation.engine.batch import Layout
from generation.engine.decoder import BatchDecoder
from generation.engine.exceptions import AdapterError
from generation.engine.weights import DecoderWeights, read_weights
from generation.specs import AdapterSpec

PROBE_TEXT = "calm piano with warm strings, slow and wide"
PROBE_STEPS = 8


def logit_change(model: MusicgenForConditionalGeneration, adapter: AdapterSpec, text: Tensor, layout: Layout) -> float:
    """Largest absolute change of any logit when `adapter` is applied, over `PROBE_STEPS` steps of fixed tokens.

    `text` holds the states `[L, H]` of `PROBE_TEXT`. Base and adapted weights are laid out alike in memory, so an
    adapter that changes nothing gives exactly 0. Raises AdapterError when it does not load, changes nothing, or turns
    logits into anything but finite numbers.
    """
    deltas = weight_deltas(model, [adapter])
    unchanged = {name: torch.zeros_like(delta) for name, delta in deltas.items()}
    base = _probe(read_weights(model.decoder, PROBE_STEPS, unchanged), text, layout)
    adapted = _probe(read_weights(model.decoder, PROBE_STEPS, deltas), text, layout)
    if not torch.isfinite(adapted).all():
        raise AdapterError("The adapter's weights are not all finite numbers: it would turn music into noise.")
    change = float((adapted - base).abs().max())
    if change == 0.0:
        raise AdapterError("The adapter changes nothing: with it the model computes exactly what it does without.")
    return change


def _probe(weights: DecoderWeights, text: Tensor, layout: Layout) -> Tensor:
    """Logits float32 `[steps, K, V]` after fixed random tokens."""
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(layout.codes, (PROBE_STEPS, 1, weights.codebooks), generator=generator)
    tokens[0] = layout.pad_token
    decoder = BatchDecoder(weights, [text], 0, PROBE_STEPS, layout.quantum)
    device = weights.heads.device
    return torch.cat([decoder.step(step.to(device), i)[0].float() for i, step in enumerate(tokens)])
