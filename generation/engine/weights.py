"""The decoder's weights in the layout the decode loop wants.

Query, key and value projections of a layer, the embeddings of all codebooks and the heads of all
codebooks are each joined in one tensor, so that one kernel does the work of several. Matrices are stored
`[in, out]`, which products with few rows read faster. The model's own parameters become views of the joined
tensors: nothing is stored twice, and the `transformers` model goes on working.

Adapters never touch these tensors. In float32 their changes are added to copies of the weights concerned, and a step
costs no more than the base's. In bfloat16 and float16 they stay apart, as a low-rank branch beside the matrix: a gently
trained LoRA moves a weight by less than half of its last bit there, and added to the rounded weight most of the change
would be gone (of a change of 0.0005 of the weight's size about a third is kept). Only embedding tables that adapters
change are copied, in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import pad
from transformers import MusicgenForCausalLM
from transformers.activations import ACT2FN

RANK_MULTIPLE = 8
"""Ranks are filled up with zeros to a multiple of this, for which matrix libraries have their fast kernels."""


@dataclass(frozen=True, slots=True)
class LowRank:
    """A change of a weight as `left` `[rows, r]` times `right` `[r, columns]`, both float32, scaled as it is applied.

    Rows and columns are those of the module's own weight: `[out, in]` for linear layers, `[entries, H]` for tables.
    """

    left: Tensor
    right: Tensor

    def product(self) -> Tensor:
        """The change of the weight itself, float32."""
        return self.left @ self.right

    def beside(self, other: LowRank) -> LowRank:
        """The sum of both: their ranks side by side."""
        return LowRank(torch.cat([self.left, other.left], dim=1), torch.cat([self.right, other.right]))

    def to(self, device: torch.device) -> LowRank:
        return LowRank(self.left.to(device), self.right.to(device))


@dataclass(frozen=True, slots=True)
class Projection:
    """The map `[N, in]` to `[N, out]`: rows times `matrix` `[in, out]`, plus rows times `down` times `up` if given.

    y = x W + (x A) B, Hu et al., "LoRA" (2021).
    """

    matrix: Tensor
    down: Tensor | None = None
    up: Tensor | None = None

    def __call__(self, rows: Tensor) -> Tensor:
        if self.down is None or self.up is None:
            return torch.mm(rows, self.matrix)
        # The branch is rounded to its own, small size; `addmm` adds both in float32 and rounds the sum once.
        return torch.addmm(torch.mm(torch.mm(rows, self.down), self.up), rows, self.matrix)


@dataclass(frozen=True, slots=True)
class Norm:
    """Scale, shift `[H]` and epsilon of a layer normalisation."""

    weight: Tensor
    bias: Tensor
    eps: float


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """One decoder layer; `qkv` gives queries, keys and values side by side, `[N, H]` to `[N, 3H]`."""

    self_norm: Norm
    qkv: Projection
    self_out: Projection
    cross_norm: Norm
    cross_query: Projection
    cross_key: Projection
    cross_value: Projection
    cross_out: Projection
    ffn_norm: Norm
    ffn_in: Projection
    ffn_out: Projection


@dataclass(frozen=True, slots=True)
class DecoderWeights:
    """All of the decoder: `embeddings` `[K (V + 1), H]`, `positions` `[P, H]`, `heads` `[N, H]` to `[N, K V]`.

    Embeddings that an adapter changes are float32, whatever the `dtype` of the rest.
    """

    embeddings: Tensor
    positions: Tensor
    layers: Sequence[LayerWeights]
    final_norm: Norm
    heads: Projection
    activation: Callable[[Tensor], Tensor]
    attention_heads: int
    codebooks: int
    vocabulary: int

    @property
    def device(self) -> torch.device:
        return self.positions.device

    @property
    def dtype(self) -> torch.dtype:
        """The precision of activations."""
        return self.positions.dtype

    @property
    def hidden_size(self) -> int:
        return self.positions.shape[1]

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


def read_weights(
    decoder: MusicgenForCausalLM,
    positions: int,
    changes: Mapping[str, LowRank] | None = None,
    dtype: torch.dtype | None = None,
) -> DecoderWeights:
    """The decoder's weights for `positions` positions, with `changes` (by module name) applied.

    All that does not change is a view of the model's parameters, which `join_parameters` must have prepared. In another
    `dtype` than theirs, each layer is converted when it is read, and not kept: slow, but little memory.
    """
    read = _Reader(decoder, changes or {}, dtype)
    config = decoder.config
    body = "model.decoder"
    layers = _Layers(read, [f"{body}.layers.{i}" for i in range(config.num_hidden_layers)])
    return DecoderWeights(
        embeddings=read.table([f"{body}.embed_tokens.{k}" for k in range(config.num_codebooks)]),
        positions=read.positions(positions),
        layers=layers if read.converts else tuple(layers),
        final_norm=read.norm(f"{body}.layer_norm"),
        heads=read.projection([f"lm_heads.{k}" for k in range(config.num_codebooks)]),
        activation=ACT2FN[config.activation_function],
        attention_heads=config.num_attention_heads,
        codebooks=config.num_codebooks,
        vocabulary=config.vocab_size,
    )


class _Layers(Sequence[LayerWeights]):
    """Layers that are read anew each time they are looked at."""

    def __init__(self, read: _Reader, names: list[str]) -> None:
        self._read, self._names = read, names

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, index: int) -> LayerWeights:  # type: ignore[override]  # takes no slices
        return _layer(self._read, self._names[index])


def _layer(read: _Reader, name: str) -> LayerWeights:
    attention, cross = f"{name}.self_attn", f"{name}.encoder_attn"
    return LayerWeights(
        self_norm=read.norm(f"{name}.self_attn_layer_norm"),
        qkv=read.projection([f"{attention}.{p}_proj" for p in "qkv"]),
        self_out=read.projection([f"{attention}.out_proj"]),
        cross_norm=read.norm(f"{name}.encoder_attn_layer_norm"),
        cross_query=read.projection([f"{cross}.q_proj"]),
        cross_key=read.projection([f"{cross}.k_proj"]),
        cross_value=read.projection([f"{cross}.v_proj"]),
        cross_out=read.projection([f"{cross}.out_proj"]),
        ffn_norm=read.norm(f"{name}.final_layer_norm"),
        ffn_in=read.projection([f"{name}.fc1"]),
        ffn_out=read.projection([f"{name}.fc2"]),
    )


class _Reader:
    """Looks up weights by module name and applies the adapters' changes."""

    def __init__(
        self, decoder: MusicgenForCausalLM, changes: Mapping[str, LowRank], dtype: torch.dtype | None = None
    ) -> None:
        self._decoder = decoder
        self._changes = changes
        own = decoder.lm_heads[0].weight.dtype
        self._dtype = dtype or own
        self.converts = self._dtype != own

    def positions(self, count: int) -> Tensor:
        """The position table, `[count, H]`."""
        table = self._decoder.model.decoder.embed_positions
        if count > table.weights.shape[0]:
            table.make_weights(count, table.embedding_dim)
        weights: Tensor = table.weights[:count]
        return weights.detach().to(self._decoder.lm_heads[0].weight.device, self._dtype)

    def _weight(self, name: str) -> Tensor:
        weight: Tensor = self._decoder.get_submodule(name).weight
        return weight.detach().to(self._dtype)

    def _changed(self, name: str) -> Tensor:
        """The weight in float32 or better, changed."""
        weight, change = self._weight(name), self._changes.get(name)
        exact = weight if is_exact(weight.dtype) else weight.float()
        return exact if change is None else exact + change.to(weight.device).product()

    def projection(self, names: list[str]) -> Projection:
        """Projections side by side."""
        weights = [self._weight(name) for name in names]
        changes = [self._changes.get(name) for name in names]
        if is_exact(weights[0].dtype):  # the sum loses nothing, and multiplies as fast as the base
            return Projection(_whole([self._changed(name).t() for name in names], dim=1))
        matrix = _whole([weight.t() for weight in weights], dim=1)
        if all(change is None for change in changes):
            return Projection(matrix)
        return with_branch(matrix, [len(weight) for weight in weights], changes)

    def table(self, names: list[str]) -> Tensor:
        """Embedding tables one under the other, `[sum of entries, H]`."""
        read = self._changed if any(name in self._changes for name in names) else self._weight
        return _whole([read(name) for name in names], dim=0)

    def norm(self, name: str) -> Norm:
        module = self._decoder.get_submodule(name)
        weight, bias = (each.detach().to(self._dtype) for each in (module.weight, module.bias))
        return Norm(weight, bias, module.eps)


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


