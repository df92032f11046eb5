"""Hostile adapter files are refused with a sentence, whatever is in them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from adapters.exceptions import AdapterFilesRefused
from adapters.files.inspection import inspect_folder
from adapters.models import CONFIG_FILE, WEIGHTS_FILE
from adapters.tests.factories import CONFIG, LAYER, adapter_files, adapter_folder, tiny_base

pytestmark = pytest.mark.django_db

WRONG: list[object] = [
    0,
    -1,
    1.5,
    1e400,
    float("nan"),
    "two",
    None,
    True,
    [],
    {},
    [[1]],
    10**9,
    10**400,
    "a\0b",
    "\ud800",
]
FIELDS = ("r", "lora_alpha", "target_modules", "rank_pattern", "alpha_pattern", "use_rslora", "layers_to_transform")
FINE = {  # what such a field may well hold
    "lora_alpha": (1.5, 10**9),
    "rank_pattern": (None, {}, 0, []),
    "alpha_pattern": (None, {}, 0, []),
    "use_rslora": (None, True),
    "layers_to_transform": (None, 0, [], True),
}
ELSEWHERE = ("peft_type", "bias", "init_lora_weights", *("use_dora", "modules_to_save", "layer_replication"))


def header(length: int, content: bytes) -> bytes:
    return length.to_bytes(8, "little") + content


def described(**tensor: object) -> bytes:
    name = f"base_model.model.{LAYER}.q_proj.lora_A.weight"
    content = json.dumps({name: {"dtype": "F32", "shape": [2, 8], "data_offsets": [0, 64]} | tensor}).encode()
    return header(len(content), content + bytes(64))


def packed(config: object) -> bytes:
    """JSON in which infinity is a number that overflows, and NaN the word that is no JSON."""
    return json.dumps(config).replace("Infinity", "1e400").encode()


ENDLESS = r"(?:\w|\w\w|\.|\w\.)+[A-Z]{2}.*"


CONFIGS: dict[str, bytes] = {
    **{
        f"{field} {value!r}"[:60]: packed(CONFIG | {field: value})
        for field in FIELDS
        for value in WRONG
        if not any(value is fine or (value == fine and type(value) is type(fine)) for fine in FINE.get(field, ()))
        and not (field == "lora_alpha" and value == 1.5)
    },
    **{
        f"{field} {value!r}": packed(CONFIG | {field: value})
        for field in ELSEWHERE
        for value in ([[1]], {"a": {}}, "nonsense", 10**400)
    },
    "a rank of infinity in a pattern": packed(CONFIG | {"rank_pattern": {"q_proj": 1e400}}),
    "a negative alpha in a pattern": packed(CONFIG | {"alpha_pattern": {"q_proj": -1}}),
    "a pattern that never ends": packed(CONFIG | {"rank_pattern": {ENDLESS: 2}}),
    "an expression that never ends": packed(CONFIG | {"target_modules": ENDLESS}),
    "an expression that is none": packed(CONFIG | {"target_modules": "(q_proj"}),
    "an expression without end": packed(CONFIG | {"target_modules": "q" * 100_000}),
    "an expression for other modules": packed(CONFIG | {"target_modules": ".*k_proj"}),
    "a name without end": packed(CONFIG | {"target_modules": ["q" * 100_000]}),
    "layers without end": packed(CONFIG | {"layers_to_transform": [10**9]}),
    "deep nesting": b"[" * 200_000,
    "deep nesting inside": b'{"r":' * 100_000,
    "a number of 10000 digits": b'{"r": ' + b"9" * 10_000 + b"}",
    "no text": b"\xff\xfe\x00",
    "nothing": b"",
    "a list": b"[]",
}
WEIGHTS: dict[str, bytes] = {
    "nothing": b"",
    "a header without end": header(2**63 - 1, b"{}"),
    "a header longer than allowed": header(200_000_000, b"{}"),
    "a header of nothing": header(0, b""),
    "a header of no text": header(4, b"\xff\xfe\x00\x01"),
    "a header that is a list": header(2, b"[]"),
    "a header of deep nesting": header(100_000, b"[" * 100_000),
    "no tensors": header(2, b"{}"),
    "a shape that overflows": described(shape=[2**62, 2**62]),
    "a shape that is negative": described(shape=[-2, 8]),
    "a shape of words": described(shape=["a"]),
    "a shape of fifty dimensions": described(shape=[1] * 49 + [16]),
    "offsets outside": described(data_offsets=[10**12, 10**12 + 64]),
    "offsets backwards": described(data_offsets=[64, 0]),
    "a type of numbers there is not": described(dtype="F3"),
    "half a pair": described(),
}


@pytest.fixture
def base():
    return tiny_base(revision="a" * 64)


def refused(base, tmp_path: Path, files: dict[str, bytes]) -> None:
    with pytest.raises(AdapterFilesRefused) as caught:
        inspect_folder(adapter_folder(tmp_path / "hostile", adapter_files() | files), base)
    assert caught.value.message.endswith(".") and len(caught.value.message) < 400


@pytest.mark.parametrize("name", CONFIGS)
def test_a_hostile_configuration_is_refused(base, tmp_path, name):
    refused(base, tmp_path, {CONFIG_FILE: CONFIGS[name]})


@pytest.mark.parametrize("name", WEIGHTS)
def test_hostile_weights_are_refused(base, tmp_path, name):
    refused(base, tmp_path, {WEIGHTS_FILE: WEIGHTS[name]})


@pytest.mark.parametrize("value", [*WRONG, "x" * 500_000], ids=lambda value: repr(value)[:30])
@pytest.mark.parametrize("field", ["base_model_name_or_path", "revision", "lora_dropout", "task_type"])
def test_what_decides_nothing_may_be_anything(base, tmp_path, field, value):
    """It is dropped, unless it is no JSON at all."""
    config = packed(CONFIG | {field: value})
    if value != value:
        refused(base, tmp_path, {CONFIG_FILE: config})
        return
    folder = adapter_folder(tmp_path / "fine", adapter_files() | {CONFIG_FILE: config})
    kept = inspect_folder(folder, base).config
    assert kept["revision"] == base.revision and 0 <= kept["lora_dropout"] <= 1


LEFT_OUT = {"target_modules": r".*\.[qv]_proj", "exclude_modules": r".*encoder_attn.*"}


def kept(base, tmp_path: Path, config: dict[str, object], prefix: bytes = b"") -> dict[str, object]:
    content = prefix + json.dumps(CONFIG | config).encode()
    return inspect_folder(adapter_folder(tmp_path / "given", adapter_files() | {CONFIG_FILE: content}), base).config


def test_expressions_are_kept_as_the_names_they_mean(base, tmp_path):
    """What is kept is read by peft again and again: it holds no expression of anybody's."""
    patterns = {"rank_pattern": {r".*\.layers\.[0-3]\.self_attn\.q_proj": 2}, "alpha_pattern": {"[kv]_proj": 3}}
    config = kept(base, tmp_path, LEFT_OUT | patterns)
    assert config["target_modules"] == [f"{LAYER}.q_proj", f"{LAYER}.v_proj"]
    assert "exclude_modules" not in config
    assert config["rank_pattern"] == {f"{LAYER}.q_proj": 2} and config["alpha_pattern"] == {f"{LAYER}.v_proj": 3}


