"""Loading models, refusing what cannot be one, and keeping engines."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from generation.engine import Engine, EngineCache, EngineError, InvalidSpec, ModelLoadError, NotFinite
from generation.engine.tests.conftest import BUNDLED
from generation.specs import ModelSpec, SampleSpec, SamplingSpec


@pytest.fixture
def copied(random_folder, tmp_path) -> Path:
    return Path(shutil.copytree(random_folder, tmp_path / "copy"))


def spec(folder: Path) -> ModelSpec:
    return ModelSpec("copy", str(folder), "test")


def rewrite(folder: Path, change) -> None:
    weights = folder / "model.safetensors"
    save_file(change(load_file(weights)), weights, metadata={"format": "pt"})


def test_facts_are_those_of_the_folder(random_engine):
    facts = random_engine.facts
    assert (facts.family, facts.sample_rate, facts.channels, facts.codebooks) == ("musicgen", 3200, 1, 4)
    assert (facts.codebook_size, facts.frame_rate, facts.max_duration) == (64, 50.0, 4.0)


def test_the_decoder_is_causal(random_engine):
    """A composite model may come without an attention implementation, and then sees the future."""
    decoder = random_engine._model.decoder
    tokens = torch.randint(0, 64, (4, 12))
    changed = tokens.clone()
    changed[:, 8:] = (changed[:, 8:] + 1) % 64
    with torch.no_grad():
        before, after = (decoder(input_ids=t).logits for t in (tokens, changed))
    torch.testing.assert_close(before[:, :8], after[:, :8], rtol=0, atol=0)
    assert not torch.equal(before[:, 8:], after[:, 8:])


def test_nothing_is_stored_twice(random_engine):
    """The loop's weights are views of the model's parameters."""
    weights, body = random_engine._base_weights, random_engine._model.decoder.model.decoder
    for index, layer in enumerate(weights.layers):
        assert layer.qkv.matrix.data_ptr() == body.layers[index].self_attn.q_proj.weight.data_ptr()
        assert layer.ffn_in.matrix.data_ptr() == body.layers[index].fc1.weight.data_ptr()
    assert weights.embeddings.data_ptr() == body.embed_tokens[0].weight.data_ptr()
    assert weights.heads.matrix.data_ptr() == random_engine._model.decoder.lm_heads[0].weight.data_ptr()


def test_a_missing_tensor_is_named(copied):
    rewrite(copied, lambda tensors: {k: v for k, v in tensors.items() if k != "decoder.lm_heads.1.weight"})
    with pytest.raises(ModelLoadError, match=r"decoder\.lm_heads\.1\.weight"):
        Engine(spec(copied))


def test_an_unknown_tensor_is_named(copied):
    rewrite(copied, lambda tensors: tensors | {"decoder.extra.weight": torch.zeros(2)})
    with pytest.raises(ModelLoadError, match=r"decoder\.extra\.weight"):
        Engine(spec(copied))


def test_a_stored_position_table_is_harmless(copied):
    table = {"decoder.model.decoder.embed_positions.weights": torch.zeros(512, 32)}
    rewrite(copied, lambda tensors: tensors | table)
    assert Engine(spec(copied)).facts.codebooks == 4


def test_half_precision_weights_are_loaded_in_full(copied, random_engine):
    rewrite(copied, lambda tensors: {k: v.half() if v.is_floating_point() else v for k, v in tensors.items()})
    engine = Engine(spec(copied), device="cpu")
    assert engine._base_weights.dtype == torch.float32


@pytest.mark.parametrize("name", ["decoder.lm_heads.2.weight", "text_encoder.shared.weight", "audio_encoder"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_is_not_finite_is_named(copied, name, value):
    def spoil(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        chosen = next(key for key, t in tensors.items() if key.startswith(name) and t.is_floating_point())
        tensors[chosen].view(-1)[-1] = value
        return tensors

    rewrite(copied, spoil)
    with pytest.raises(ModelLoadError, match="“copy” hold numbers that are not finite"):
        Engine(spec(copied), device="cpu")


def test_what_float16_cannot_hold_is_an_error_too(copied):
    rewrite(copied, lambda tensors: tensors | {"decoder.lm_heads.1.weight": torch.full((64, 32), 1e5)})
    with pytest.raises(ModelLoadError, match=r"not finite as float16, in “decoder\.lm_heads\.1"):
        Engine(spec(copied), device="cpu", dtype=torch.float16)


def test_numbers_that_grow_beyond_all_bounds_make_no_clip(copied):
    """The weights are finite, what they compute is not."""
    name = "decoder.model.decoder.layers.2.fc2.weight"
    rewrite(copied, lambda tensors: tensors | {name: torch.full_like(tensors[name], 3e38)})
    engine = Engine(spec(copied), device="cpu")
    said = "no music to keep. Try a lower guidance; if that changes nothing, the model's files are damaged"
    with pytest.raises(NotFinite, match=said):
        list(engine.generate([SampleSpec("job", 0, "calm piano", 1, 0.5)]))
    free = SamplingSpec(guidance_scale=1.0)
    with pytest.raises(NotFinite, match=r"no music to keep\. The model's files are damaged"):
        list(engine.generate([SampleSpec("job", 0, "calm piano", 1, 0.5, sampling=free)]))


def test_a_codec_that_computes_no_numbers_is_an_error(copied):
    engine = Engine(spec(copied), device="cpu")
    with torch.no_grad():
        next(engine._model.audio_encoder.decoder.parameters()).fill_(float("nan"))
    with pytest.raises(NotFinite, match="codec"):
        engine.decode(np.zeros((4, 5), np.int16))
    with pytest.raises(InvalidSpec, match="not finite"):
        engine.encode(np.full((1, 640), np.nan, np.float32), 3200)


def test_wrong_shapes_and_other_families_are_refused(copied):
    config = json.loads((copied / "config.json").read_text())
    (copied / "config.json").write_text(json.dumps(config | {"model_type": "musicgen_melody"}))
    with pytest.raises(ModelLoadError, match="musicgen_melody"):
        Engine(spec(copied))
    config["decoder"]["hidden_size"] = 64
    (copied / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelLoadError):
        Engine(spec(copied))


def test_a_missing_folder_is_an_engine_error(tmp_path):
    with pytest.raises(EngineError, match="no folder"):
        Engine(spec(tmp_path / "nowhere"))


def test_bfloat16_decodes(random_folder):
    """The precision used on a GPU; here only that every part of the loop accepts it."""
    engine = Engine(ModelSpec("random", str(random_folder), "test"), device="cpu", dtype=torch.bfloat16)
    (result,) = engine.generate([SampleSpec("job", 0, "calm piano", 1, 0.5, record_logprobs=True)])
    assert np.isfinite(result.audio).all()
    assert result.logprobs.dtype == np.float32


def test_the_cache_holds_one_engine_and_frees_it_first(random_folder, stereo_folder):
    held_while_loading: list[int] = []

    def make(model: ModelSpec) -> Engine:
        held_while_loading.append(len(cache))
        return Engine(model, device="cpu")

    cache = EngineCache(make=make)
    mono, stereo = ModelSpec("mono", str(random_folder), "1"), ModelSpec("stereo", str(stereo_folder), "1")
    engine = cache.get(mono)
    assert cache.get(mono) is engine
    assert cache.get(stereo).facts.channels == 2
    assert cache.get(mono) is not engine
    assert held_while_loading == [0, 0, 0]
    cache.evict(stereo)
    cache.clear()
    assert len(cache) == 0


def test_a_model_of_a_new_revision_is_loaded_again(random_folder):
    cache = EngineCache(capacity=2)
    old = cache.get(ModelSpec("mono", str(random_folder), "1"))
    assert cache.get(ModelSpec("mono", str(random_folder), "2")) is not old
    assert cache.get(ModelSpec("mono", str(random_folder), "1")) is old


def test_encoding_gives_codes_that_can_be_continued(random_engine):
    recording = np.random.default_rng(0).normal(size=(2, 8000)).astype(np.float32) * 0.1
    codes = random_engine.encode(recording, 8000)
    assert codes.shape == (4, 50)
    assert codes.dtype == np.int16
    sampling = SamplingSpec()
    (result,) = random_engine.generate([SampleSpec("job", 0, "a", 1, 1.5, sampling, prefix_codes=codes)])
    np.testing.assert_array_equal(result.codes[:, :50], codes)


def test_stereo_encoding_keeps_the_sides_apart(stereo_engine):
    left = np.random.default_rng(0).normal(size=6400).astype(np.float32) * 1000  # a random codec hears little
    both = stereo_engine.encode(np.stack([left, left[::-1].copy()]), 3200)
    swapped = stereo_engine.encode(np.stack([left[::-1].copy(), left]), 3200)
    np.testing.assert_array_equal(both[::2], swapped[1::2])
    np.testing.assert_array_equal(both[1::2], swapped[::2])
    assert not np.array_equal(both[::2], both[1::2])


def test_the_first_channel_is_the_first_codes_and_both_are_as_the_codec_has_them(stereo_engine):
    """Left is coded by the even codebooks, right by the odd ones; each side is decoded by the codec of one channel."""
    codes = np.random.default_rng(1).integers(0, 64, (8, 30)).astype(np.int16)
    audio = stereo_engine.decode(codes)
    codec = stereo_engine._model.audio_encoder
    for side in (0, 1):
        tokens = torch.from_numpy(codes[side::2].astype(np.int64))[None, None]
        with torch.no_grad():
            expected = codec.decode(tokens, audio_scales=[None]).audio_values[0, 0]
        np.testing.assert_array_equal(audio[side], expected.numpy())
    assert not np.array_equal(audio[0], audio[1])


def test_the_left_recording_becomes_the_even_codebooks(stereo_engine):
    left = np.random.default_rng(0).normal(size=6400).astype(np.float32) * 1000
    codes = stereo_engine.encode(np.stack([left, left[::-1].copy()]), 3200)
    with torch.no_grad():
        expected = stereo_engine._model.audio_encoder.encode(torch.from_numpy(left)[None, None], bandwidth=1.2)
    np.testing.assert_array_equal(codes[::2], expected.audio_codes[0, 0, :4].numpy())


def test_importing_touches_no_gpu_and_no_django():
    code = "import sys, torch, generation.engine; print(torch.cuda.is_initialized(), 'django' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3]
    )
    assert done.stdout.split() == ["False", "False"]


@pytest.mark.skipif(not BUNDLED.is_dir(), reason="no bundled model yet")
def test_the_bundled_model_loads_and_makes_sound():
    engine = Engine(ModelSpec("studio-tiny", str(BUNDLED), "bundled"), device="cpu")
    (result,) = engine.generate([SampleSpec("job", 0, "calm piano", 1, 1.0)])
    assert result.audio.shape == (1, engine.facts.sample_rate)
    assert np.abs(result.audio).max() > 0
