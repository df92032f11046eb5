"""An adapter's change survives whole in every precision that plays, however gently it was trained."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from torch import Tensor

from generation.engine import Engine
from generation.engine.adapters import changes_of
from generation.engine.decoder import BatchDecoder
from generation.engine.tests.conftest import WORDS, load_reference
from generation.engine.tests.test_adapters import ALL_MODULES
from generation.engine.weights import LowRank, Projection, read_weights, with_branch
from generation.specs import AdapterSpec, ModelSpec, SampleSpec

SIZES = (0.0053, 0.0018, 0.0009, 0.0005)
"""Norm of the change over norm of the weight."""
LOW = (torch.bfloat16, torch.float16)


def share_and_cosine(change: Tensor, wanted: Tensor) -> tuple[float, float]:
    """How much of `wanted` is in `change`, and how alike their directions are."""
    product = float((change.double() * wanted.double()).sum())
    size = float(wanted.double().norm())
    return product / size**2, product / size / float(change.double().norm())


def low_rank(rows: int, columns: int, rank: int, size: float, weight: Tensor) -> LowRank:
    """A random change of `size` relative to `weight`, its factors as unlike in size as after a gentle training."""
    left, right = torch.randn(rows, rank), torch.randn(rank, columns) * columns**-0.5
    return LowRank(left * size * weight.norm() / (left @ right).norm(), right)


def mixed(size: float, weights: Sequence[Tensor]) -> list[LowRank | None]:
    """What three adapters at other strengths make together: the query changed by two, the key by none."""
    query = low_rank(*weights[0].shape, 4, size, weights[0]).beside(low_rank(*weights[0].shape, 3, size, weights[0]))
    return [query, None, low_rank(*weights[2].shape, 8, size, weights[2])]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", LOW, ids=str)
def test_all_of_the_change_reaches_the_outputs_of_a_layer(dtype, size):
    torch.manual_seed(0)
    weights = [(torch.randn(96, 128) * 128**-0.5).to(dtype) for _ in range(3)]
    changes = mixed(size, [weight.float() for weight in weights])
    matrix = torch.cat([weight.t() for weight in weights], dim=1)
    rows = torch.randn(8192, 128).to(dtype)
    change = with_branch(matrix, [96] * 3, changes)(rows).double() - Projection(matrix)(rows).double()
    zero = torch.zeros(96, 128)
    delta = torch.cat([zero if each is None else each.product() for each in changes])
    share, _ = share_and_cosine(change, rows.double() @ delta.t().double())
    assert share == pytest.approx(1, abs=0.01)
    assert not change[:, 96:192].any()  # what no adapter concerns is the base, bit for bit


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", [torch.float32, *LOW], ids=str)
def test_the_weight_that_plays_is_the_changed_one(random_folder, tmp_path, dtype, size):
    """Share and cosine of the change in the weights themselves, of every layer an adapter concerns."""
    adapter = gentle(random_folder, tmp_path / "gentle", size)
    engine = Engine(ModelSpec("random", str(random_folder), "test"), device="cpu", dtype=dtype)
    for strength in (1.0, 0.3):
        changes = changes_of(engine._model, [replace(adapter, strength=strength), adapter]).decoder
        adapted = read_weights(engine._model.decoder, 8, changes)
        base = read_weights(engine._model.decoder, 8)
        for index, (changed, plain) in enumerate(zip(adapted.layers, base.layers, strict=True)):
            delta = changes[f"model.decoder.layers.{index}.fc1"].product()
            share, cosine = share_and_cosine(effective(changed.ffn_in) - effective(plain.ffn_in), delta.t())
            assert share == pytest.approx(1, abs=0.01)
            assert cosine > 0.999


def effective(projection: Projection) -> Tensor:
    """The matrix that a projection multiplies with."""
    matrix = projection.matrix.double()
    branch = projection.down is not None
    return matrix + projection.down.double() @ projection.up.double() if branch else matrix


def gentle(base: Path, folder: Path, size: float, **config) -> AdapterSpec:
    """A LoRA whose change of each layer is `size` of the layer's weight."""
    torch.manual_seed(3)
    settings = {"r": 4, "lora_alpha": 8, "target_modules": ALL_MODULES, "init_lora_weights": False} | config
    model = get_peft_model(load_reference(base).decoder, LoraConfig(**settings))
    with torch.no_grad():
        for module in model.modules():
            if hasattr(module, "lora_B") and module.lora_B:
                now = module.get_delta_weight("default").norm()
                module.lora_B["default"].weight *= size * module.base_layer.weight.norm() / now
    model.save_pretrained(str(folder))
    return AdapterSpec(str(folder), f"{size:064}")


