"""LoRA adapters on the decoder, through peft.

An adapter is turned into weight differences (Hu et al., "LoRA", 2021: strength x scaling x B A), which the decode loop
adds to copies of the weights they concern. The base model is never written to, so taking an adapter off restores it
bit for bit, and decoding with an adapter costs no more than without.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from peft import LoraConfig, PeftConfig, PeftModel
from peft.tuners.lora import LoraLayer
from peft.utils import get_peft_model_state_dict, load_peft_weights, set_peft_model_state_dict
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import MusicgenForConditionalGeneration

from generation.engine.exceptions import AdapterError
from generation.specs import AdapterSpec

ADAPTER = "applied"
DECODER_IN_MODEL = "base_model.model.decoder.model.decoder."


def active(adapters: Iterable[AdapterSpec]) -> tuple[AdapterSpec, ...]:
    """Adapters that change anything: strength 0 is the base model itself."""
    return tuple(adapter for adapter in adapters if adapter.strength != 0)


def weight_deltas(model: MusicgenForConditionalGeneration, adapters: Iterable[AdapterSpec]) -> dict[str, Tensor]:
    """The sum of the adapters' weight differences, by module name within the decoder.

    Raises AdapterError when a folder is no LoRA, or does not fit this model.
    """
    total: dict[str, Tensor] = {}
    for adapter in adapters:
        for name, delta in _deltas_of(model, adapter).items():
            total[name] = total[name] + delta if name in total else delta
    return total


def _deltas_of(model: MusicgenForConditionalGeneration, adapter: AdapterSpec) -> dict[str, Tensor]:
    folder = Path(adapter.path)
    config, stored = _read_folder(folder)
    # Adapters may have been trained on the decoder alone, or on the whole model around it.
    whole = any(key.startswith(DECODER_IN_MODEL) for key in stored)
    host: nn.Module = model if whole else model.decoder
    peft_model = _attach(host, folder, config, stored)
    try:
        layers = {n: m for n, m in model.decoder.named_modules() if isinstance(m, LoraLayer)}
        if len(layers) * 2 != len(stored):
            raise AdapterError(f"The adapter in “{folder.name}” changes parts other than the decoder of this model.")
        return {name: layer.get_delta_weight(ADAPTER).detach() * adapter.strength for name, layer in layers.items()}
    finally:
        _detach(peft_model, host)


def _read_folder(folder: Path) -> tuple[LoraConfig, dict[str, Tensor]]:
    if not (folder / "adapter_model.safetensors").is_file():
        raise AdapterError(f"The adapter folder “{folder.name}” has no adapter_model.safetensors.")
    try:
        config = PeftConfig.from_pretrained(str(folder))
        stored = load_peft_weights(str(folder), device="cpu")
    except (OSError, ValueError, TypeError, SafetensorError) as error:
        raise AdapterError(f"The adapter folder “{folder.name}” cannot be read.") from error
    if not isinstance(config, LoraConfig) or config.use_dora or config.lora_bias or config.modules_to_save:
        raise AdapterError(f"The adapter in “{folder.name}” is not a plain LoRA (no DoRA, no biases, no full modules).")
    return config, stored


def _attach(host: nn.Module, folder: Path, config: LoraConfig, stored: dict[str, Tensor]) -> PeftModel:
    config.inference_mode = True
    try:
        peft_model = PeftModel(host, config, adapter_name=ADAPTER)
    except ValueError as error:
        raise AdapterError(f"The adapter in “{folder.name}” names modules this model does not have.") from error
    try:
        expected = get_peft_model_state_dict(peft_model, adapter_name=ADAPTER, save_embedding_layers=False)
        if {key: t.shape for key, t in expected.items()} != {key: t.shape for key, t in stored.items()}:
            raise AdapterError(
                f"The adapter in “{folder.name}” was made for another model: its layers or their sizes differ."
            )
        set_peft_model_state_dict(peft_model, stored, adapter_name=ADAPTER)
    except Exception:
        _detach(peft_model, host)
        raise
    return peft_model


def _detach(peft_model: PeftModel, host: nn.Module) -> None:
    """Take the adapter layers out again and forget that they were there."""
    peft_model.unload()
    if hasattr(host, "peft_config"):
        del host.peft_config
