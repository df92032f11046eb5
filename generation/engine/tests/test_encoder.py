"""Encoders beside the base model, on tiny random ones: what they hear, and folders that are none."""

from __future__ import annotations

import json
import pickle
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertModel

from generation.base_models.encoder_folder import FAMILIES, encoder_revision, inspect_encoder_folder
from generation.base_models.folder import BrokenModelFolder
from generation.engine import Encoder, EncoderCache, EngineCache, InvalidSpec, ModelLoadError, NotFinite, OutOfMemory
from generation.engine.encoder import windows
from generation.engine.tests.encoders import CLAP_RATE, RATE, random_encoder, save_encoder
from generation.specs import EncoderSpec, ModelSpec

WEIGHTS = "model.safetensors"


def sound(seconds: float = 1.0, rate: int = RATE, seed: int = 0) -> np.ndarray:
    """Noise over two tones, `[2, N]`."""
    time = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(seed).standard_normal((2, len(time)))
    return (0.1 * noise + 0.3 * np.sin(2 * np.pi * np.array([[220], [330 + 50 * seed]]) * time)).astype(np.float32)


def spec_of(folder: Path) -> EncoderSpec:
    return EncoderSpec("ears", str(folder), encoder_revision(folder), "My ears")


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    made: dict[str, Path] = {}

    def of(family: str) -> Path:
        if family not in made:
            made[family] = save_encoder(tmp_path_factory.mktemp("encoders") / family, family)
        return made[family]

    return of


@pytest.fixture
def copied(folders: Any, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folders("wav2vec2"), tmp_path / "copy"))


@pytest.fixture
def clap(folders: Any) -> Encoder:
    return Encoder(spec_of(folders("clap")))


@pytest.fixture
def wave(folders: Any) -> Encoder:
    return Encoder(spec_of(folders("wav2vec2")))


def rewrite(folder: Path, change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> None:
    save_file(change(load_file(folder / WEIGHTS)), folder / WEIGHTS, metadata={"format": "pt"})


def configure(folder: Path, name: str = "config.json", **values: Any) -> None:
    stored = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps(stored | values))


# -- what is heard ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_gives_one_vector_whatever_the_length_rate_and_order(folders, family):
    encoder = Encoder(spec_of(folders(family)))
    clips = [(sound(2.3, 32_000), 32_000), (sound(0.02, 8_000), 8_000), (sound(1.0, 44_100, seed=1)[:1], 44_100)]
    heard = [encoder.hear(*clip) for clip in clips]
    assert len({vector.shape for vector in heard}) == 1 and heard[0].ndim == 1 and heard[0].dtype == np.float32
    assert all(np.isfinite(vector).all() for vector in heard)
    assert np.abs(heard[0] - heard[2]).max() > 1e-4, "other clips are heard otherwise"
    for vector, clip in zip(heard[::-1], clips[::-1], strict=True):
        np.testing.assert_array_equal(encoder.hear(*clip), vector)


def test_waves_are_pooled_over_four_layers(folders, wave):
    audio = sound(1.5)
    model, extractor = random_encoder("wav2vec2")
    inputs = extractor(audio.mean(0), sampling_rate=RATE, return_tensors="pt")
    with torch.inference_mode():
        states = model(**inputs, output_hidden_states=True).hidden_states
    expected = torch.cat([states[layer][0].mean(0) for layer in (1, 2, 3, 4)])
    np.testing.assert_allclose(wave.hear(audio, RATE), expected.numpy(), atol=1e-5)


def test_clap_gives_its_direction_and_a_long_clip_the_mean_of_its_windows(clap):
    first, second = sound(1.0, CLAP_RATE), sound(1.0, CLAP_RATE, seed=2)
    model, extractor = random_encoder("clap")
    inputs = extractor(first.mean(0), sampling_rate=CLAP_RATE, return_tensors="pt")
    with torch.inference_mode():
        expected = model.get_audio_features(**inputs).pooler_output[0]
    one, two = clap.hear(first, CLAP_RATE), clap.hear(second, CLAP_RATE)
    np.testing.assert_allclose(one, expected.numpy(), atol=1e-5)
    both = clap.hear(np.concatenate([first, second], axis=1), CLAP_RATE)
    np.testing.assert_allclose(both, (one + two) / 2, atol=1e-5)


def test_windows_are_few_alike_and_lose_nothing():
    audio = sound(2.5, 1000)
    pieces = windows(audio, 1000, 1000, 1000)
    assert [len(piece) for piece in pieces] == [834, 834, 832]
    np.testing.assert_allclose(np.concatenate(pieces), audio.mean(0), atol=1e-6)
    assert [len(piece) for piece in windows(audio, 1000, 2000, 5000)] == [5000], "at the encoder's rate"