def is_exact(dtype: torch.dtype) -> bool:
    """Whether a weight in `dtype` has room for the small changes of an adapter."""
    return torch.finfo(dtype).bits >= 32


def with_branch(matrix: Tensor, widths: Sequence[int], changes: Sequence[LowRank | None]) -> Projection:
    """`matrix`, which is projections of `widths` outputs side by side, with the change of each kept apart."""
    nothing = [LowRank(torch.zeros(width, 0), torch.zeros(0, len(matrix))) for width in widths]
    pairs = [_balanced(each or none).to(matrix.device) for each, none in zip(changes, nothing, strict=True)]
    down = torch.cat([pair.right.t() for pair in pairs], dim=1)
    up = torch.block_diag(*(pair.left.t() for pair in pairs))
    missing = -down.shape[1] % RANK_MULTIPLE
    down, up = pad(down, (0, missing)), pad(up, (0, 0, 0, missing))
    return Projection(matrix, down.to(matrix.dtype).contiguous(), up.to(matrix.dtype).contiguous())


def _balanced(change: LowRank) -> LowRank:
    """The same product with both factors of each rank equally large: float16 has no room for very small numbers."""
    left, right = change.left.norm(dim=0), change.right.norm(dim=1)
    scale = (right / left).sqrt()
    scale = torch.where(torch.isfinite(scale) & (scale > 0), scale, torch.ones_like(scale))
    return LowRank(change.left * scale, change.right / scale.unsqueeze(1))
