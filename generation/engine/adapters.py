"""LoRA adapters, through peft: what they change of a model, and whether they change anything.

peft itself reads the folder and decides which layers it concerns, at which rank and scaling. What it finds is taken off
again as pairs of small matrices (Hu et al., "LoRA", 2021: strength x scaling x B A), which `weights` applies for the
decoder and `text` for the parts before it. The base model is never written to, so taking an adapter off restores it bit
for bit.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from peft import LoraConfig, PeftConfig, PeftModel
from peft.tuners.lora import Embedding, Linear, LoraLayer
from peft.utils import get_peft_model_state_dict, load_peft_weights, set_peft_model_state_dict
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import MusicgenForConditionalGeneration, PreTrainedTokenizerBase

from generation.engine.batch import Layout
from generation.engine.decoder import BatchDecoder
from generation.engine.exceptions import AdapterError
from generation.engine.text import TextEncoder
from generation.engine.weights import DecoderWeights, LowRank, read_weights
from generation.specs import AdapterSpec
from generation.texts import gettext_noop

ADAPTER = "applied"
DECODER = "decoder."
IN_WHOLE_MODEL = tuple(
    f"base_model.model.{part}" for part in ("decoder.", "text_encoder.", "audio_encoder.", "enc_to_dec_proj.")
)
PROBE_TEXT = "calm piano with warm strings, slow and wide"
PROBE_STEPS = 8
ROUNDING_STEPS = 2
ROUNDING_MARGIN = 4
"""Base and adapted logits are both rounded, and the largest of many deviations is not the largest possible."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What adapters change: by module name within the decoder, and within the whole model for the parts before it."""

    decoder: dict[str, LowRank] = field(default_factory=dict)
    text: dict[str, LowRank] = field(default_factory=dict)


def changes_of(model: MusicgenForConditionalGeneration, adapters: Iterable[AdapterSpec]) -> Changes:
    """The sum of what the adapters change, each at its strength.

    Raises AdapterError when a folder is no LoRA, does not fit this model, or holds numbers that are not finite.
    """
    total = Changes()
    for adapter in adapters:
        for name, change in _read(model, adapter).items():
            inside = name.startswith(DECODER)
            part, short = (total.decoder, name.removeprefix(DECODER)) if inside else (total.text, name)
            part[short] = part[short].beside(change) if short in part else change
    return total


def _read(model: MusicgenForConditionalGeneration, adapter: AdapterSpec) -> dict[str, LowRank]:
    """The change of each module, by its name within the whole model."""
    config, stored = _read_folder(adapter)
    # Adapters may have been trained on the decoder alone, or on the whole model around it.
    host: nn.Module = model if any(key.startswith(IN_WHOLE_MODEL) for key in stored) else model.decoder
    peft_model = _attach(host, adapter.name, config, stored)
    try:
        layers = {n: m for n, m in model.named_modules() if isinstance(m, LoraLayer)}
        return {name: _change(name, layer, adapter) for name, layer in layers.items()}
    finally:
        _detach(peft_model, host)


def _read_folder(adapter: AdapterSpec) -> tuple[LoraConfig, dict[str, Tensor]]:
    folder, name = Path(adapter.path), adapter.name
    if not (folder / "adapter_model.safetensors").is_file():
        raise AdapterError(gettext_noop("The adapter “%(name)s” has no adapter_model.safetensors.") % {"name": name})
    try:
        config = PeftConfig.from_pretrained(str(folder))
        stored = load_peft_weights(str(folder), device="cpu")
    except (OSError, ValueError, TypeError, SafetensorError) as error:
        raise AdapterError(
            gettext_noop("The files of the adapter “%(name)s” cannot be read.") % {"name": name}
        ) from error
    if not isinstance(config, LoraConfig) or config.use_dora or config.lora_bias or config.modules_to_save:
        raise AdapterError(
            gettext_noop("The adapter “%(name)s” is not a plain LoRA (no DoRA, no biases, no full modules).")
            % {"name": name}
        )
    for key, tensor in stored.items():
        if not torch.isfinite(tensor).all():
            raise AdapterError(
                gettext_noop(
                    "The adapter “%(name)s” holds numbers that are not finite, in “%(key)s”: it would turn music "
                    "into noise. Its training went wrong; use an earlier checkpoint."
                )
                % {"name": name, "key": key}
            )
    return config, stored


