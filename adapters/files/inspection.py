"""What can be known of adapter files without torch: is it a plain LoRA, and does it fit its base model?

`inspect_heads` tells most of it from a few megabytes, while whoever sent the files waits; `inspect_folder` reads all.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.utils.translation import gettext
from safetensors import SafetensorError, safe_open

from adapters.base import Base
from adapters.exceptions import AdapterFilesRefused
from adapters.files.keeping import sha256_of
from adapters.files.patterns import resolve
from adapters.files.unpacking import SMALL_FILE_BYTES, Member, Members
from adapters.models import CONFIG_FILE, README_FILE, WEIGHTS_FILE

Shapes = Mapping[str, Sequence[int]]

MOST_RANK = 512
LONGEST_NAME = 300
MOST_HEADER = 2 << 20
"""Bytes that name the tensors: some hundred for each, and an adapter of the largest model has about a thousand."""
METADATA = "__metadata__"
MODULE_NAME = re.compile(r"[\w.]{1,200}")
TENSOR_NAME = re.compile(r"base_model\.model\.(?P<module>[\w.]+)\.(?P<part>lora_(?:embedding_)?[AB])(?:\.weight)?")
COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")

APPLIED = (
    "r",
    "lora_alpha",
    "target_modules",
    "exclude_modules",
    "rank_pattern",
    "alpha_pattern",
    "use_rslora",
    "layers_to_transform",
    "layers_pattern",
)
"""Options of peft's LoraConfig that decide what an adapter does, all of which are applied here as peft does."""

UNSUPPORTED = (
    "use_dora",
    "use_qalora",
    "use_bdlora",
    "lora_bias",
    "modules_to_save",
    "trainable_token_indices",
    "layer_replication",
    "megatron_config",
    "target_parameters",
    "arrow_config",
    "kasa_config",
    "velora_config",
    "monteclora_config",
    "alora_invocation_tokens",
    "fan_in_fan_out",
)
"""Options that change more than weight differences can say, or that would be read as code."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """Adapter files that are in order. `config` is what is kept of adapter_config.json."""

    config: dict[str, Any]
    weights: Path
    readme: bytes
    sha256: str
    size: int
    trained_parameters: int


def inspect_heads(members: Members, base_model: Base) -> None:
    """Check configuration and header of the weights against `base_model`, without unpacking what follows.

    Raises `AdapterFilesRefused`, `ModelNotReady`.
    """
    fitting_config(members[CONFIG_FILE].head(SMALL_FILE_BYTES), stated_shapes(members[WEIGHTS_FILE]), base_model)


def inspect_folder(folder: Path, base_model: Base) -> Inspection:
    """Check the files in `folder` against `base_model`'s. Raises `AdapterFilesRefused`, `ModelNotReady`."""
    shapes = tensor_shapes(folder / WEIGHTS_FILE)
    config = fitting_config((folder / CONFIG_FILE).read_bytes(), shapes, base_model)
    readme = (folder / README_FILE).read_bytes() if (folder / README_FILE).is_file() else b""
    weights = folder / WEIGHTS_FILE
    return Inspection(
        config=config,
        weights=weights,
        readme=readme,
        sha256=sha256_of(weights),
        size=weights.stat().st_size + len(readme) + len(json.dumps(config)),
        trained_parameters=sum(math.prod(shape) for shape in shapes.values()),
    )


def fitting_config(text: bytes, shapes: Shapes, base_model: Base) -> dict[str, Any]:
    """What is kept of adapter_config.json, for weights of these shapes.

    Raises `AdapterFilesRefused` unless both describe a LoRA of `base_model`.
    """
    stated = read_config(text)
    config = checked_config(stated)
    _check_base(stated, base_model)
    ranks = check_fit(shapes, base_model.tensor_shapes(), base_model.display_name)
    return resolve(config, ranks, is_module_name) | {
        "base_model_name_or_path": base_model.location or base_model.key,
        "revision": base_model.revision,
    }


