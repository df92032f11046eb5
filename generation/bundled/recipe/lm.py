"""The language model: a MusicGen decoder and a T5-style text encoder, small enough for two processor cores."""

from __future__ import annotations

import math

import torch
from torch import nn
from transformers import (
    EncodecModel,
    MusicgenConfig,
    MusicgenDecoderConfig,
    MusicgenForConditionalGeneration,
    PreTrainedTokenizerFast,
    T5Config,
)

from generation.bundled.recipe.captions import grid_position, numbers
from generation.bundled.recipe.codec import codec_config
from generation.bundled.recipe.composer import nearest_eighth
from generation.bundled.recipe.constants import CODEBOOK_SIZE, NUM_CODEBOOKS
from generation.bundled.recipe.tokenizer import build_tokenizer

PAD_CODE = CODEBOOK_SIZE
"""Start token and filler of the delay pattern: the embedding after the last code."""

IGNORED = -100
EMBEDDING_STD = 0.35
"""Start scale of code embeddings: the sum of four stands beside sinusoidal positions of RMS 0.7."""


def model_config(tokenizer: PreTrainedTokenizerFast) -> MusicgenConfig:
    text = T5Config(
        vocab_size=len(tokenizer),
        d_model=96,
        d_kv=24,
        d_ff=384,
        num_layers=2,
        num_heads=4,
        dropout_rate=0.0,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        is_encoder_decoder=False,
        use_cache=False,
    )
    decoder = MusicgenDecoderConfig(
        vocab_size=CODEBOOK_SIZE,
        num_codebooks=NUM_CODEBOOKS,
        hidden_size=160,
        num_hidden_layers=4,
        num_attention_heads=5,
        ffn_dim=640,
        dropout=0.0,
        audio_channels=1,
        max_position_embeddings=2048,
        pad_token_id=PAD_CODE,
        bos_token_id=PAD_CODE,
        is_decoder=True,
        add_cross_attention=True,
    )
    return MusicgenConfig(
        text_encoder=text.to_dict(),
        audio_encoder=codec_config().to_dict(),
        decoder=decoder.to_dict(),
        tie_encoder_decoder=False,
    )


def build_model(seed: int) -> tuple[MusicgenForConditionalGeneration, PreTrainedTokenizerFast]:
    """A new model with smooth number embeddings; its audio encoder is untrained (`attach_codec`)."""
    torch.manual_seed(seed)
    tokenizer = build_tokenizer()
    model = MusicgenForConditionalGeneration(model_config(tokenizer))
    use_sdpa(model)
    for table in model.decoder.model.decoder.embed_tokens:
        nn.init.normal_(table.weight, std=EMBEDDING_STD)
    open_cross_attention(model)
    smooth_number_embeddings(model.text_encoder.get_input_embeddings(), tokenizer, seed)
    return model, tokenizer


def use_sdpa(model: MusicgenForConditionalGeneration) -> None:
    """Choose scaled-dot-product attention in both transformers.

    A model built from sub-models may come without an attention implementation, and then without a causal mask.
    """
    model.decoder.set_attn_implementation("sdpa")
    model.text_encoder.set_attn_implementation("sdpa")


@torch.no_grad()
def open_cross_attention(model: MusicgenForConditionalGeneration) -> None:
    """Let text states reach the decoder at full scale from the start; the usual small start hides them for long."""
    nn.init.normal_(model.enc_to_dec_proj.weight, std=model.enc_to_dec_proj.in_features**-0.5)
    for layer in model.decoder.model.decoder.layers:
        attention = layer.encoder_attn
        for linear in (attention.q_proj, attention.k_proj, attention.v_proj):
            nn.init.normal_(linear.weight, std=linear.in_features**-0.5)
        nn.init.normal_(attention.out_proj.weight, std=0.5 * attention.out_proj.in_features**-0.5)


@torch.no_grad()
def smooth_number_embeddings(table: nn.Embedding, tokenizer: PreTrainedTokenizerFast, seed: int) -> None:
    """Start the numbers' embeddings as Fourier features of their place on the tempo grid, alike within a cell.

    Numbers that mean the same tempo start together, neighbours start close, and all keep a part of their own cell.
    """
    generator = torch.Generator().manual_seed(seed)
    width = table.embedding_dim
    waves = torch.randn(width, generator=generator) * 4
    phases = torch.rand(width, generator=generator) * 2 * math.pi
    cells: dict[int, torch.Tensor] = {}
    for number in numbers():
        cell = nearest_eighth(number)
        if cell not in cells:
            cells[cell] = torch.randn(width, generator=generator)
        smooth = math.sqrt(2) * torch.cos(waves * grid_position(number) + phases)
        table.weight[tokenizer.convert_tokens_to_ids(str(number))] = 0.7 * smooth + 0.7 * cells[cell]


def delay(codes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """MusicGen's delay pattern for teacher forcing.

    Takes codes `[batch, books, frames]`; returns decoder inputs `[batch, books, frames + books - 1]`, starting with
    the start token and book k shifted by k, and targets of that shape with `IGNORED` where nothing is predicted.
    """
    batch, books, frames = codes.shape
    line = codes.new_full((batch, books, frames + books), PAD_CODE)
    for book in range(books):
        line[:, book, 1 + book : 1 + book + frames] = codes[:, book]
    targets = line[..., 1:].clone()
    targets[targets == PAD_CODE] = IGNORED
    return line[..., :-1], targets


def code_logits(
    model: MusicgenForConditionalGeneration, tokens: torch.Tensor, mask: torch.Tensor, inputs: torch.Tensor
) -> torch.Tensor:
    """Logits `[batch, books, steps, codes]` for delayed inputs `[batch, books, steps]` under a text."""
    return logits_and_states(model, tokens, mask, inputs)[0]


def logits_and_states(
    model: MusicgenForConditionalGeneration, tokens: torch.Tensor, mask: torch.Tensor, inputs: torch.Tensor
) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
    """`code_logits`, and the decoder's hidden states `[batch, steps, width]`: embeddings, then after each layer."""
    batch, books, steps = inputs.shape
    output = model(
        input_ids=tokens,
        attention_mask=mask,
        decoder_input_ids=inputs.reshape(batch * books, steps),
        use_cache=False,
        output_hidden_states=True,
    )
    return output.logits.view(batch, books, steps, -1), output.decoder_hidden_states


def attach_codec(model: MusicgenForConditionalGeneration, codec: EncodecModel) -> None:
    """Give the model a trained codec (with weight norm restored)."""
    model.audio_encoder.load_state_dict(codec.state_dict())
