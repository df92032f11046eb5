"""The names by which sizes are told are those of the real network."""

from __future__ import annotations

from dataclasses import replace

import torch
from transformers import MusicgenConfig, MusicgenForConditionalGeneration

from generation.base_models.architecture import Architecture

TEXT = {"model_type": "t5", "d_model": 768, "d_ff": 3072, "num_layers": 12, "num_heads": 12}
CODEC = {"model_type": "encodec", "sampling_rate": 32_000, "codebook_size": 2048, "upsampling_ratios": [8, 5, 4, 4]}
SMALL = Architecture(hidden_size=1024, layers=24, heads=16, feed_forward=4096)


def test_the_weights_of_a_real_network_bear_its_architecture_out():
    config = MusicgenConfig(text_encoder=TEXT, audio_encoder=CODEC | {"codebook_dim": 128}, decoder={})
    with torch.device("meta"):
        network = MusicgenForConditionalGeneration(config)
    shapes = {name: list(weight.shape) for name, weight in network.state_dict().items()}
    assert Architecture.stated(config.to_dict()) == SMALL
    assert Architecture.stated({"text_encoder": TEXT, "audio_encoder": CODEC, "decoder": {}}) == SMALL
    assert SMALL.is_borne_out_by(shapes)
    for other in ({"hidden_size": 1536}, {"layers": 23}, {"codebooks": 8}, {"text_layers": 11}, {"text_width": 512}):
        assert not replace(SMALL, **other).is_borne_out_by(shapes)
