"""Adapters for tests: rows with real little files on the configured storage, and folders and zips to register.

`tiny_base()` is a base model whose folder has weight files of a few numbers, for checks that read headers only.
"""

from __future__ import annotations

import hashlib
import io
import json
import uuid
import zipfile
from pathlib import Path
from typing import Any

import factory
import numpy as np
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from safetensors.numpy import save

from adapters.models import CONFIG_FILE, WEIGHTS_FILE, Adapter, AdapterRegistration, Taste
from generation.tests.factories import BaseModelFactory
from text2song.tests.factories import UserFactory

LAYER = "model.decoder.layers.0.self_attn"
WIDTH = 8
RANK = 2
CONFIG: dict[str, Any] = {
    "peft_type": "LORA",
    "task_type": None,
    "r": RANK,
    "lora_alpha": 4,
    "lora_dropout": 0.0,
    "target_modules": ["q_proj", "v_proj"],
    "bias": "none",
    "base_model_name_or_path": "",
    "revision": None,
}


def lora_tensors(seed: int = 0, width: int = WIDTH, rank: int = RANK) -> dict[str, np.ndarray]:
    """Matrices A `[r, in]` and B `[out, r]` of the query and value projections of one layer."""
    random = np.random.default_rng(seed)
    shapes = {"lora_A": (rank, width), "lora_B": (width, rank)}
    return {
        f"base_model.model.{LAYER}.{name}.{part}.weight": random.normal(size=shape).astype(np.float32)
        for name in ("q_proj", "v_proj")
        for part, shape in shapes.items()
    }


def adapter_files(
    config: dict[str, Any] | None = None, tensors: dict[str, np.ndarray] | None = None
) -> dict[str, bytes]:
    """The contents of a good adapter folder, with parts of its configuration or its tensors replaced."""
    return {
        CONFIG_FILE: json.dumps(CONFIG | (config or {})).encode(),
        WEIGHTS_FILE: save(lora_tensors() if tensors is None else tensors),
    }


def adapter_zip(files: dict[str, bytes] | None = None, folder: str = "") -> bytes:
    """A zip archive of the files, below `folder` if given."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (adapter_files() if files is None else files).items():
            archive.writestr(f"{folder}{name}", content)
    return buffer.getvalue()


def adapter_folder(path: Path, files: dict[str, bytes] | None = None) -> Path:
    """A folder holding the files."""
    path.mkdir(parents=True, exist_ok=True)
    for name, content in (adapter_files() if files is None else files).items():
        (path / name).write_bytes(content)
    return path


def tiny_base(**values: Any) -> Any:
    """An installed base model with one layer of query and value projections, `WIDTH` wide."""
    model = BaseModelFactory(**values)
    weights = {f"decoder.{LAYER}.{name}.weight": np.zeros((WIDTH, WIDTH), np.float32) for name in ("q_proj", "v_proj")}
    (model.folder / "model.safetensors").write_bytes(save(weights))
    return model


class AdapterFactory(factory.django.DjangoModelFactory):
    """A registered, active adapter with files; `AdapterFactory(stored=False)` has none on the storage."""

    class Meta:
        model = Adapter
        skip_postgeneration_save = True

    id = factory.LazyFunction(uuid.uuid4)
    name = factory.Sequence(lambda n: f"adapter-{n}")
    version = "1.0.0"
    base_model = factory.SubFactory(BaseModelFactory)
    base_revision = factory.LazyAttribute(lambda adapter: adapter.base_model.revision)
    source = Adapter.Source.UPLOAD
    created_by = factory.SubFactory(UserFactory)
    files = factory.LazyAttribute(lambda adapter: f"adapters/{adapter.id}")
    peft_config = factory.LazyFunction(lambda: dict(CONFIG))
    sha256 = factory.LazyAttribute(lambda adapter: hashlib.sha256(_weights(adapter.id)).hexdigest())
    size = 4096
    trained_parameters = 4 * WIDTH * RANK

    @factory.post_generation
    def stored(self: Adapter, create: bool, extracted: bool | None, **kwargs: Any) -> None:  # type: ignore[misc]
        if create and extracted is not False:
            storages["default"].save(self.file_name(CONFIG_FILE), ContentFile(self.config_bytes))
            storages["default"].save(self.file_name(WEIGHTS_FILE), ContentFile(_weights(self.pk)))


def _weights(pk: uuid.UUID) -> bytes:
    return save(lora_tensors(seed=pk.int % 2**32))


class AdapterRegistrationFactory(factory.django.DjangoModelFactory):
    """An upload that waits for its check, without files."""

    class Meta:
        model = AdapterRegistration

    name = factory.Sequence(lambda n: f"upload-{n}")
    base_model = factory.SubFactory(BaseModelFactory)
    source = AdapterRegistration.Source.UPLOAD
    created_by = factory.SubFactory(UserFactory)
    files = factory.Sequence(lambda n: f"adapters/upload-{n}")
    sha256 = "0" * 64
    size = 4096
    trained_parameters = 64


def share(value: float, low: float, high: float, votes: int = 80, prompts: int = 40) -> dict[str, Any]:
    """A share of votes as a taste's report has it."""
    return {"value": value, "low": low, "high": high, "votes": votes, "prompts": prompts}


def taste_report(**changes: Any) -> dict[str, Any]:
    """What a fit says of a taste that foretells seven votes of ten."""
    return {
        "votes": 80,
        "prompts": 40,
        "raters": 1,
        "accuracy": share(0.7, 0.62, 0.78),
        "lower": 0.56,
        "wealth": 180.0,
        "votes_wanted": 0,
        "penalty": 0.1,
        "calibration_error": 0.04,
        "groups": {},
        "by_rater": {},
        "agreements": [],
        "left_out": 0,
        "consistency": None,
        **changes,
    }


class TasteFactory(factory.django.DjangoModelFactory):
    """A usable taste of everybody's votes that reads four numbers of a clip; `TasteFactory(stored=False)` has no file.

    Further values go into its report: `TasteFactory(report__votes_wanted=40)`.
    """

    class Meta:
        model = Taste
        skip_postgeneration_save = True

    id = factory.LazyFunction(uuid.uuid4)
    name = factory.Sequence(lambda n: f"taste-{n}")
    base_model = factory.SubFactory(BaseModelFactory)
    base_revision = factory.LazyAttribute(lambda taste: taste.base_model.revision)
    created_by = factory.SubFactory(UserFactory)
    filters = factory.LazyFunction(dict)
    described = factory.LazyFunction(lambda: {"format": 1, "kinds": ["audio-1"], "sizes": [4]})
    report = factory.Dict(taste_report())
    sha256 = factory.LazyAttribute(lambda taste: hashlib.sha256(_heads(taste.id)).hexdigest())
    weights = factory.LazyAttribute(lambda taste: f"tastes/{taste.id}.safetensors")
    votes = 80
    is_usable = True

    @factory.post_generation
    def stored(self: Taste, create: bool, extracted: bool | None, **kwargs: Any) -> None:  # type: ignore[misc]
        if create and extracted is not False:
            storages["default"].save(self.weights.name or "", ContentFile(_heads(self.pk)))


def _heads(pk: uuid.UUID) -> bytes:
    random = np.random.default_rng(pk.int % 2**32)
    ones = np.ones(4, np.float32)
    heads = random.normal(size=(3, 4)).astype(np.float32)
    return save({"centre": 0 * ones, "scale": ones, "weights": heads[0], "ensemble": heads[1:]})
