"""What tells one MusicGen model from another: the sizes of its parts, as its configuration states and its weights bear
out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

Shapes = Mapping[str, Sequence[int]]


@dataclass(frozen=True, slots=True)
class Architecture:
    """Sizes of decoder, text encoder and codec. What is not given is what every released MusicGen shares (a T5 base
    encoder and the 32 kHz EnCodec; Copet et al., 2023)."""

    hidden_size: int
    layers: int
    heads: int
    feed_forward: int
    codebooks: int = 4
    channels: int = 1
    vocabulary: int = 2048
    text_width: int = 768
    text_layers: int = 12
    text_heads: int = 12
    text_feed_forward: int = 3072
    text_vocabulary: int = 32_128
    sample_rate: int = 32_000
    codebook_size: int = 2048
    strides: tuple[int, ...] = (8, 5, 4, 4)

    @classmethod
    def stated(cls, config: Mapping[str, Any]) -> Self:
        """As a model's configuration says; what it leaves out has the defaults of the configuration's classes."""
        text, codec, decoder = config["text_encoder"], config["audio_encoder"], config["decoder"]
        strides = codec.get("upsampling_ratios", [8, 5, 4, 2])
        return cls(
            hidden_size=decoder.get("hidden_size", 1024),
            layers=decoder.get("num_hidden_layers", 24),
            heads=decoder.get("num_attention_heads", 16),
            feed_forward=decoder.get("ffn_dim", 4096),
            codebooks=decoder.get("num_codebooks", 4),
            channels=decoder.get("audio_channels", 1),
            vocabulary=decoder.get("vocab_size", 2048),
            text_width=text.get("d_model", 512),
            text_layers=text.get("num_layers", 6),
            text_heads=text.get("num_heads", 8),
            text_feed_forward=text.get("d_ff", 2048),
            text_vocabulary=text.get("vocab_size", 32_128),
            sample_rate=codec.get("sampling_rate", 24_000),
            codebook_size=codec.get("codebook_size", 1024),
            strides=tuple(strides) if isinstance(strides, list) else (),
        )

    def is_borne_out_by(self, shapes: Shapes) -> bool:
        """Whether weights of these `shapes` are of these sizes, and there are neither fewer nor more of them."""
        decoder, text = "decoder.model.decoder", "text_encoder.encoder.block"
        head = [self.vocabulary, self.hidden_size]
        entry = [self.vocabulary + 1, self.hidden_size]  # one more: what stands before the first code
        expected = {
            **{f"{decoder}.layers.{n}.fc1.weight": [self.feed_forward, self.hidden_size] for n in range(self.layers)},
            **{f"{decoder}.embed_tokens.{n}.weight": entry for n in range(self.codebooks)},
            **{f"decoder.lm_heads.{n}.weight": head for n in range(self.codebooks)},
            **{
                f"{text}.{n}.layer.1.DenseReluDense.wi.weight": [self.text_feed_forward, self.text_width]
                for n in range(self.text_layers)
            },
            "text_encoder.shared.weight": [self.text_vocabulary, self.text_width],
        }
        beyond = (
            f"{decoder}.layers.{self.layers}.fc1.weight",
            f"decoder.lm_heads.{self.codebooks}.weight",
            f"{text}.{self.text_layers}.layer.1.DenseReluDense.wi.weight",
        )
        fitting = all(list(shapes.get(name, ())) == shape for name, shape in expected.items())
        return fitting and not any(name in shapes for name in beyond)