def read_config(text: bytes) -> dict[str, Any]:
    """adapter_config.json as it is, byte-order mark or not. Raises `AdapterFilesRefused` unless it is a JSON object."""
    try:
        stated = json.loads(text.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise AdapterFilesRefused(
            gettext("%(config_file)s cannot be read as JSON.") % {"config_file": CONFIG_FILE}
        ) from error
    if not isinstance(stated, dict):
        raise AdapterFilesRefused(
            gettext("%(config_file)s does not hold a JSON object.") % {"config_file": CONFIG_FILE}
        )
    return stated


def _refuse_constant(name: str) -> float:
    raise ValueError(name)


def checked_config(stated: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of the configuration of a plain LoRA. Raises `AdapterFilesRefused` for any other."""
    if stated.get("peft_type") != "LORA":
        raise AdapterFilesRefused(
            gettext("%(config_file)s does not describe a LoRA: its peft_type is another.")
            % {"config_file": CONFIG_FILE}
        )
    for name in UNSUPPORTED:
        if stated.get(name):
            raise AdapterFilesRefused(
                gettext("The adapter uses “%(name)s”; only plain LoRA can be applied here.") % {"name": name}
            )
    if stated.get("bias", "none") != "none":
        raise AdapterFilesRefused(gettext("The adapter changes biases; only plain LoRA can be applied here."))
    if stated.get("init_lora_weights", True) not in (True, False, "gaussian"):
        raise AdapterFilesRefused(
            gettext(
                "The adapter starts from changed base weights (init_lora_weights); convert it to a plain LoRA with "
                "peft."
            )
        )
    config = {name: stated[name] for name in APPLIED if stated.get(name) is not None}
    _check_numbers(config)
    _check_names(config)
    kept = {"peft_type": "LORA", "task_type": None, "bias": "none", "inference_mode": True, "init_lora_weights": True}
    dropout = stated.get("lora_dropout", 0.0)
    return kept | {"lora_dropout": dropout if _is_number(dropout, 0, 1) else 0.0} | config


def _check_numbers(config: Mapping[str, Any]) -> None:
    ranks = [config.get("r"), *_values(config, "rank_pattern")]
    if not all(isinstance(rank, int) and _is_number(rank, 1, MOST_RANK) for rank in ranks):
        raise AdapterFilesRefused(
            gettext("The rank (r) must be a whole number from 1 to %(most_rank)s.") % {"most_rank": MOST_RANK}
        )
    alphas = [config.get("lora_alpha"), *_values(config, "alpha_pattern")]
    if not all(_is_number(alpha, 1e-6, 1e6) for alpha in alphas):
        raise AdapterFilesRefused(gettext("lora_alpha must be a number above 0."))
    if not isinstance(config.get("use_rslora", False), bool):
        raise AdapterFilesRefused(gettext("use_rslora must be true or false."))


def _check_names(config: Mapping[str, Any]) -> None:
    targets = config.get("target_modules")
    if not isinstance(targets, str | list) or not targets:
        raise AdapterFilesRefused(gettext("target_modules must be a list of module names, or an expression for them."))
    for option in ("target_modules", "exclude_modules", "layers_pattern"):
        names = config.get(option, [])
        if isinstance(names, list) and not all(map(is_module_name, names)):
            raise AdapterFilesRefused(gettext("%(option)s must hold plain module names.") % {"option": option})
        if not isinstance(names, str | list):
            raise AdapterFilesRefused(gettext("%(option)s must be a list of module names.") % {"option": option})
    pattern = config.get("layers_pattern", [])
    if isinstance(pattern, str) and pattern and not is_module_name(pattern):
        raise AdapterFilesRefused(gettext("layers_pattern must hold plain module names."))
    layers = config.get("layers_to_transform", [])
    if not all(
        isinstance(layer, int) and 0 <= layer < 1000 for layer in (layers if isinstance(layers, list) else [layers])
    ):
        raise AdapterFilesRefused(gettext("layers_to_transform must be a list of layer numbers."))


def is_module_name(name: object) -> bool:
    """Whether it names a module, and is no expression to be read."""
    return isinstance(name, str) and MODULE_NAME.fullmatch(name) is not None


def _values(config: Mapping[str, Any], name: str) -> list[Any]:
    pattern = config.get(name) or {}
    if not isinstance(pattern, dict):
        raise AdapterFilesRefused(gettext("%(name)s must map module names to numbers.") % {"name": name})
    return list(pattern.values())


def _is_number(value: object, low: float, high: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def _check_base(stated: Mapping[str, Any], base_model: Base) -> None:
    """Refuse an adapter that says itself it belongs to another model the studio knows, or to other files of this."""
    named = stated.get("base_model_name_or_path")
    if not isinstance(named, str) or len(named) > LONGEST_NAME or not named.isprintable():
        named = None
    if named is not None and (other := base_model.other_called(named)) is not None:
        raise AdapterFilesRefused(
            gettext("The adapter says it was made for %(made_for)s; it does not fit %(base_model)s.")
            % {"made_for": other.display_name, "base_model": base_model.display_name}
        )
    revision = stated.get("revision")
    # A copy that was brought here is known by a hash of its content, which says nothing of the hub's commits.
    if isinstance(revision, str) and COMMIT.fullmatch(revision) and len(revision) == len(base_model.revision):
        require_revision(revision, base_model)


def require_revision(revision: str, base_model: Base) -> None:
    """Raise `AdapterFilesRefused` unless `revision` is that of the base model's files here."""
    if revision != base_model.revision:
        raise AdapterFilesRefused(
            gettext(
                "The adapter was made for revision %(revision)s of %(base_model)s; the files here are of revision "
                "%(here)s."
            )
            % {
                "revision": revision[:12],
                "base_model": base_model.display_name,
                "here": base_model.revision[:12] or gettext("unknown"),
            }
        )


def tensor_shapes(file: Path) -> dict[str, list[int]]:
    """Name and shape of every tensor, from the header alone. Raises `AdapterFilesRefused` for a damaged file."""
    try:
        with safe_open(file, framework="np") as tensors:
            return {key: tensors.get_slice(key).get_shape() for key in tensors.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise _damaged_weights() from error


def stated_shapes(weights: Member) -> dict[str, list[int]]:
    """As `tensor_shapes`, of weights that are not unpacked yet: their header is read, the numbers are only counted.

    The format is 8 bytes of length, little-endian, then that much JSON, then the numbers of all tensors.
    """
    length = int.from_bytes(weights.head(8), "little")
    if not 0 < length <= weights.size - 8:
        raise _damaged_weights()
    if length > MOST_HEADER:
        raise AdapterFilesRefused(
            gettext("%(weights_file)s names far more tensors than an adapter has.") % {"weights_file": WEIGHTS_FILE}
        )
    try:
        header = json.loads(weights.head(8 + length)[8:].decode("utf-8"), parse_constant=_refuse_constant)
        tensors = {name: (facts["shape"], facts["data_offsets"]) for name, facts in header.items() if name != METADATA}
        ends = [int(end) for _, (_, end) in tensors.values()]
        shapes = {name: [int(size) for size in shape] for name, (shape, _) in tensors.items()}
    except (ValueError, RecursionError, AttributeError, KeyError, TypeError, OverflowError) as error:
        raise _damaged_weights() from error
    if 8 + length + max(ends, default=0) != weights.size:
        raise _damaged_weights()
    return shapes


def _damaged_weights() -> AdapterFilesRefused:
    return AdapterFilesRefused(
        gettext("%(weights_file)s is no safetensors file, or it is damaged.") % {"weights_file": WEIGHTS_FILE}
    )


def check_fit(shapes: Shapes, base: Shapes, base_name: str) -> dict[str, int]:
    """Compare every pair of LoRA matrices, A `[r, in]` and B `[out, r]`, with the base weight `[out, in]`.

    Returns the rank of each module. Raises `AdapterFilesRefused` for tensors that are no such pairs, and for the first
    that does not fit.
    """
    modules: dict[str, dict[str, Sequence[int]]] = {}
    for key, shape in shapes.items():
        match = TENSOR_NAME.fullmatch(key)
        if match is None or len(shape) != 2:
            raise AdapterFilesRefused(gettext("The tensor “%(key)s” is no part of a plain LoRA.") % {"key": key[:120]})
        modules.setdefault(match["module"], {})[match["part"]] = shape
    if not modules:
        raise AdapterFilesRefused(gettext("%(weights_file)s holds no tensors.") % {"weights_file": WEIGHTS_FILE})
    for module, parts in modules.items():
        _refuse_fixed_part(module, parts)
        weight = _base_weight(module, base)
        if weight is None:
            raise AdapterFilesRefused(
                gettext("%(base_name)s has no “%(module)s”: the adapter was made for another model.")
                % {"base_name": base_name, "module": module[:120]}
            )
        expected = _product_shape(parts)
        if expected is None or list(weight) != expected:
            raise AdapterFilesRefused(
                gettext("The sizes of “%(module)s” do not fit %(base_name)s: the adapter was made for another model.")
                % {"module": module[:120], "base_name": base_name}
            )
    return {m: (parts.get("lora_A") or parts["lora_embedding_A"])[0] for m, parts in modules.items()}


def _refuse_fixed_part(module: str, parts: Mapping[str, Sequence[int]]) -> None:
    """Raise `AdapterFilesRefused` for what stays as it is in every model here."""
    if module.startswith("audio_encoder."):
        raise AdapterFilesRefused(
            gettext(
                "The adapter changes the audio codec (“%(module)s”), which stays as it is here: clips are kept as "
                "its codes. Train the adapter again without it."
            )
            % {"module": module[:120]}
        )
    if module.startswith("text_encoder.") and "lora_embedding_A" in parts:
        raise AdapterFilesRefused(
            gettext(
                "The adapter changes a table of the text encoder (“%(module)s”); of the text encoder only linear "
                "layers can be adapted here. Train the adapter again without it."
            )
            % {"module": module[:120]}
        )


def _base_weight(module: str, base: Shapes) -> Sequence[int] | None:
    """The weight that `module` names, within the decoder or within the whole model around it."""
    return base.get(f"decoder.{module}.weight") or base.get(f"{module}.weight")


def _product_shape(parts: Mapping[str, Sequence[int]]) -> list[int] | None:
    """Shape of the weight that the two matrices change together; None when they do not belong together."""
    if set(parts) == {"lora_A", "lora_B"}:
        (rank, inner), (outer, other_rank) = parts["lora_A"], parts["lora_B"]
        return [outer, inner] if rank == other_rank else None
    if set(parts) == {"lora_embedding_A", "lora_embedding_B"}:
        (rank, entries), (width, other_rank) = parts["lora_embedding_A"], parts["lora_embedding_B"]
        return [entries, width] if rank == other_rank else None
    return None
