"""What models make of clips that were played: how far an adapter moved, and whether clips belong to their texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from generation.engine.adapters import weight_deltas
from generation.engine.delay import codebook_delays
from generation.engine.loading import LoadedModel, choose_device, load_model
from generation.engine.text import TextEncoder
from generation.specs import AdapterSpec, Codes, ModelSpec, SamplingSpec
from training.specs import PlayedClip
from training.trainer.sequences import PLAIN, ClipCollator, log_probabilities

BATCH = 4
Network = Callable[..., Any]


def kl_per_code(
    base: ModelSpec,
    clips: Sequence[PlayedClip],
    *,
    reference: AdapterSpec | None,
    adapter: AdapterSpec,
    sampling: SamplingSpec = PLAIN,
    device: str | None = None,
) -> list[float]:
    """Estimated Kullback-Leibler divergence of `adapter` from `reference` (None: the base alone), in nats per code.

    One estimate per clip, which the reference must have made: how much less likely its codes are with the adapter,
    under the guidance, temperature and filters of `sampling`, those the clips were made with. Raises `AdapterError`
    and `ModelLoadError`.
    """
    if not clips:
        return []
    judge = _Judge.load(base, device)
    before, after = (judge.network(each) for each in (reference, adapter))
    pairs = [(clip.text, clip.codes) for clip in clips]
    less = zip(judge.per_code(before, pairs, sampling), judge.per_code(after, pairs, sampling), strict=True)
    return [was - now for was, now in less]


def adherence_per_code(base: ModelSpec, clips: Sequence[PlayedClip], *, device: str | None = None) -> list[float]:
    """How much likelier the base model finds each clip under its own text than under the next clip's, in nats per code.

    Above 0 where the clip says something of its text. NaN for a clip when all texts are the same. The model is its own
    judge, so this tells whether clips still belong to their prompts, not whether people would agree.
    """
    if not clips:
        return []
    judge = _Judge.load(base, device)
    alone = judge.network(None)
    others = [_next_text(clips, index) for index in range(len(clips))]
    own = judge.per_code(alone, [(clip.text, clip.codes) for clip in clips], PLAIN)
    strange = judge.per_code(alone, [(text, clip.codes) for clip, text in zip(clips, others, strict=True)], PLAIN)
    is_known = (text != clip.text for clip, text in zip(clips, others, strict=True))
    return [a - b if known else float("nan") for a, b, known in zip(own, strange, is_known, strict=True)]


def _next_text(clips: Sequence[PlayedClip], index: int) -> str:
    """The first other text after this clip's, round the corner; its own when there is none."""
    texts = [clip.text for clip in [*clips[index + 1 :], *clips[:index]]]
    return next((text for text in texts if text != clips[index].text), clips[index].text)


@dataclass(frozen=True, slots=True)
class _Judge:
    """A base model in float32, which asks networks made of it for log-probabilities."""

    loaded: LoadedModel
    collate: ClipCollator
    delays: tuple[int, ...]

    @classmethod
    def load(cls, base: ModelSpec, device: str | None) -> _Judge:
        loaded = load_model(base, choose_device(device), torch.float32)
        decoder = loaded.model.decoder.eval()
        delays = tuple(codebook_delays(decoder.config.num_codebooks, decoder.config.audio_channels))
        longest = decoder.config.max_position_embeddings - max(delays)
        return cls(loaded, ClipCollator(decoder, TextEncoder(loaded.model, loaded.tokenizer), longest), delays)

    def network(self, adapter: AdapterSpec | None) -> Network:
        """The decoder as a function, with the adapter's weights in place of the base's."""
        decoder: nn.Module = self.loaded.model.decoder
        weights = self._weights(adapter)
        return lambda **inputs: functional_call(decoder, weights, kwargs=inputs)

    def _weights(self, adapter: AdapterSpec | None) -> Mapping[str, Tensor]:
        if adapter is None:
            return {}
        parameters = dict(self.loaded.model.decoder.named_parameters())
        deltas = weight_deltas(self.loaded.model, [adapter])
        return {f"{name}.weight": parameters[f"{name}.weight"].detach() + delta for name, delta in deltas.items()}

    @torch.no_grad()
    def per_code(self, network: Network, clips: Sequence[tuple[str, Codes]], sampling: SamplingSpec) -> list[float]:
        """The mean log-probability of each clip's codes, in nats."""
        found: list[float] = []
        for start in range(0, len(clips), BATCH):
            batch = self.collate(clips[start : start + BATCH])
            scores = log_probabilities(network, batch, self.delays, sampling).double().sum(dim=(1, 2))
            found += (scores / batch.tokens).tolist()
        return found
