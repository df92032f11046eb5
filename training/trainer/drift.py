"""How far an adapter has moved from what it goes on from, measured on clips of the latter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from generation.engine.adapters import weight_deltas
from generation.engine.delay import codebook_delays
from generation.engine.loading import LoadedModel, choose_device, load_model
from generation.engine.text import TextEncoder
from generation.specs import AdapterSpec, Codes, ModelSpec
from training.trainer.sequences import ClipCollator, log_probabilities

BATCH = 4


def kl_per_code(
    base: ModelSpec,
    clips: Sequence[tuple[str, Codes]],
    *,
    reference: AdapterSpec | None,
    adapter: AdapterSpec,
    max_frames: int = 1500,
    device: str | None = None,
) -> float:
    """Estimated Kullback-Leibler divergence of `adapter` from `reference` (None: the base alone), in nats per code.

    The mean over all codes of `clips`, (text, codes `[K, T]`) pairs that the reference made, of how much less likely
    they are with the adapter. An estimate: clips are drawn with guidance, a temperature and top-k. NaN without clips.
    Raises `AdapterError` and `ModelLoadError`.
    """
    if not clips:
        return float("nan")
    target = choose_device(device)
    loaded = load_model(base, target, torch.float32)
    decoder = loaded.model.decoder.eval()
    delays = codebook_delays(decoder.config.num_codebooks, decoder.config.audio_channels)
    collate = ClipCollator(decoder, TextEncoder(loaded.model, loaded.tokenizer), max_frames)
    before, after = (_with(decoder, _weights(loaded, each)) for each in (reference, adapter))
    lost, codes = 0.0, 0
    with torch.no_grad():
        for start in range(0, len(clips), BATCH):
            batch = collate(clips[start : start + BATCH])
            scores = log_probabilities(before, batch, delays) - log_probabilities(after, batch, delays)
            lost += float(scores.double().sum())
            codes += int(batch.tokens.sum())
    return lost / codes


def _with(decoder: nn.Module, weights: Mapping[str, Tensor]) -> Callable[..., Any]:
    """The decoder as a function, some of its weights replaced."""
    return lambda **inputs: functional_call(decoder, weights, kwargs=inputs)


def _weights(loaded: LoadedModel, adapter: AdapterSpec | None) -> Mapping[str, Tensor]:
    """The decoder's weights that differ from the base's, by name."""
    if adapter is None:
        return {}
    parameters = dict(loaded.model.decoder.named_parameters())
    deltas = weight_deltas(loaded.model, [adapter])
    return {f"{name}.weight": parameters[f"{name}.weight"].detach() + delta for name, delta in deltas.items()}