def test_plain_names_are_kept_as_they_are(base, tmp_path):
    config = kept(base, tmp_path, {"exclude_modules": ["k_proj"], "alpha_pattern": {"q_proj": 1}})
    assert (config["target_modules"], config["exclude_modules"]) == (["q_proj", "v_proj"], ["k_proj"])
    assert kept(base, tmp_path, {"target_modules": "all-linear"})["target_modules"] == "all-linear"


@pytest.mark.parametrize("excluded", [".*q_proj", r".*\.layers\.0\..*"])
def test_weights_that_the_configuration_leaves_out_are_refused_by_name(base, tmp_path, excluded):
    with pytest.raises(AdapterFilesRefused, match=r"self_attn\.q_proj.*leave out"):
        kept(base, tmp_path, {"exclude_modules": excluded})


def test_a_byte_order_mark_is_no_reason_to_refuse(base, tmp_path):
    assert kept(base, tmp_path, {}, prefix=b"\xef\xbb\xbf")["r"] == 2


def test_parts_that_stay_as_they_are_are_named(base, tmp_path):
    for module, part, words in (
        ("audio_encoder.encoder.layers.0.conv", "lora_%s.weight", "audio codec"),
        ("text_encoder.shared", "lora_embedding_%s", "table of the text encoder"),
    ):
        tensors = {f"base_model.model.{module}.{part % side}": np.zeros((2, 2), np.float32) for side in "AB"}
        with pytest.raises(AdapterFilesRefused, match=words):
            inspect_folder(adapter_folder(tmp_path / part[:9], adapter_files(tensors=tensors)), base)