@pytest.fixture(scope="module")
def folder(random_folder, tmp_path_factory) -> Path:
    """A model whose weights bfloat16 can say, so that two precisions differ by the rounding of activations alone."""
    copy = shutil.copytree(random_folder, tmp_path_factory.mktemp("models") / "coarse")
    weights = load_file(copy / "model.safetensors")
    coarse = {name: tensor.bfloat16().float() for name, tensor in weights.items() if tensor.is_floating_point()}
    save_file(weights | coarse, copy / "model.safetensors", metadata={"format": "pt"})
    return copy


@pytest.fixture(scope="module")
def exact_engine(folder) -> Engine:
    return Engine(ModelSpec("coarse", str(folder), "test"), device="cpu")


@pytest.fixture(scope="module")
def low_engine(folder) -> Engine:
    return Engine(ModelSpec("coarse", str(folder), "test"), device="cpu", dtype=torch.bfloat16)


def logits(engine: Engine, tokens: Tensor, adapters: Sequence[AdapterSpec] = ()) -> Tensor:
    """Logits `[steps, rows, K, V]` after `tokens` `[steps, rows, K]`, in the engine's precision."""
    weights, encoder = engine._with(tuple(adapters))
    steps, rows, _ = tokens.shape
    texts = sorted((" ".join(pair) for pair in product(WORDS[3:], repeat=2)), key=len)
    states = sorted((encoder.encode(texts[row % len(texts)]) for row in range(rows)), key=len)
    decoder = BatchDecoder(weights, states, 0, steps, engine._layout.quantum)
    return torch.stack([decoder.step(each, i)[0].float() for i, each in enumerate(tokens)])


@pytest.mark.parametrize("size", [0.0053, 0.0018])
def test_the_reloaded_adapter_is_the_trained_network_in_bfloat16_too(folder, exact_engine, low_engine, tmp_path, size):
    """Over many inputs, the logits move as those of the float32 network do; one input alone shows rounding as well."""
    adapter = gentle(folder, tmp_path / "gentle", size)
    tokens = torch.randint(0, 64, (16, 512, 4), generator=torch.Generator().manual_seed(1))
    wanted = logits(exact_engine, tokens, [adapter]) - logits(exact_engine, tokens)
    plain, adapted = logits(low_engine, tokens), logits(low_engine, tokens, [adapter])
    share, _ = share_and_cosine(adapted - plain, wanted)
    assert share == pytest.approx(1, abs=0.05)
    rounding = (plain - logits(exact_engine, tokens)).norm()
    assert (adapted - logits(exact_engine, tokens, [adapter])).norm() < 1.1 * rounding
    assert not torch.equal(adapted, plain)


def test_an_adapted_clip_in_bfloat16_does_not_depend_on_its_company(folder, low_engine, tmp_path):
    if not low_engine.batch_invariant:
        pytest.skip("this processor's matrix library rounds differently for different batch sizes")
    adapter = gentle(folder, tmp_path / "gentle", 0.1)
    spec = SampleSpec("job", 0, "calm piano at dusk", 4, 0.6, adapters=(adapter,), record_logprobs=True)
    (alone,) = low_engine.generate([spec])
    crowd = [replace(spec, index=i, seed=i, text="fast rock") for i in range(1, 6)]
    among = next(result for result in low_engine.generate([*crowd, spec]) if result.index == 0)
    np.testing.assert_array_equal(alone.logprobs, among.logprobs)


def test_nothing_of_the_base_is_copied_in_low_precision(folder, low_engine, tmp_path):
    adapter = gentle(folder, tmp_path / "gentle", 0.01)
    weights, _ = low_engine._with((adapter,))
    for changed, plain in zip(weights.layers, low_engine._base_weights.layers, strict=True):
        assert changed.qkv.matrix.data_ptr() == plain.qkv.matrix.data_ptr()


def test_tables_and_heads_may_be_adapted_in_low_precision(folder, exact_engine, low_engine, tmp_path):
    targets = ["embed_tokens.1", "lm_heads.2"]
    adapter = gentle_tables(folder, tmp_path / "tables", targets)
    tokens = torch.randint(0, 64, (4, 256, 4), generator=torch.Generator().manual_seed(2))
    wanted = logits(exact_engine, tokens, [adapter]) - logits(exact_engine, tokens)
    share, _ = share_and_cosine(logits(low_engine, tokens, [adapter]) - logits(low_engine, tokens), wanted)
    assert share == pytest.approx(1, abs=0.03)


def gentle_tables(base: Path, folder: Path, targets: list[str]) -> AdapterSpec:
    torch.manual_seed(5)
    model = get_peft_model(load_reference(base).decoder, LoraConfig(r=4, target_modules=targets))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.normal_(std=0.02)
    model.save_pretrained(str(folder), save_embedding_layers=False)
    return AdapterSpec(str(folder), "7" * 64)
