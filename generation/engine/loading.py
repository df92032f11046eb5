"""From a model folder to a `transformers` model that is safe to decode with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import AutoTokenizer, MusicgenForConditionalGeneration, PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from generation.base_models.folder import BrokenModelFolder, inspect_model_folder, tensor_shapes, weight_files
from generation.engine.exceptions import ModelLoadError
from generation.engine.weights import join_parameters
from generation.specs import ModelFacts, ModelSpec
from generation.texts import gettext_noop

# Older exports stored the sinusoidal position table, which is computed and not learned.
HARMLESS_KEYS = ("embed_positions.weights",)


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model in evaluation mode on its device, its tokenizer, and what its folder says about it."""

    model: MusicgenForConditionalGeneration
    tokenizer: PreTrainedTokenizerBase
    facts: ModelFacts


def choose_device(device: str | torch.device | None) -> torch.device:
    """The device asked for, or the first GPU, or the CPU."""
    if device is not None:
        return torch.device(device)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def choose_dtype(dtype: torch.dtype | None, device: torch.device) -> torch.dtype:
    """The decoder's precision: the one asked for, or bfloat16 on a GPU that has it, or float32."""
    if dtype is not None:
        return dtype
    if device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.bfloat16
    return torch.float32


def load_model(spec: ModelSpec, device: torch.device, dtype: torch.dtype) -> LoadedModel:
    """Load `spec.path` without any network. Raises ModelLoadError with one sentence on what is wrong.

    Text encoder and codec stay in float32; only the decoder takes `dtype`.
    """
    try:
        facts = inspect_model_folder(spec.path)
        model = _read_model(spec)
        tokenizer = AutoTokenizer.from_pretrained(spec.path, local_files_only=True)
    except BrokenModelFolder as error:
        raise ModelLoadError(str(error)) from error
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        said = gettext_noop("The files of model “%(key)s” could not be loaded.") % {"key": spec.key}
        raise ModelLoadError(f"{said} {spec.remedy}".rstrip()) from error
    # A composite model may come without an attention implementation, and then without a causal mask.
    for part in (model.decoder, model.text_encoder):
        part.set_attn_implementation("sdpa")
    model.to(device).eval().requires_grad_(False)
    model.decoder.to(dtype)
    _require_finite(spec, model)
    join_parameters(model.decoder)
    return LoadedModel(model, tokenizer, facts)


@contextmanager
def no_progress_bars() -> Iterator[None]:
    """A worker's log is no terminal."""
    shown = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            transformers_logging.enable_progress_bar()


def _read_model(spec: ModelSpec) -> MusicgenForConditionalGeneration:
    with no_progress_bars():
        model, report = MusicgenForConditionalGeneration.from_pretrained(
            spec.path, dtype=torch.float32, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
    unplaced = {*report["unexpected_keys"], *_unknown_decoder_tensors(spec.path, model)}
    unexpected = [key for key in unplaced if not key.endswith(HARMLESS_KEYS)]
    lacking = gettext_noop(
        "The weights of model “%(key)s” lack the tensor “%(example)s” (%(number)s in all): they do not belong to its "
        "config.json."
    )
    unknown = gettext_noop(
        "The weights of model “%(key)s” have an unknown tensor “%(example)s” (%(number)s in all): they do not belong "
        "to its config.json."
    )
    for said, keys in ((lacking, report["missing_keys"]), (unknown, unexpected)):
        if keys:
            example = sorted(keys)[0]
            raise ModelLoadError(said % {"key": spec.key, "example": example, "number": len(keys)})
    return model


def _require_finite(spec: ModelSpec, model: MusicgenForConditionalGeneration) -> None:
    """Raise ModelLoadError for weights that are no numbers, or that are too large for the precision they play in."""
    if found := not_finite_in(model):
        said = gettext_noop(
            "The weights of model “%(key)s” hold numbers that are not finite as %(found)s: it would make noise. "
            "Its files are damaged, or its training went wrong."
        )
        raise ModelLoadError(f"{said % {'key': spec.key, 'found': found}} {spec.remedy}".rstrip())


def not_finite_in(model: torch.nn.Module) -> str:
    """The first weights that hold anything but numbers, as in “float32, in “head.weight””; empty when all do."""
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            return f"{str(tensor.dtype).removeprefix('torch.')}, in “{name}”"
    return ""


def _unknown_decoder_tensors(path: str, model: MusicgenForConditionalGeneration) -> set[str]:
    """Stored decoder tensors the model has no place for; the library hides these, because T5 encoders may do so."""
    stored = {key for key in tensor_shapes(weight_files(Path(path))) if key.startswith("decoder.")}
    return stored.difference(model.state_dict())
