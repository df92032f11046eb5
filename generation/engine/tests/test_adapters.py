"""LoRA adapters: what they change, how strength scales it, and that nothing stays behind."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file

from generation.engine import AdapterError, Engine
from generation.engine.adapters import changes_of
from generation.engine.tests.conftest import load_reference, save_random_model
from generation.engine.tests.test_logprobs import teacher_forced
from generation.specs import AdapterSpec, ModelSpec, SampleSpec, SamplingSpec

SPEC = SampleSpec("job", 0, "calm piano at dusk", 4, 0.8, SamplingSpec(), record_logprobs=True)
ALL_MODULES = ["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"]


def save_adapter(base: Path, folder: Path, seed: int, whole_model: bool = False, **config) -> AdapterSpec:
    """A random LoRA saved by peft, trained (as it were) on the decoder or on the whole model."""
    torch.manual_seed(seed)
    model = load_reference(base)
    settings = {"r": 4, "lora_alpha": 8, "target_modules": ALL_MODULES, "init_lora_weights": False, **config}
    peft_model = get_peft_model(model if whole_model else model.decoder, LoraConfig(**settings))
    with torch.no_grad():
        for name, parameter in peft_model.named_parameters():
            if "lora_" in name:
                parameter.normal_(std=0.15)
    peft_model.save_pretrained(str(folder))
    return AdapterSpec(path=str(folder), sha256=f"{seed:064d}")


@pytest.fixture(scope="module")
def first(model_folder, tmp_path_factory) -> AdapterSpec:
    return save_adapter(model_folder, tmp_path_factory.mktemp("lora") / "first", 1)


@pytest.fixture(scope="module")
def second(model_folder, tmp_path_factory) -> AdapterSpec:
    config = {"r": 2, "lora_alpha": 3, "target_modules": ["q_proj", "v_proj"], "use_rslora": True}
    return save_adapter(model_folder, tmp_path_factory.mktemp("lora") / "second", 2, **config)


def made_with(engine: Engine, *adapters: AdapterSpec):
    return next(iter(engine.generate([replace(SPEC, adapters=adapters)])))


def with_peft(reference, adapters: dict[str, AdapterSpec]):
    """The reference model with adapters applied by peft itself, each at its strength."""
    names = list(adapters)
    decoder = PeftModel.from_pretrained(reference.model.decoder, adapters[names[0]].path, adapter_name=names[0])
    for name in names[1:]:
        decoder.load_adapter(adapters[name].path, adapter_name=name)
    decoder.base_model.set_adapter(names)
    for module in decoder.modules():
        if hasattr(module, "lora_A"):
            for name in set(names) & set(module.scaling):
                module.scaling[name] *= adapters[name].strength
    return reference


def test_the_network_is_the_one_peft_makes(engine, fresh_reference, first):
    result = made_with(engine, first)
    expected = teacher_forced(with_peft(fresh_reference, {"a": first}), SPEC.text, result.codes)
    np.testing.assert_allclose(result.logprobs, expected, atol=5e-4)


def test_several_adapters_add_up_each_at_its_strength(engine, fresh_reference, first, second):
    pair = (replace(first, strength=0.4), replace(second, strength=1.3))
    result = made_with(engine, *pair)
    expected = teacher_forced(with_peft(fresh_reference, dict(zip("ab", pair, strict=True))), SPEC.text, result.codes)
    np.testing.assert_allclose(result.logprobs, expected, atol=5e-4)


def test_an_adapter_changes_the_clip_and_strength_0_does_not(engine, first):
    base = made_with(engine)
    assert not np.array_equal(made_with(engine, first).logprobs, base.logprobs)
    unchanged = made_with(engine, replace(first, strength=0.0))
    np.testing.assert_array_equal(unchanged.logprobs, base.logprobs)
    np.testing.assert_array_equal(unchanged.codes, base.codes)


def test_taking_an_adapter_off_restores_every_bit(engine, first, second):
    decoder = engine._model.decoder
    before = {name: tensor.clone() for name, tensor in decoder.state_dict().items()}
    base = made_with(engine)
    made_with(engine, first, second)
    after = made_with(engine)
    np.testing.assert_array_equal(after.logprobs, base.logprobs)
    assert list(decoder.state_dict()) == list(before)
    assert all(torch.equal(tensor, before[name]) for name, tensor in decoder.state_dict().items())


def test_one_batch_may_mix_adapters(engine, first, second):
    choices = [(), (first,), (second,), (replace(first, strength=0.5), second), ()]
    specs = [replace(SPEC, index=i, seed=4, adapters=chosen) for i, chosen in enumerate(choices)]
    for result in engine.generate(specs):
        alone = made_with(engine, *choices[result.index])
        np.testing.assert_array_equal(result.codes, alone.codes)


def test_two_strengths_of_one_adapter_in_one_call_are_two_clips(engine, first):
    """Each is what it is alone, in whatever order they are asked for, and no two are alike."""
    strengths = (0.2, 1.0, -0.5, 0.2)
    specs = [
        replace(SPEC, index=i, seed=4 + (i == 3), adapters=(replace(first, strength=s),))
        for i, s in enumerate(strengths)
    ]
    for order in (specs, specs[::-1]):
        for result in engine.generate(order):
            (alone,) = engine.generate([specs[result.index]])
            np.testing.assert_array_equal(result.codes, alone.codes)
            np.testing.assert_allclose(result.logprobs, alone.logprobs, atol=1e-5)
    made = {r.index: r.codes for r in engine.generate(specs)}
    assert len({codes.tobytes() for codes in made.values()}) == len(strengths)


def test_each_clip_of_a_job_follows_its_own_seed(engine, first):
    """An index is a name and nothing else: clip 3 with seed 9 is clip 0 with seed 9."""
    specs = [replace(SPEC, index=i, seed=20 + i, adapters=(first,)) for i in range(4)]
    made = {result.index: result.codes for result in engine.generate(specs)}
    for spec in specs:
        (alone,) = engine.generate([replace(spec, index=0)])
        np.testing.assert_array_equal(made[spec.index], alone.codes)
    assert len({codes.tobytes() for codes in made.values()}) == len(specs)


def test_an_adapter_trained_on_the_whole_model_fits_too(random_folder, random_engine, tmp_path):
    on_decoder = save_adapter(random_folder, tmp_path / "decoder", 3)
    on_model = save_adapter(random_folder, tmp_path / "model", 3, whole_model=True)
    decoder, whole = (changes_of(random_engine._model, [adapter]).decoder for adapter in (on_decoder, on_model))
    assert decoder and decoder.keys() == whole.keys()
    assert all(torch.equal(change.product(), whole[name].product()) for name, change in decoder.items())


def test_heads_and_embeddings_may_be_adapted(random_folder, random_engine, tmp_path):
    adapter = save_adapter(random_folder, tmp_path / "heads", 4, target_modules=["lm_heads.0", "lm_heads.2", "fc1"])
    result = made_with(random_engine, adapter)
    reference = Reference(random_folder)
    np.testing.assert_allclose(
        result.logprobs, teacher_forced(with_peft(reference, {"a": adapter}), SPEC.text, result.codes), atol=5e-4
    )


class Reference:
    """What `teacher_forced` needs of a reference, in a copy that adapters may be attached to."""

    channels = 1

    def __init__(self, folder: Path) -> None:
        from transformers import AutoTokenizer

        self.model = load_reference(folder)
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.codebooks = self.model.decoder.config.num_codebooks


@pytest.fixture
def fresh_reference(model_folder) -> Reference:
    return Reference(model_folder)


@pytest.fixture(scope="module")
def good(random_folder, tmp_path_factory) -> AdapterSpec:
    return save_adapter(random_folder, tmp_path_factory.mktemp("lora") / "good", 5)


def broken(good: AdapterSpec, folder: Path, config: dict | None = None, tensors=None) -> AdapterSpec:
    """A copy of a good adapter with something changed."""
    folder.mkdir()
    settings = json.loads((Path(good.path) / "adapter_config.json").read_text()) | (config or {})
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    stored = load_file(Path(good.path) / "adapter_model.safetensors")
    save_file(tensors(stored) if tensors else stored, folder / "adapter_model.safetensors")
    return AdapterSpec(path=str(folder), sha256="0" * 64)


def halved(stored: dict) -> dict:
    return dict(list(stored.items())[: len(stored) // 2])


def narrower(stored: dict) -> dict:
    return {name: tensor[..., : tensor.shape[-1] - 1].contiguous() for name, tensor in stored.items()}


@pytest.mark.parametrize(
    ("config", "tensors"),
    [
        ({"target_modules": ["no_such_module"]}, None),
        ({"use_dora": True}, None),
        ({"lora_bias": True}, None),
        ({"r": 8}, None),
        (None, halved),
        (None, narrower),
    ],
)
def test_an_adapter_that_does_not_fit_is_refused_and_leaves_no_trace(random_engine, good, tmp_path, config, tensors):
    before = made_with(random_engine)
    with pytest.raises(AdapterError, match="broken"):
        made_with(random_engine, broken(good, tmp_path / "broken", config, tensors))
    np.testing.assert_array_equal(made_with(random_engine).logprobs, before.logprobs)
    made_with(random_engine, good)


def test_folders_that_are_no_adapter_are_refused(random_engine, tmp_path, good):
    with pytest.raises(AdapterError, match="has no adapter_model"):
        made_with(random_engine, AdapterSpec(str(tmp_path), "0" * 64))
    damaged = broken(good, tmp_path / "damaged")
    weights = tmp_path / "damaged" / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(AdapterError, match="cannot be read"):
        made_with(random_engine, damaged)


def test_an_adapter_of_a_larger_model_is_refused(random_engine, tmp_path):
    other = save_random_model(tmp_path / "other", channels=2)
    adapter = save_adapter(other, tmp_path / "adapter", 6, target_modules=["lm_heads.7"])
    with pytest.raises(AdapterError):
        made_with(random_engine, adapter)


def test_an_unfit_adapter_fails_its_clip_only_when_it_is_due(random_folder, tmp_path):
    engine = Engine(ModelSpec("random", str(random_folder), "test"), device="cpu")
    bad = AdapterSpec(str(tmp_path), "0" * 64)
    results = engine.generate([replace(SPEC, duration=0.3), replace(SPEC, index=1, adapters=(bad,))])
    assert next(results).index == 0
    with pytest.raises(AdapterError):
        next(results)
