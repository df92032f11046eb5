"""The decoder's weights in the layout the decode loop wants.

Query, key and value projections of a layer, the embeddings of all codebooks and the heads of all codebooks are each
stacked into one tensor, so that one kernel does the work of several. The model's own parameters become views of the
stacked tensors: nothing is stored twice, and the `transformers` model goes on working.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from transformers import MusicgenForCausalLM
from transformers.activations import ACT2FN

Deltas = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Norm:
    """Scale, shift `[H]` and epsilon of a layer normalisation."""

    weight: Tensor
    bias: Tensor
    eps: float


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """One decoder layer; matrices are `[out, in]`, `qkv` is `[3H, H]`."""

    self_norm: Norm
    qkv: Tensor
    self_out: Tensor
    cross_norm: Norm
    cross_query: Tensor
    cross_key: Tensor
    cross_value: Tensor
    cross_out: Tensor
    ffn_norm: Norm
    ffn_in: Tensor
    ffn_out: Tensor


@dataclass(frozen=True, slots=True)
class DecoderWeights:
    """All of the decoder: `embeddings` `[K (V + 1), H]`, `positions` `[P, H]`, `heads` `[K V, H]`."""

    embeddings: Tensor
    positions: Tensor
    layers: tuple[LayerWeights, ...]
    final_norm: Norm
    heads: Tensor
    activation: Callable[[Tensor], Tensor]
    attention_heads: int
    codebooks: int
    vocabulary: int

    @property
    def hidden_size(self) -> int:
        return self.heads.shape[1]

    @property
    def head_size(self) -> int:
        return self.hidden_size // self.attention_heads


def stack_parameters(decoder: MusicgenForCausalLM) -> None:
    """Move the parameters that are used together into shared storage, in place."""
    body = decoder.model.decoder
    for layer in body.layers:
        attention = layer.self_attn
        _share_storage([attention.q_proj, attention.k_proj, attention.v_proj])
    _share_storage(list(body.embed_tokens))
    _share_storage(list(decoder.lm_heads))


def _share_storage(modules: list[nn.Module]) -> None:
    stacked = torch.cat([module.weight.detach() for module in modules])
    start = 0
    for module in modules:
        rows = module.weight.shape[0]
        module.weight = nn.Parameter(stacked[start : start + rows], requires_grad=False)
        start += rows


def read_weights(decoder: MusicgenForCausalLM, positions: int, deltas: Deltas | None = None) -> DecoderWeights:
    """The decoder's weights for `positions` positions, with `deltas` (by module name) added to copies of them.

    Without deltas every tensor is a view of the model's parameters, which `stack_parameters` must have prepared.
    """
    read = _Reader(decoder, deltas or {})
    config = decoder.config
    body = "model.decoder"
    return DecoderWeights(
        embeddings=read.stacked([f"{body}.embed_tokens.{k}" for k in range(config.num_codebooks)]),
        positions=_positions(decoder, positions),
        layers=tuple(_layer(read, f"{body}.layers.{i}") for i in range(config.num_hidden_layers)),
        final_norm=read.norm(f"{body}.layer_norm"),
        heads=read.stacked([f"lm_heads.{k}" for k in range(config.num_codebooks)]),
        activation=ACT2FN[config.activation_function],
        attention_heads=config.num_attention_heads,
        codebooks=config.num_codebooks,
        vocabulary=config.vocab_size,
    )


def _positions(decoder: MusicgenForCausalLM, positions: int) -> Tensor:
    embedding = decoder.model.decoder.embed_positions
    if positions > embedding.weights.shape[0]:
        embedding.make_weights(positions, embedding.embedding_dim)
    weight = decoder.lm_heads[0].weight
    return embedding.weights[:positions].detach().to(weight.device, weight.dtype)


def _layer(read: _Reader, name: str) -> LayerWeights:
    attention, cross = f"{name}.self_attn", f"{name}.encoder_attn"
    return LayerWeights(
        self_norm=read.norm(f"{name}.self_attn_layer_norm"),
        qkv=read.stacked([f"{attention}.{p}_proj" for p in "qkv"]),
        self_out=read.matrix(f"{attention}.out_proj"),
        cross_norm=read.norm(f"{name}.encoder_attn_layer_norm"),
        cross_query=read.matrix(f"{cross}.q_proj"),
        cross_key=read.matrix(f"{cross}.k_proj"),
        cross_value=read.matrix(f"{cross}.v_proj"),
        cross_out=read.matrix(f"{cross}.out_proj"),
        ffn_norm=read.norm(f"{name}.final_layer_norm"),
        ffn_in=read.matrix(f"{name}.fc1"),
        ffn_out=read.matrix(f"{name}.fc2"),
    )


class _Reader:
    """Looks up weights by module name and adds the adapters' deltas."""

    def __init__(self, decoder: MusicgenForCausalLM, deltas: Deltas) -> None:
        self._decoder = decoder
        self._deltas = deltas

    def matrix(self, name: str) -> Tensor:
        weight = self._decoder.get_submodule(name).weight.detach()
        delta = self._deltas.get(name)
        return weight if delta is None else weight + delta.to(weight.device, weight.dtype)

    def stacked(self, names: list[str]) -> Tensor:
        parts = [self.matrix(name) for name in names]
        rows = sum(part.shape[0] for part in parts)
        if all(_follows(before, after) for before, after in pairwise(parts)):
            return torch.as_strided(parts[0], (rows, parts[0].shape[1]), parts[0].stride())
        return torch.cat(parts)

    def norm(self, name: str) -> Norm:
        module = self._decoder.get_submodule(name)
        return Norm(module.weight.detach(), module.bias.detach(), module.eps)


def _follows(before: Tensor, after: Tensor) -> bool:
    """Whether `after` lies directly behind `before` in the same storage."""
    same = before.untyped_storage().data_ptr() == after.untyped_storage().data_ptr()
    return same and after.storage_offset() == before.storage_offset() + before.numel()
