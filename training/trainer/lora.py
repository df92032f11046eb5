"""The network that is trained: the decoder with a LoRA adapter around its linear layers (Hu et al., 2021).

A new adapter changes nothing (its B is zero), so that the network as it starts is its own reference policy.
"""

from __future__ import annotations

from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.utils import get_peft_model_state_dict, load_peft_weights, set_peft_model_state_dict

from generation.engine.loading import LoadedModel
from generation.specs import AdapterSpec, ModelSpec
from training.config import TrainingConfig
from training.texts import gettext_noop
from training.trainer.exceptions import TrainingError


def attach_adapter(
    loaded: LoadedModel, base: ModelSpec, config: TrainingConfig, parent: AdapterSpec | None
) -> PeftModel:
    """Put a new adapter on the decoder, or go on from `parent`, which then sets rank, alpha and layers.

    Raises `TrainingError` for a parent that is not of the decoder alone; peft would begin anew without a word.
    """
    torch.manual_seed(config.seed)
    if parent is not None:
        settings = LoraConfig.from_pretrained(parent.path)
        settings.inference_mode = False
    else:
        settings = LoraConfig(
            r=config.lora_r,
            lora_alpha=config.lora_alpha,
            lora_dropout=config.lora_dropout,
            target_modules=list(config.target_modules),
        )
    # peft writes the name of the network it is put on into the adapter's configuration.
    loaded.model.decoder.name_or_path = settings.base_model_name_or_path = base.key
    settings.revision = base.revision
    model = get_peft_model(loaded.model.decoder, settings)
    if parent is not None:
        stored = load_peft_weights(parent.path, device="cpu")
        if stored.keys() != get_peft_model_state_dict(model, save_embedding_layers=False).keys():
            raise TrainingError(
                gettext_noop(
                    "The adapter “%(name)s” was trained on more than the decoder alone, so a run cannot go on from "
                    "it. Start from the base model, or from an adapter that was trained here."
                )
                % {"name": parent.name}
            )
        set_peft_model_state_dict(model, stored)
    return model


def save_adapter(model: PeftModel, folder: Path) -> None:
    """Write `adapter_config.json` and `adapter_model.safetensors` as peft reads them."""
    model.save_pretrained(str(folder), save_embedding_layers=False)
