"""An adapter is accepted only when it loads onto its base and changes what the base computes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file

from generation.engine import AdapterError, Engine
from generation.engine.adapters import PROBE_TEXT
from generation.engine.tests.conftest import load_reference
from generation.engine.tests.test_adapters import ALL_MODULES, made_with, save_adapter
from generation.specs import AdapterSpec, ModelSpec


def with_tensors(adapter: AdapterSpec, folder: Path, change) -> AdapterSpec:
    """A copy of an adapter whose tensors went through `change(name, tensor)`."""
    folder.mkdir()
    (folder / "adapter_config.json").write_text((Path(adapter.path) / "adapter_config.json").read_text())
    stored = load_file(Path(adapter.path) / "adapter_model.safetensors")
    save_file({name: change(name, tensor) for name, tensor in stored.items()}, folder / "adapter_model.safetensors")
    return AdapterSpec(str(folder), "0" * 64)


@pytest.fixture(scope="module")
def adapter(model_folder, tmp_path_factory) -> AdapterSpec:
    return save_adapter(model_folder, tmp_path_factory.mktemp("lora") / "adapter", 11)


def test_the_effect_is_measured_and_leaves_no_trace(engine: Engine, adapter):
    before = made_with(engine)
    assert engine.adapter_effect(adapter) > 0.01
    after = made_with(engine)
    assert (before.codes == after.codes).all() and (before.logprobs == after.logprobs).all()


def test_the_effect_is_that_of_the_adapter_peft_applies(engine, adapter, model_folder):
    """Largest change of a logit on the probe, computed with transformers and peft alone."""
    from transformers import AutoTokenizer

    model = load_reference(model_folder)
    facts = engine.facts
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(engine._layout.codes, (8, 1, facts.codebooks), generator=generator)
    tokens[0] = engine._layout.pad_token
    text = AutoTokenizer.from_pretrained(model_folder)(PROBE_TEXT, return_tensors="pt")

    def logits():
        with torch.no_grad():
            return model(**text, decoder_input_ids=tokens[:, 0].T.contiguous()).logits

    base = logits()
    PeftModel.from_pretrained(model.decoder, adapter.path)
    assert engine.adapter_effect(adapter) == pytest.approx(float((logits() - base).abs().max()), rel=1e-3)


def test_an_adapter_as_peft_makes_it_untrained_is_refused(engine, model_folder, tmp_path):
    fresh = save_adapter(model_folder, tmp_path / "random", 12)
    untrained = with_tensors(fresh, tmp_path / "untrained", lambda n, t: torch.zeros_like(t) if "lora_B" in n else t)
    with pytest.raises(AdapterError, match="changes nothing"):
        engine.adapter_effect(untrained)


def test_the_smallest_effect_counts(engine, adapter, tmp_path):
    faint = with_tensors(adapter, tmp_path / "faint", lambda name, tensor: tensor * 1e-2)
    assert 0 < engine.adapter_effect(faint) < engine.adapter_effect(adapter)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize(("scale", "works"), [(1e-10, False), (1e-6, False), (1e-3, True)])
def test_an_effect_is_more_than_rounding_in_whatever_precision_plays(random_folder, tmp_path, scale, works, dtype):
    """B alone is scaled, and so the whole change; what is gentle yet meant is not taken for rounding."""
    engine = Engine(ModelSpec("random", str(random_folder), "test"), device="cpu", dtype=dtype)
    strong = save_adapter(random_folder, tmp_path / "strong", 15)
    faint = with_tensors(strong, tmp_path / "faint", lambda n, t: t * scale if "lora_B" in n else t)
    if works:
        assert 0 < engine.adapter_effect(faint) < 0.1
        return
    with pytest.raises(AdapterError, match=r"“faint” changes nothing.*rounding"):
        engine.adapter_effect(faint)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_one_number_that_is_not_finite_is_enough_to_refuse_it(random_engine, random_folder, tmp_path, value):
    def spoil(name: str, tensor: torch.Tensor) -> torch.Tensor:
        if "layers.2.fc2.lora_B" in name:
            tensor[0, 0] = value
        return tensor

    good = save_adapter(random_folder, tmp_path / "good", 16)
    broken = replace(with_tensors(good, tmp_path / ("ab" * 32), spoil), label="warm@1.0.0")
    for use in (random_engine.adapter_effect, lambda adapter: made_with(random_engine, adapter)):
        with pytest.raises(AdapterError, match=r"“warm@1\.0\.0” holds numbers that are not finite") as caught:
            use(broken)
        assert "abab" not in str(caught.value)


def test_weights_that_are_not_finite_are_refused(engine, adapter, tmp_path):
    broken = with_tensors(adapter, tmp_path / "broken", lambda name, tensor: torch.full_like(tensor, float("nan")))
    with pytest.raises(AdapterError, match="finite"):
        engine.adapter_effect(broken)


def test_an_adapter_of_another_base_is_refused(random_engine, stereo_folder, tmp_path):
    foreign = save_adapter(stereo_folder, tmp_path / "foreign", 13, target_modules=["lm_heads.7"])
    with pytest.raises(AdapterError):
        random_engine.adapter_effect(foreign)


def test_a_configuration_cannot_be_swapped_for_another_rank(random_engine, random_folder, tmp_path):
    good = save_adapter(random_folder, tmp_path / "good", 14, target_modules=ALL_MODULES)
    swapped = with_tensors(good, tmp_path / "swapped", lambda name, tensor: tensor)
    config = Path(swapped.path) / "adapter_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"r": 8}))
    with pytest.raises(AdapterError, match="another model"):
        random_engine.adapter_effect(swapped)
