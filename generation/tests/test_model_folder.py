"""Folders that are a model, and the many ways not to be one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from generation.base_models.folder import BrokenModelFolder, content_revision, inspect_model_folder

CONFIG = {
    "model_type": "musicgen",
    "text_encoder": {"model_type": "t5"},
    "audio_encoder": {
        "model_type": "encodec",
        "sampling_rate": 32000,
        "upsampling_ratios": [8, 5, 4, 4],
        "codebook_size": 2048,
    },
    "decoder": {"num_codebooks": 4, "audio_channels": 1, "vocab_size": 2048, "max_position_embeddings": 2048},
}
TENSORS = {
    "text_encoder.a": np.zeros((2, 3), np.float32),
    "audio_encoder.b": np.zeros(5, np.float16),
    "decoder.c": np.zeros((4, 4), np.float32),
}


def write_json(file: Path, content: object) -> None:
    """Infinity is written as a number that overflows, NaN as the word that is no JSON."""
    file.write_text(json.dumps(content).replace("Infinity", "1e400"), encoding="utf-8")


@pytest.fixture
def folder(tmp_path) -> Path:
    """The least a MusicGen folder holds."""
    write_json(tmp_path / "config.json", CONFIG)
    write_json(tmp_path / "generation_config.json", {"max_length": 1500})
    write_json(tmp_path / "tokenizer.json", {"model": {}})
    write_json(tmp_path / "tokenizer_config.json", {})
    save_file(TENSORS, tmp_path / "model.safetensors")
    return tmp_path


def shard(folder: Path) -> Path:
    """Spread the weights over two files with an index, as large models come."""
    (folder / "model.safetensors").unlink()
    names = list(TENSORS)
    parts = {"model-00001-of-00002.safetensors": names[:1], "model-00002-of-00002.safetensors": names[1:]}
    for file, keys in parts.items():
        save_file({key: TENSORS[key] for key in keys}, folder / file)
    weight_map = {key: file for file, keys in parts.items() for key in keys}
    write_json(folder / "model.safetensors.index.json", {"metadata": {}, "weight_map": weight_map})
    return folder


def change_config(folder: Path, **parts: object) -> None:
    write_json(folder / "config.json", CONFIG | parts)


def test_facts_of_musicgen(folder):
    facts = inspect_model_folder(folder)
    assert (facts.family, facts.sample_rate, facts.channels, facts.codebooks) == ("musicgen", 32000, 1, 4)
    assert (facts.codebook_size, facts.frame_rate, facts.max_duration) == (2048, 50.0, 30.0)
    assert facts.parameters == 6 + 5 + 16
    assert facts.weights_bytes == (folder / "model.safetensors").stat().st_size


def test_sharded_weights_are_counted_together(folder):
    whole = inspect_model_folder(folder)
    sharded = inspect_model_folder(str(shard(folder)))
    assert sharded.parameters == whole.parameters
    assert sharded.weights_bytes > 0


def test_stereo_and_values_left_at_their_defaults(folder):
    change_config(folder, decoder={"num_codebooks": 8, "audio_channels": 2}, audio_encoder={"sampling_rate": 24000})
    (folder / "generation_config.json").unlink()
    facts = inspect_model_folder(folder)
    assert (facts.channels, facts.codebooks, facts.codebook_size, facts.frame_rate) == (2, 8, 1024, 75.0)
    assert facts.max_duration == 27.0, "there are no positions for 30 s"


def test_without_generation_settings_the_window_is_what_musicgen_was_trained_on(folder):
    (folder / "generation_config.json").unlink()
    assert inspect_model_folder(folder).max_duration == 30.0


@pytest.mark.parametrize("name", ["spiece.model", "tokenizer.model", "vocab.json"])
def test_a_tokenizer_that_cannot_be_read_here_is_refused_with_what_to_do(folder, name):
    (folder / "tokenizer.json").rename(folder / name)
    with pytest.raises(BrokenModelFolder, match=f"only there as “{name}”.*copy “tokenizer.json”.*sentencepiece"):
        inspect_model_folder(folder)


@pytest.mark.parametrize(("max_length", "seconds"), [(1500, 30.0), (504, 10.0), (500, 10.0), (20, 30.0), (None, 30.0)])
def test_the_window_is_whole_seconds(folder, max_length, seconds):
    write_json(folder / "generation_config.json", {"max_length": max_length})
    assert inspect_model_folder(folder).max_duration == seconds


def cut(folder: Path) -> None:
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[:-7])


def only_pickle(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def outside(folder: Path) -> None:
    shard(folder)
    write_json(folder / "model.safetensors.index.json", {"weight_map": {"decoder.c": "../other.safetensors"}})


def without_codec(folder: Path) -> None:
    save_file({k: v for k, v in TENSORS.items() if "audio" not in k}, folder / "model.safetensors")


def without_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


BREAKS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no config": (lambda f: (f / "config.json").unlink(), "no “config.json”"),
    "config is no JSON": (lambda f: (f / "config.json").write_text("{"), "“config.json” cannot be read as JSON"),
    "config is no text": (lambda f: (f / "config.json").write_bytes(b"\xff\xfe\x00"), "cannot be read as JSON"),
    "config is a list": (lambda f: write_json(f / "config.json", []), "does not hold a JSON object"),
    "another family": (lambda f: change_config(f, model_type="bert"), "not a MusicGen model: its type is “bert”"),
    "no decoder described": (lambda f: change_config(f, decoder=None), "does not describe the decoder"),
    "nonsense values": (
        lambda f: change_config(f, decoder={"num_codebooks": "many"}),
        "“num_codebooks” must be a whole",
    ),
    "codebooks differ": (lambda f: change_config(f, decoder={"vocab_size": 512}), "do not belong together"),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "has no weights: “model.safetensors” is missing"),
    "weights cut short": (cut, "“model.safetensors” is damaged or was not copied completely"),
    "weights empty": (lambda f: (f / "model.safetensors").write_bytes(b""), "is damaged"),
    "weights are a page": (lambda f: (f / "model.safetensors").write_text("<html>" * 99), "is damaged"),
    "pickle only": (only_pickle, "a pickle that could run code"),
    "a shard missing": (
        lambda f: (shard(f) / "model-00002-of-00002.safetensors").unlink(),
        "one of 2 parts, is missing",
    ),
    "index without files": (
        lambda f: write_json(shard(f) / "model.safetensors.index.json", {"weight_map": {}}),
        "does not list any",
    ),
    "index leads outside": (outside, "lies outside the folder"),
    "no codec weights": (without_codec, "weights of the audio codec are missing"),
    "no tokenizer": (without_tokenizer, "The tokenizer is missing"),
    "broken tokenizer": (lambda f: (f / "tokenizer.json").write_text("{"), "“tokenizer.json” cannot be read"),
    "broken settings": (lambda f: (f / "generation_config.json").write_text("{"), "“generation_config.json” cannot"),
}


def header(length: int, content: bytes = b"{}") -> Callable[[Path], object]:
    """Weights whose first eight bytes promise a header of `length` bytes."""
    return lambda folder: (folder / "model.safetensors").write_bytes(length.to_bytes(8, "little") + content)


def tensor(shape: list[object], offsets: list[object], dtype: str = "F32") -> Callable[[Path], object]:
    described = json.dumps({"decoder.c": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}).encode()
    return header(len(described), described)


def codec(**values: object) -> Callable[[Path], object]:
    return lambda folder: change_config(folder, audio_encoder=CONFIG["audio_encoder"] | values)


def decoder(**values: object) -> Callable[[Path], object]:
    return lambda folder: change_config(folder, decoder=CONFIG["decoder"] | values)


def raw(name: str, content: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(content)


def huge(name: str) -> Callable[[Path], object]:
    """A file of 100 GB that takes no room."""
    return lambda folder: os.truncate(folder / name, 100 * 10**9)


WRONG: list[object] = [0, -32000, 1.5, 1e400, float("nan"), "many", "32000", None, True, [], {}, [[1]], 10**9, 10**400]
HOSTILE: dict[str, Callable[[Path], object]] = {
    **{f"sampling_rate {value!r}"[:60]: codec(sampling_rate=value) for value in WRONG},
    **{f"upsampling_ratios {value!r}"[:60]: codec(upsampling_ratios=value) for value in WRONG},
    **{f"ratios of {value!r}"[:60]: codec(upsampling_ratios=[8, value]) for value in WRONG},
    **{f"codebook_size {value!r}"[:60]: codec(codebook_size=value) for value in WRONG},
    **{f"num_codebooks {value!r}"[:60]: decoder(num_codebooks=value) for value in WRONG},
    **{f"audio_channels {value!r}"[:60]: decoder(audio_channels=value) for value in WRONG},
    **{f"vocab_size {value!r}"[:60]: decoder(vocab_size=value) for value in WRONG},
    **{f"positions {value!r}"[:60]: decoder(max_position_embeddings=value) for value in WRONG},
    **{
        f"max_length {value!r}"[:60]: lambda f, value=value: write_json(
            f / "generation_config.json", {"max_length": value}
        )
        for value in WRONG
        if value not in (None, 0)
    },
    "too many strides": codec(upsampling_ratios=[1] * 1000),
    "frames too fast": codec(upsampling_ratios=[1]),
    "frames too slow": codec(upsampling_ratios=[1000, 1000]),
    "no room for the delay": decoder(max_position_embeddings=3),
    "deeply nested": raw("config.json", "[" * 200_000),
    "deeply nested inside": raw("config.json", '{"decoder":' * 100_000),
    "a number of 10000 digits": raw("config.json", '{"decoder": ' + "9" * 10_000 + "}"),
    "a type without end": lambda f: change_config(f, model_type="x" * 10**6),
    "a type that is none": lambda f: change_config(f, model_type={"a": []}),
    "parts of other types": lambda f: change_config(f, text_encoder=[1], audio_encoder="x", decoder=7),
    "a huge config": huge("config.json"),
    "a huge tokenizer": huge("tokenizer.json"),
    "deeply nested tokenizer": raw("tokenizer.json", "[" * 200_000),
    "a tokenizer that is a list": raw("tokenizer.json", "[]"),
    "a header without end": header(2**63 - 1),
    "a header of nothing": header(0, b""),
    "a header longer than allowed": header(200_000_000),
    "a header that is no JSON": header(3, b"{a}"),
    "a header that is a list": header(2, b"[]"),
    "a header of deep nesting": header(100_000, b"[" * 100_000),
    "a header of no text": header(4, b"\xff\xfe\x00\x01"),
    "a shape that overflows": tensor([2**62, 2**62], [0, 4]),
    "a shape that is negative": tensor([-1], [0, 4]),
    "a shape of words": tensor(["a"], [0, 4]),
    "offsets outside": tensor([1], [10**12, 10**12 + 4]),
    "offsets backwards": tensor([1], [4, 0]),
    "a type of numbers there is not": tensor([1], [0, 4], "F3"),
    "an index of other types": lambda f: write_json(
        shard(f) / "model.safetensors.index.json", {"weight_map": {"a": 1}}
    ),
    "an index that is huge": lambda f: huge("model.safetensors.index.json")(shard(f)),
    "an index naming a folder": lambda f: write_json(
        shard(f) / "model.safetensors.index.json", {"weight_map": {"decoder.c": ".."}}
    ),
    "an index naming nothing": lambda f: write_json(
        shard(f) / "model.safetensors.index.json", {"weight_map": {"decoder.c": "a\u0000b"}}
    ),
    "an index naming too long a name": lambda f: write_json(
        shard(f) / "model.safetensors.index.json", {"weight_map": {"decoder.c": "a" * 5000}}
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_folder_is_refused_with_a_sentence(folder, name):
    HOSTILE[name](folder)
    with pytest.raises(BrokenModelFolder) as caught:
        inspect_model_folder(folder)
    assert str(caught.value).endswith(".") and len(str(caught.value)) < 300


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_folder_is_refused_in_one_sentence(folder, name):
    break_it, words = BREAKS[name]
    break_it(folder)
    with pytest.raises(BrokenModelFolder) as caught:
        inspect_model_folder(folder)
    message = str(caught.value)
    assert words in message
    assert message.endswith(".")
    assert "\n" not in message


def test_what_is_no_folder_is_refused(folder):
    for path in (folder / "nowhere", folder / "config.json"):
        with pytest.raises(BrokenModelFolder, match="There is no folder"):
            inspect_model_folder(path)


def test_the_revision_follows_the_content_and_nothing_else(folder, tmp_path_factory):
    before = content_revision(folder)
    assert len(before) == 64
    (folder / "README.md").write_text("notes")
    assert content_revision(folder) == before
    copy = tmp_path_factory.mktemp("copy")
    for file in folder.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    assert content_revision(copy) == before


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json", "generation_config.json"])
def test_any_change_of_substance_changes_the_revision(folder, name):
    before = content_revision(folder)
    content = bytearray((folder / name).read_bytes())
    content[-1] ^= 1
    (folder / name).write_bytes(content)
    assert content_revision(folder) != before


def test_no_torch_is_needed(folder):
    code = (
        "import sys; from generation.base_models.folder import *;"
        "import generation.jobs.long_form, generation.sound.processing;"
        f"inspect_model_folder({str(folder)!r}); content_revision({str(folder)!r}); print('torch' in sys.modules)"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == "False"
