"""Folders of tiny random encoders, as `transformers` saves them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import (
    ASTFeatureExtractor,
    AutoConfig,
    AutoModel,
    ClapConfig,
    ClapFeatureExtractor,
    ClapModel,
    PreTrainedModel,
    Wav2Vec2FeatureExtractor,
)

CLAP_RATE = 16_000
RATE = 8_000
WAVE: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "conv_dim": [8, 8, 8],
    "conv_kernel": [10, 8, 4],
    "conv_stride": [5, 8, 4],
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
}
"""Of the models that read waves: 50 frames a second."""
SPECTROGRAM: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_length": 128,
    "num_mel_bins": 32,
}


def clap_extractor() -> ClapFeatureExtractor:
    """It hears a second at once."""
    return ClapFeatureExtractor(
        sampling_rate=CLAP_RATE, hop_length=320, max_length_s=1, frequency_max=8000, truncation="rand_trunc"
    )


def clap_model() -> ClapModel:
    text = {"vocab_size": 8, "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    text |= {"intermediate_size": 32, "max_position_embeddings": 32, "pad_token_id": 1}
    audio = {"spec_size": 64, "window_size": 4, "patch_embeds_hidden_size": 16, "hidden_size": 32}
    audio |= {"depths": [1, 1], "num_attention_heads": [2, 2], "num_hidden_layers": 2}
    return ClapModel(ClapConfig(text_config=text, audio_config=audio, projection_dim=16)).eval()


def random_encoder(family: str) -> tuple[PreTrainedModel, Any]:
    """A model of this type and its feature extractor."""
    torch.manual_seed(sum(family.encode()))
    if family == "clap":
        return clap_model(), clap_extractor()
    if family == "audio-spectrogram-transformer":
        extractor = ASTFeatureExtractor(sampling_rate=CLAP_RATE, num_mel_bins=32, max_length=128)
        return AutoModel.from_config(AutoConfig.for_model(family, **SPECTROGRAM)).eval(), extractor
    config = AutoConfig.for_model(family, **WAVE)
    return AutoModel.from_config(config).eval(), Wav2Vec2FeatureExtractor(sampling_rate=RATE)


def save_encoder(folder: Path, family: str = "wav2vec2", licence: str = "") -> Path:
    """A folder that the studio can hear with; `licence` goes into the front matter of its README.md."""
    model, extractor = random_encoder(family)
    model.save_pretrained(folder)
    extractor.save_pretrained(folder)
    if licence:
        (folder / "README.md").write_text(f"---\nlicense: {licence}\n---\n# Ears\n")
    return folder