def test_silence_is_heard_and_no_sound_is_refused(wave, clap):
    for encoder in (wave, clap):
        assert np.isfinite(encoder.hear(np.zeros((1, 8000), np.float32), RATE)).all()
        for nothing in (np.zeros((1, 0), np.float32), np.full((1, 100), np.nan, np.float32)):
            with pytest.raises(InvalidSpec, match="no sound"):
                encoder.hear(nothing, RATE)


def test_a_head_on_top_and_half_precision_are_no_hindrance(copied, wave):
    def with_head(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        named = {f"wav2vec2.{name}": tensor.half() for name, tensor in tensors.items()}
        return named | {"lm_head.weight": torch.zeros(4, 16), "lm_head.bias": torch.zeros(4)}

    rewrite(copied, with_head)
    np.testing.assert_allclose(Encoder(spec_of(copied)).hear(sound(), RATE), wave.hear(sound(), RATE), atol=2e-2)


def test_values_that_are_not_finite_are_an_error_of_the_clip(copied):
    def explode(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {n: torch.full_like(t, 1e30) if "layer_norm.weight" in n else t for n, t in tensors.items()}

    rewrite(copied, explode)
    with pytest.raises(NotFinite, match="“My ears” computed values that are not finite"):
        Encoder(spec_of(copied)).hear(sound(), RATE)


def test_nothing_is_asked_of_a_network(folders, monkeypatch):
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("a network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert Encoder(spec_of(folders("hubert"))).hear(sound(), RATE).size


# -- folders that are none -------------------------------------------------------------------------------------------


def _is_pickled(folder: Path) -> None:
    torch.save(load_file(folder / WEIGHTS), folder / "pytorch_model.bin")
    (folder / WEIGHTS).unlink()


class _Run:
    def __reduce__(self) -> Any:
        return Path.touch, (Path("/tmp/encoder-ran-code"),)


def _is_evil(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(_Run()))


def _reads_text(folder: Path) -> None:
    shutil.rmtree(folder)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    BertModel(BertConfig(vocab_size=8, **sizes)).save_pretrained(folder)


def _is_truncated(folder: Path) -> None:
    whole = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(whole[: len(whole) // 2])


BROKEN: list[tuple[Callable[[Path], Any], str]] = [
    (shutil.rmtree, "There is no folder"),
    (lambda f: (f / "config.json").unlink(), "The folder has no “config.json”"),
    (lambda f: (f / "config.json").write_text("{"), "“config.json” cannot be read as JSON"),
    (lambda f: (f / "config.json").write_text("{}"), "does not say which type of model"),
    (lambda f: configure(f, auto_map={"AutoModel": "evil.Model"}), "needs code from elsewhere"),
    (lambda f: configure(f, model_type="mert_model"), "“mert_model” is no audio encoder whose code the studio has"),
    (lambda f: configure(f, model_type=["wav2vec2"]), "does not say which type of model"),
    (
        lambda f: configure(f, "preprocessor_config.json", auto_map={"AutoFeatureExtractor": "evil.Ears"}),
        "needs code from elsewhere",
    ),
    (_reads_text, "“bert” is no audio encoder"),
    (_is_pickled, "a pickle that could run code; save them as safetensors"),
    (_is_evil, "a pickle that could run code; save them as safetensors"),
    (lambda f: (f / WEIGHTS).unlink(), "The folder has no weights"),
    (_is_truncated, "“model.safetensors” is damaged or was not copied completely"),
    (lambda f: (f / WEIGHTS).write_bytes(b"no weights"), "is damaged or was not copied completely"),
    (lambda f: (f / "preprocessor_config.json").unlink(), "does not say how sound is prepared.*preprocessor_config"),
    (lambda f: configure(f, "preprocessor_config.json", sampling_rate="fast"), "must be a whole number from 1000"),
    (lambda f: configure(f, "preprocessor_config.json", sampling_rate=0), "must be a whole number from 1000"),
]
"""What is seen without loading: by whoever adds the folder."""


@pytest.mark.parametrize(("spoil", "sentence"), BROKEN)
def test_a_folder_that_is_none_is_refused_with_what_is_wrong(copied, spoil, sentence):
    spoil(copied)
    with pytest.raises(BrokenModelFolder, match=sentence):
        inspect_encoder_folder(copied)
    with pytest.raises(ModelLoadError, match=sentence):
        Encoder(EncoderSpec("ears", str(copied), "r"))
    assert not Path("/tmp/encoder-ran-code").exists()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda t: {n: v for n, v in t.items() if "layers.2" not in n}, "lack the tensor “encoder.layers.2"),
        (lambda t: t | {"encoder.layer_norm.weight": torch.ones(3)}, "do not belong together, or are damaged"),
        (lambda t: t | {"encoder.layer_norm.weight": torch.full((16,), torch.nan)}, "not finite.*layer_norm"),
        (lambda t: t | {"encoder.layer_norm.weight": torch.full((16,), torch.inf)}, "not finite.*layer_norm"),
    ],
)
def test_weights_that_do_not_belong_to_the_configuration_are_refused(copied, change, sentence):
    rewrite(copied, change)
    with pytest.raises(ModelLoadError, match=sentence):
        Encoder(spec_of(copied))


def test_a_configuration_that_makes_no_model_is_refused(copied):
    configure(copied, num_attention_heads=3)
    with pytest.raises(ModelLoadError, match="“My ears” cannot be loaded"):
        Encoder(spec_of(copied))


def test_files_that_changed_since_it_was_added_are_refused(copied):
    spec = spec_of(copied)
    rewrite(copied, lambda tensors: {name: tensor * 1.01 for name, tensor in tensors.items()})
    with pytest.raises(ModelLoadError, match="have changed since it was added"):
        Encoder(spec)


# -- what a folder says ----------------------------------------------------------------------------------------------


def test_facts_are_those_of_the_folder(folders):
    facts = inspect_encoder_folder(folders("hubert"))
    assert (facts.family, facts.architecture, facts.sample_rate) == ("hubert", "HubertModel", RATE)
    assert facts.size == (folders("hubert") / WEIGHTS).stat().st_size and facts.licence == ""


@pytest.mark.parametrize(
    ("name", "text", "licence"),
    [
        ("README.md", "---\nlanguage: en\nlicense: cc-by-nc-4.0  # not for sale\n---\n# Ears", "cc-by-nc-4.0"),
        ("README.md", "---\r\nlicense: 'apache-2.0'\r\n---\r\n", "apache-2.0"),
        ("README.md", "---\nlicense: other\nlicense_name: ears-community\n---\n", "ears-community"),
        ("README.md", "---\nlicense:\n- mit\n---\n", "mit"),
        ("README.md", "# Ears\nlicense: mit\n", ""),
        ("LICENSE", "\n   MIT License\n\nCopyright", "MIT License"),
        ("LICENSE.txt", "x" * 500, "x" * 100),
        ("LICENSE", "\x00\x1b[31mMIT\xff", "[31mMIT\ufffd"),
    ],
)
def test_the_licence_is_read_where_it_is_stated(copied, name, text, licence):
    (copied / name).write_bytes(text.encode("latin-1" if "\xff" in text else "utf-8"))
    assert inspect_encoder_folder(copied).licence == licence


def test_the_revision_is_that_of_weights_and_configuration(copied):
    before = encoder_revision(copied)
    (copied / "README.md").write_text("Ears")
    assert encoder_revision(copied) == before
    configure(copied, "preprocessor_config.json", do_normalize=False)
    assert encoder_revision(copied) != before


# -- kept ------------------------------------------------------------------------------------------------------------


def test_encoders_are_kept_and_the_least_recently_used_leaves():
    loaded: list[str] = []
    cache = EncoderCache(2, make=lambda spec: loaded.append(spec.key) or object())  # type: ignore[func-returns-value]
    specs = [EncoderSpec(key, "/", key) for key in "abc"]
    for place in (0, 1, 0, 2, 0, 1):
        cache.get(specs[place])
    assert loaded == ["a", "b", "c", "b"]
    cache.evict(specs[1])
    assert len(cache) == 1
    cache.clear()
    assert len(cache) == 0


def test_encoders_leave_before_a_model_is_loaded():
    engines = EngineCache(make=lambda spec: object())  # type: ignore[arg-type, return-value]
    engines.encoders = EncoderCache(make=lambda spec: object())  # type: ignore[arg-type, return-value]
    model = ModelSpec("m", "/", "1")
    engines.get(model)
    engines.encoders.get(EncoderSpec("a", "/", "1"))
    engines.get(model)
    assert len(engines.encoders) == 1, "a model that is there needs no room"
    engines.get(ModelSpec("other", "/", "1"))
    assert len(engines.encoders) == 0
    engines.encoders.get(EncoderSpec("a", "/", "1"))
    engines.clear()
    assert len(engines) == len(engines.encoders) == 0


def test_too_little_memory_is_a_sentence(wave, monkeypatch):
    def full(*args: Any, **kwargs: Any) -> None:
        torch.empty(1 << 50)

    monkeypatch.setattr(wave, "_of_window", full)
    with pytest.raises(OutOfMemory, match="ran out of memory while the encoder “My ears” heard a clip"):
        wave.hear(sound(), RATE)
