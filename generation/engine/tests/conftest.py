"""Models for the engine's tests: tiny random ones made on the spot, and the bundled one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    AutoTokenizer,
    EncodecConfig,
    GenerationConfig,
    MusicgenConfig,
    MusicgenDecoderConfig,
    MusicgenForConditionalGeneration,
    PreTrainedTokenizerFast,
    T5Config,
)

from generation.engine import Engine
from generation.specs import ModelSpec

BUNDLED = Path(__file__).parents[2] / "bundled" / "studio-tiny"
WORDS = ["<pad>", "</s>", "<unk>", "calm", "piano", "at", "dusk", "fast", "rock", "with", "drums", "and", "bass", "a"]
CODES = 64


def make_tokenizer() -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=64
    )


def make_config(channels: int = 1) -> MusicgenConfig:
    text = T5Config(
        vocab_size=len(WORDS),
        d_model=24,
        d_kv=8,
        d_ff=32,
        num_layers=2,
        num_heads=2,
        dropout_rate=0.0,
        feed_forward_proj="gated-gelu",
    )
    codec = EncodecConfig(
        sampling_rate=3200,
        upsampling_ratios=[4, 4, 2, 2],
        num_filters=4,
        hidden_size=16,
        codebook_dim=16,
        codebook_size=CODES,
        target_bandwidths=[1.2],
        num_lstm_layers=1,
    )
    decoder = MusicgenDecoderConfig(
        vocab_size=CODES,
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        ffn_dim=64,
        num_codebooks=4 * channels,
        audio_channels=channels,
        pad_token_id=CODES,
        bos_token_id=CODES,
        max_position_embeddings=512,
        dropout=0.0,
    )
    return MusicgenConfig(text_encoder=text, audio_encoder=codec, decoder=decoder)


def save_random_model(folder: Path, channels: int = 1, window_frames: int = 200, seed: int = 0) -> Path:
    """A random model with weights large enough that its distributions are far from uniform."""
    torch.manual_seed(seed)
    model = MusicgenForConditionalGeneration(make_config(channels)).eval()
    with torch.no_grad():
        matrices = {name: p for name, p in model.named_parameters() if p.ndim == 2}
        for name, matrix in matrices.items():
            if name.startswith(("decoder.", "enc_to_dec", "text_encoder.")):
                matrix.normal_(std=0.25)
        for layer in model.audio_encoder.quantizer.layers:
            layer.codebook.embed.normal_()
    model.generation_config = GenerationConfig(
        max_length=window_frames,
        pad_token_id=CODES,
        bos_token_id=CODES,
        decoder_start_token_id=CODES,
        do_sample=True,
        guidance_scale=3.0,
    )
    model.save_pretrained(folder)
    make_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Models this small gain nothing from threads, and wait for each other on a busy machine."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def random_folder(tmp_path_factory) -> Path:
    return save_random_model(tmp_path_factory.mktemp("models") / "random-mono")


@pytest.fixture(scope="session")
def stereo_folder(tmp_path_factory) -> Path:
    return save_random_model(tmp_path_factory.mktemp("models") / "random-stereo", channels=2, seed=1)


@pytest.fixture(
    scope="session",
    params=[
        "random",
        pytest.param("studio-tiny", marks=pytest.mark.skipif(not BUNDLED.is_dir(), reason="no bundled model yet")),
    ],
)
def model_folder(request, random_folder) -> Path:
    return random_folder if request.param == "random" else BUNDLED


@pytest.fixture(scope="session")
def engine(model_folder) -> Engine:
    return Engine(ModelSpec(key="model", path=str(model_folder), revision="test"), device="cpu")


@pytest.fixture(scope="session")
def random_engine(random_folder) -> Engine:
    return Engine(ModelSpec(key="random", path=str(random_folder), revision="test"), device="cpu")


@pytest.fixture(scope="session")
def stereo_engine(stereo_folder) -> Engine:
    return Engine(ModelSpec(key="stereo", path=str(stereo_folder), revision="test"), device="cpu")


@pytest.fixture(scope="session")
def reference(model_folder) -> Transformers:
    """The same weights in `transformers`' own model, loaded apart from the engine's."""
    return Transformers(model_folder)


@pytest.fixture(scope="session")
def stereo_reference(stereo_folder) -> Transformers:
    return Transformers(stereo_folder)


@pytest.fixture(scope="session")
def random_reference(random_folder) -> Transformers:
    return Transformers(random_folder)


@pytest.fixture
def prefix(engine) -> np.ndarray:
    """Codes `[K, 23]` to continue."""
    facts = engine.facts
    return np.random.default_rng(5).integers(0, facts.codebook_size, (facts.codebooks, 23)).astype(np.int16)


class Transformers:
    """`transformers`' own generation, reduced to the codes it hands to the codec."""

    def __init__(self, folder: Path) -> None:
        self.model = load_reference(folder)
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        config = self.model.decoder.config
        self.channels = config.audio_channels
        self.codebooks = config.num_codebooks

    def greedy(self, texts, frames: int, guidance: float, prefix=None) -> tuple[np.ndarray, np.ndarray]:
        """Codes `[B, K, T]` and audio `[B, C, N]` of greedy decoding; `prefix` `[B, K, P]` is continued."""
        inputs = self.tokenizer(texts, return_tensors="pt", padding=True)
        extra = {}
        known = 0
        if prefix is not None:
            known = prefix.shape[-1]
            extra["decoder_input_ids"] = torch.from_numpy(prefix.astype("int64")).flatten(0, 1)
        decoded = []
        decode = self.model.audio_encoder.decode

        def listen(codes, *args, **kwargs):
            decoded.append(codes[0])
            return decode(codes, *args, **kwargs)

        self.model.audio_encoder.decode = listen
        try:
            audio = self.model.generate(
                input_ids=inputs.input_ids,
                attention_mask=inputs.attention_mask,
                do_sample=False,
                guidance_scale=guidance,
                max_new_tokens=frames - known + self.codebooks // self.channels - 1,
                **extra,
            )
        finally:
            self.model.audio_encoder.decode = decode
        codes = torch.stack(decoded, dim=2).flatten(1, 2) if self.channels == 2 else decoded[0]
        return codes.numpy(), audio.numpy()


def load_reference(folder: Path) -> MusicgenForConditionalGeneration:
    model = MusicgenForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    for part in (model.decoder, model.text_encoder):
        part.set_attn_implementation("sdpa")
    return model.eval()
