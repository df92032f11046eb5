"""What models make of clips that were played: how far an adapter moved, and whether clips belong to their texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.func import functional_call

from generation.engine.adapters import changes_of
from generation.engine.delay import codebook_delays
from generation.engine.loading import LoadedModel, choose_device, choose_dtype, load_model
from generation.engine.text import TextEncoder
from generation.specs import AdapterSpec, Codes, ModelSpec, SamplingSpec
from training.quality.likeness import other_texts
from training.specs import PlayedClip
from training.trainer.sequences import PLAIN, ClipCollator, log_probabilities

BATCH = 4


@dataclass(frozen=True, slots=True)
class Network:
    """A decoder as a function, and what gives it clips with the text states that belong to it."""

    decoder: Callable[..., Any]
    collate: ClipCollator


@dataclass(frozen=True, slots=True)
class Judge:
    """A base model by which clips are judged, alone or with an adapter: its weights are rounded as those that play, and
    reckoned with in float32, whose own rounding is far below what an adapter changes."""

    loaded: LoadedModel
    delays: tuple[int, ...]

    @classmethod
    def load(cls, base: ModelSpec, device: str | None = None, dtype: torch.dtype | None = None) -> Judge:
        """`dtype` is the precision that plays; None is the machine's. Raises `ModelLoadError`."""
        chosen = choose_device(device)
        loaded = load_model(base, chosen, choose_dtype(dtype, chosen))
        loaded.model.decoder.float()
        config = loaded.model.decoder.config
        return cls(loaded, tuple(codebook_delays(config.num_codebooks, config.audio_channels)))

    def kl_per_code(
        self,
        clips: Sequence[PlayedClip],
        *,
        reference: AdapterSpec | None,
        adapter: AdapterSpec,
        sampling: SamplingSpec = PLAIN,
    ) -> list[float]:
        """Estimated Kullback-Leibler divergence of `adapter` from `reference` (None: the base alone), in nats per code.

        One estimate per clip, which the reference must have made: how much less likely its codes are with the adapter,
        under the guidance, temperature and filters of `sampling`, those they were made with. Raises `AdapterError`.
        """
        pairs = [(clip.text, clip.codes) for clip in clips]
        was, now = (self._per_code(self._network(each), pairs, sampling) for each in (reference, adapter))
        return [before - after for before, after in zip(was, now, strict=True)]

    def adherence_per_code(self, clips: Sequence[PlayedClip]) -> list[float]:
        """How much likelier the base finds each clip under its own text than under the next clip's, in nats per code.

        Above 0 where the clip says something of its text. NaN for a clip when all texts are the same. The model is its
        own judge, so this tells whether clips still belong to their prompts, not whether people would agree.
        """
        alone, others = self._network(None), other_texts([clip.text for clip in clips])
        own = self._per_code(alone, [(clip.text, clip.codes) for clip in clips], PLAIN)
        strange = self._per_code(alone, [(text, clip.codes) for clip, text in zip(clips, others, strict=True)], PLAIN)
        is_known = (text != clip.text for clip, text in zip(clips, others, strict=True))
        return [a - b if known else float("nan") for a, b, known in zip(own, strange, is_known, strict=True)]

    def _network(self, adapter: AdapterSpec | None) -> Network:
        """The base, with what `adapter` changes of the decoder and of the text states in place of its own."""
        model = self.loaded.model
        changes = changes_of(model, [adapter] if adapter else [])
        parameters = dict(model.decoder.named_parameters())
        weights = {
            f"{name}.weight": parameters[f"{name}.weight"].detach() + change.to(model.device).product()
            for name, change in changes.decoder.items()
        }
        longest = model.decoder.config.max_position_embeddings - max(self.delays)
        texts = TextEncoder(model, self.loaded.tokenizer, changes.text)
        return Network(
            lambda **inputs: functional_call(model.decoder, weights, kwargs=inputs),
            ClipCollator(model.decoder, texts, longest),
        )

    @torch.no_grad()
    def _per_code(self, network: Network, clips: Sequence[tuple[str, Codes]], sampling: SamplingSpec) -> list[float]:
        """The mean log-probability of each clip's codes, in nats."""
        found: list[float] = []
        for start in range(0, len(clips), BATCH):
            batch = network.collate(clips[start : start + BATCH])
            scores = log_probabilities(network.decoder, batch, self.delays, sampling).double().sum(dim=(1, 2))
            found += (scores / batch.tokens).tolist()
        return found
