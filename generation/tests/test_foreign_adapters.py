"""LoRAs in the layouts of common MusicGen trainers, through the registry to the engine: what peft alone computes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoTokenizer

from adapters.files.inspection import inspect_folder
from adapters.files.unpacking import opened, unpack
from adapters.models import CONFIG_FILE, WEIGHTS_FILE
from generation.engine import Engine
from generation.engine.tests.conftest import load_reference, random_folder  # noqa: F401  (a fixture)
from generation.engine.tests.test_adapters import SPEC
from generation.engine.tests.test_logprobs import teacher_forced
from generation.specs import AdapterSpec, ModelSpec
from generation.tests.factories import BaseModelFactory

pytestmark = pytest.mark.django_db

DREAMBOOTHING = ["enc_to_dec_proj", "audio_enc_to_dec_proj", "k_proj", "v_proj", "q_proj", "out_proj", "fc1", "fc2"]
LAYOUTS: dict[str, dict[str, Any]] = {
    "a trainer's list": {"target_modules": [*DREAMBOOTHING, "lm_heads.0", *(f"lm_heads.{k}" for k in range(4))]},
    "with the text encoder": {"target_modules": [*DREAMBOOTHING, "k", "v", "q", "o", "wi", "wi_0", "wi_1", "wo"]},
    "all linear layers": {"target_modules": "all-linear"},
    "an expression": {"target_modules": r"decoder\..*\.(self|encoder)_attn\.[qv]_proj|enc_to_dec_proj"},
    "ranks and alphas": {
        "target_modules": ["q_proj", "fc1", "enc_to_dec_proj"],
        "rank_pattern": {r"layers\.[01]\..*q_proj": 6, "fc1": 2},
        "alpha_pattern": {r".*\.layers\.2\.fc1": 32, "q_proj": 3},
    },
    "rank-stabilised": {"target_modules": ["q_proj", "fc2"], "use_rslora": True},
    "parts left out": {"target_modules": ["q_proj", "fc1"], "exclude_modules": r".*\.layers\.0\..*"},
    "parts left out by name": {"target_modules": ["q_proj", "fc1"], "exclude_modules": ["encoder_attn.q_proj"]},
    "some layers": {"target_modules": ["q_proj"], "layers_to_transform": [1], "layers_pattern": "layers"},
}


def trained(base: Path, folder: Path, whole: bool = True, **config: Any) -> Path:
    """What such a trainer leaves: an adapter, and files that are no business of ours beside it."""
    torch.manual_seed(8)
    model = load_reference(base)
    settings = {"r": 4, "lora_alpha": 8} | config
    peft_model = get_peft_model(model if whole else model.decoder, LoraConfig(**settings))
    with torch.no_grad():
        for name, parameter in peft_model.named_parameters():
            if "lora_" in name:
                parameter.normal_(std=0.15)
    peft_model.save_pretrained(str(folder))
    stated = json.loads((folder / CONFIG_FILE).read_text()) | json.loads(json.dumps(config))
    (folder / CONFIG_FILE).write_text("\ufeff" + json.dumps(stated), encoding="utf-8")
    (folder / "training_args.bin").write_bytes(b"\x80\x04 no pickle that anybody should open")
    return folder


@pytest.fixture
def kept(random_folder: Path, tmp_path: Path) -> Callable[[Path], AdapterSpec]:  # noqa: F811
    """Brings files through the checks of every door, as far as the folder that workers load."""
    base = BaseModelFactory()
    for file in random_folder.iterdir():
        (base.folder / file.name).write_bytes(file.read_bytes())

    def keep(given: Path) -> AdapterSpec:
        scratch, folder = tmp_path / "scratch", tmp_path / ("0123abcd" * 8)
        scratch.mkdir()
        folder.mkdir()
        with opened(given) as members:
            unpack(members, scratch)
        inspection = inspect_folder(scratch, base)
        (folder / CONFIG_FILE).write_text(json.dumps(inspection.config))
        (folder / WEIGHTS_FILE).write_bytes(inspection.weights.read_bytes())
        return AdapterSpec(str(folder), inspection.sha256, label="mine@1.0.0")

    return keep


class Reference:
    """`transformers` with an adapter that peft itself put on the whole model."""

    channels, codebooks = 1, 4

    def __init__(self, base: Path, adapter: Path) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(base)
        config = adapter / CONFIG_FILE
        config.write_text(config.read_text(encoding="utf-8-sig"))
        self.model = PeftModel.from_pretrained(load_reference(base), str(adapter)).base_model.model


@pytest.mark.parametrize("layout", LAYOUTS)
def test_it_plays_as_peft_alone_applies_it(random_folder, tmp_path, kept, layout):  # noqa: F811
    given = trained(random_folder, tmp_path / "given", **LAYOUTS[layout])
    engine = Engine(ModelSpec("random", str(random_folder), "test"), device="cpu")
    adapter = kept(given)
    (plain,) = engine.generate([SPEC])
    (result,) = engine.generate([replace(SPEC, adapters=(adapter,))])
    expected = teacher_forced(Reference(random_folder, given), SPEC.text, result.codes)
    np.testing.assert_allclose(result.logprobs, expected, atol=2e-3)
    assert engine.adapter_effect(adapter) > 0.01
    (after,) = engine.generate([SPEC])
    np.testing.assert_array_equal(after.logprobs, plain.logprobs)  # text states of the adapter do not stay