def _attach(host: nn.Module, name: str, config: LoraConfig, stored: dict[str, Tensor]) -> PeftModel:
    config.inference_mode = True
    try:
        peft_model = PeftModel(host, config, adapter_name=ADAPTER)
    except ValueError as error:
        raise AdapterError(
            gettext_noop("The adapter “%(name)s” names modules this model does not have.") % {"name": name}
        ) from error
    try:
        expected = get_peft_model_state_dict(peft_model, adapter_name=ADAPTER, save_embedding_layers=False)
        if {key: t.shape for key, t in expected.items()} != {key: t.shape for key, t in stored.items()}:
            raise AdapterError(
                gettext_noop("The adapter “%(name)s” was made for another model: its layers or their sizes differ.")
                % {"name": name}
            )
        set_peft_model_state_dict(peft_model, stored, adapter_name=ADAPTER)
    except Exception:
        _detach(peft_model, host)
        raise
    return peft_model


def _change(name: str, layer: LoraLayer, adapter: AdapterSpec) -> LowRank:
    scale = layer.scaling[ADAPTER] * adapter.strength
    if name.startswith(DECODER) and isinstance(layer, Embedding):
        entries, width = layer.lora_embedding_A[ADAPTER], layer.lora_embedding_B[ADAPTER]
        return LowRank(entries.detach().float().t() * scale, width.detach().float().t())
    if name.startswith("audio_encoder.") or not isinstance(layer, Linear):
        part = "audio codec" if name.startswith("audio_encoder.") else "text encoder's tables"
        raise AdapterError(
            gettext_noop(
                "The adapter “%(name)s” changes the %(part)s (“%(tensor)s”), which stays as it is here: only linear "
                "layers of the text encoder and the decoder, and the decoder's tables, can be adapted."
            )
            % {"name": adapter.name, "part": part, "tensor": name}
        )
    inner, outer = layer.lora_A[ADAPTER].weight, layer.lora_B[ADAPTER].weight
    return LowRank(outer.detach().float() * scale, inner.detach().float())


def _detach(peft_model: PeftModel, host: nn.Module) -> None:
    """Take the adapter layers out again and forget that they were there."""
    peft_model.unload()
    if hasattr(host, "peft_config"):
        del host.peft_config


class AdapterProbe:
    """Logits of a few fixed steps of one model, with and without adapters, in float32 whatever precision plays.

    What rounding alone makes of the same logits is measured beside them, against float64: a change no larger is none.
    """

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
            raise AdapterError(
                gettext_noop("With the adapter “%(name)s” the model computes numbers that are not finite.")
                % {"name": adapter.name}
            )
        base = self.logits()
        change, rounding = float((adapted - base).abs().max()), self._rounding(base)
        if change <= ROUNDING_MARGIN * rounding:
            raise AdapterError(
                gettext_noop(
                    "The adapter “%(name)s” changes nothing: the model's outputs move by no more than %(change)s, "
                    "and rounding alone moves them by %(rounding)s."
                )
                % {"name": adapter.name, "change": f"{change:.1g}", "rounding": f"{rounding:.1g}"}
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

    def _rounding(self, base: Tensor) -> float:
        exact = self.logits(dtype=torch.float64, steps=ROUNDING_STEPS)
        return float((base[:ROUNDING_STEPS] - exact).abs().max())


def _steps(weights: DecoderWeights, text: Tensor, layout: Layout, count: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(layout.codes, (PROBE_STEPS, 1, weights.codebooks), generator=generator)
    tokens[0] = layout.pad_token
    decoder = BatchDecoder(weights, [text], 0, PROBE_STEPS, layout.quantum)
    return torch.cat([decoder.step(step.to(weights.device), i)[0] for i, step in enumerate(tokens[:count])])
