"""The decoder's weights in the layout the decode loop wants.

Query, key and value projections of a layer, the embeddings of all codebooks and the heads of all
codebooks are each joined in one tensor, so that one kernel does the work of several. Matrices are stored
`[in, out]`, which products with few rows read faster. The model's own parameters become views of the joined
tensors: nothing is stored twice, and the `transformers` model goes on working.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
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
    """One decoder layer; matrices are `[in, out]`, `qkv` is `[H, 3H]`."""

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
    """All of the decoder: `embeddings` `[K (V + 1), H]`, `positions` `[P, H]`, `heads` `[H, K V]`."""

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
        return self.heads.shape[0]

    @property
    def head_size(self) -> int:
        return self.hidden_size // self.attention_heads


def join_parameters(decoder: MusicgenForCausalLM) -> None:
    """Move the decoder's parameters into the layout described above, in place."""
    body = decoder.model.decoder
    for layer in body.layers:
        own, text = layer.self_attn, layer.encoder_attn
        _join([own.q_proj, own.k_proj, own.v_proj])
        for module in (own.out_proj, text.q_proj, text.k_proj, text.v_proj, text.out_proj, layer.fc1, layer.fc2):
            _join([module])
    _join(list(decoder.lm_heads))
    embeddings = torch.cat([table.weight.detach() for table in body.embed_tokens])
    _replace(body.embed_tokens, embeddings.split([table.weight.shape[0] for table in body.embed_tokens]))


def _join(modules: Sequence[nn.Linear]) -> None:
    joined = torch.cat([module.weight.detach().t() for module in modules], dim=1)
    parts = joined.split([module.weight.shape[0] for module in modules], dim=1)
    _replace(modules, [part.t() for part in parts])


def _replace(modules: Iterable[nn.Module], weights: Iterable[Tensor]) -> None:
    for module, weight in zip(modules, weights, strict=True):
        module.weight = nn.Parameter(weight, requires_grad=False)


def read_weights(decoder: MusicgenForCausalLM, positions: int, deltas: Deltas | None = None) -> DecoderWeights:
    """The decoder's weights for `positions` positions, with `deltas` (by module name) added to copies of them.

    Without deltas every tensor is a view of the model's parameters, which `join_parameters` must have
    prepared.
    """
    read = _Reader(decoder, deltas or {})
    config = decoder.config
    body = "model.decoder"
    return DecoderWeights(
        embeddings=read.table([f"{body}.embed_tokens.{k}" for k in range(config.num_codebooks)]),
        positions=_positions(decoder, positions),
        layers=tuple(_layer(read, f"{body}.layers.{i}") for i in range(config.num_hidden_layers)),
        final_norm=read.norm(f"{body}.layer_norm"),
        heads=read.matrix([f"lm_heads.{k}" for k in range(config.num_codebooks)]),
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
        qkv=read.matrix([f"{attention}.{p}_proj" for p in "qkv"]),
        self_out=read.matrix([f"{attention}.out_proj"]),
        cross_norm=read.norm(f"{name}.encoder_attn_layer_norm"),
        cross_query=read.matrix([f"{cross}.q_proj"]),
        cross_key=read.matrix([f"{cross}.k_proj"]),
        cross_value=read.matrix([f"{cross}.v_proj"]),
        cross_out=read.matrix([f"{cross}.out_proj"]),
        ffn_norm=read.norm(f"{name}.final_layer_norm"),
        ffn_in=read.matrix([f"{name}.fc1"]),
        ffn_out=read.matrix([f"{name}.fc2"]),
    )


class _Reader:
    """Looks up weights by module name and adds the adapters' deltas."""

    def __init__(self, decoder: MusicgenForCausalLM, deltas: Deltas) -> None:
        self._decoder = decoder
        self._deltas = deltas

    def _weight(self, name: str) -> Tensor:
        weight = self._decoder.get_submodule(name).weight.detach()
        delta = self._deltas.get(name)
        return weight if delta is None else weight + delta.to(weight.device, weight.dtype)

    def matrix(self, names: list[str]) -> Tensor:
        """Projections side by side, `[in, sum of out]`."""
        parts = [self._weight(name).t() for name in names]
        return _whole(parts, dim=1)

    def table(self, names: list[str]) -> Tensor:
        """Embedding tables one under the other, `[sum of entries, H]`."""
        return _whole([self._weight(name) for name in names], dim=0)

    def norm(self, name: str) -> Norm:
        module = self._decoder.get_submodule(name)
        return Norm(module.weight.detach(), module.bias.detach(), module.eps)


def _whole(parts: list[Tensor], dim: int) -> Tensor:
    """The parts joined along `dim`: the tensor they are views of, if they are, or else a copy."""
    first, size = parts[0], sum(part.shape[dim] for part in parts)
    if all(_follows(before, after, dim) for before, after in pairwise(parts)) and first.stride(-1) == 1:
        shape = (size, first.shape[1]) if dim == 0 else (first.shape[0], size)
        return first.as_strided(shape, first.stride())
    return torch.cat(parts, dim=dim).contiguous()


def _follows(before: Tensor, after: Tensor, dim: int) -> bool:
    """Whether `after` continues `before` along `dim` in the same storage."""
    same = before.untyped_storage().data_ptr() == after.untyped_storage().data_ptr()
    distance = before.shape[dim] * before.stride(dim)
    return same and before.stride() == after.stride() and after.storage_offset() == before.storage_offset() + distance
