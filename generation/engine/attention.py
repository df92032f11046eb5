"""Attention for decoding one position at a time, and the caches it reads.

On a CPU the products are written out as batched matrix multiplications: one small product per row and head, whose
result cannot depend on what else is in the batch or on the number of threads (`scaled_dot_product_attention` splits a
single query over threads and so changes in the last bits). On a GPU the fused kernel is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import torch
from torch import Tensor
from torch.nn.functional import pad, scaled_dot_product_attention

from generation.engine.projections import Projection
from generation.engine.weights import DecoderWeights


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
    """Scaled dot-product attention; `[N, Q, D]`, `[N, S, D]`, `[N, S, D]` to `[N, Q, D]`, N = rows x heads.

    `mask` `[Q, S]` is True where a query must not look. Vaswani et al., "Attention Is All You Need" (2017).
    """
    if query.is_cuda:
        seen = None if mask is None else ~mask
        return scaled_dot_product_attention(query, key, value, attn_mask=seen)
    scores = torch.bmm(query * query.shape[-1] ** -0.5, key.transpose(1, 2))
    if mask is not None:
        scores.masked_fill_(mask, float("-inf"))
    return torch.bmm(torch.softmax(scores, dim=-1), value)


def round_up(count: int, quantum: int) -> int:
    """The next multiple of `quantum`."""
    return -(-count // quantum) * quantum


def project(rows: Tensor, projection: Projection, quantum: int) -> Tensor:
    """`projection` of `rows` `[N, in]`, computed on a row count that is a multiple of `quantum`."""
    missing = round_up(len(rows), quantum) - len(rows)
    return projection(pad(rows, (0, 0, 0, missing)))[: len(rows)]


class SelfAttentionCache:
    """Keys and values of all layers for a fixed number of rows and positions, allocated once.

    Storage per layer is `[2, rows, heads, positions, D]`; reading a layer gives views, never copies.
    """

    def __init__(self, weights: DecoderWeights, rows: int, positions: int) -> None:
        shape = (2, rows, weights.attention_heads, positions, weights.head_size)
        self._store = [torch.empty(shape, dtype=weights.dtype, device=weights.device) for _ in weights.layers]
        self._set_rows(rows)

    def _set_rows(self, rows: int) -> None:
        self._rows = rows
        self._keys = [store[0, :rows].flatten(0, 1) for store in self._store]
        self._values = [store[1, :rows].flatten(0, 1) for store in self._store]

    def write(self, layer: int, position: int, key_value: Tensor) -> None:
        """Store `key_value` `[rows, 2, heads, D]` of one position."""
        self._store[layer][:, : self._rows, :, position] = key_value.transpose(0, 1)

    def write_row(self, layer: int, row: int, start: int, key_value: Tensor) -> tuple[Tensor, Tensor]:
        """Store `[Q, 2, heads, D]` of one row from `start` on; returns its keys and values so far, `[heads, S, D]`."""
        end = start + key_value.shape[0]
        self._store[layer][:, row, :, start:end] = key_value.permute(1, 2, 0, 3)
        return self._store[layer][0, row, :, :end], self._store[layer][1, row, :, :end]

    def read(self, layer: int, length: int) -> tuple[Tensor, Tensor]:
        """Keys and values of the first `length` positions, each `[rows x heads, length, D]`."""
        return self._keys[layer][:, :length], self._values[layer][:, :length]

    def keep(self, rows: Tensor, length: int) -> None:
        """Keep only `rows` (their indices, in the new order), moved to the front; `length` positions are in use."""
        count = rows.shape[0]
        for store in self._store:
            store[:, :count, :, :length] = store[:, rows, :, :length]
        self._set_rows(count)


class TextAttention:
    """Cross-attention of a batch of rows to their own texts; keys and values are computed once.

    Neighbouring rows whose texts have the same length are attended to together, so there is no padding and no mask, and
    a text's length cannot influence another row. A text without any token contributes nothing.
    """

    def __init__(self, weights: DecoderWeights, states: Sequence[Tensor], quantum: int) -> None:
        """`states` holds each row's text states `[L, H]`, as the decoder receives them."""
        self._quantum = quantum
        self._heads = weights.attention_heads
        self._groups: list[tuple[int, int, list[tuple[Tensor, Tensor]]]] = []
        start = 0
        for length, group in groupby(states, key=len):
            members = list(group)
            if length:
                self._groups.append((start, start + len(members), self._project(weights, members)))
            start += len(members)

    def _project(self, weights: DecoderWeights, states: list[Tensor]) -> list[tuple[Tensor, Tensor]]:
        distinct = {id(state): state for state in states}
        return [
            (self._split(distinct, layer.cross_key, states), self._split(distinct, layer.cross_value, states))
            for layer in weights.layers
        ]

    def _split(self, distinct: dict[int, Tensor], projection: Projection, states: list[Tensor]) -> Tensor:
        projected = {key: project(state, projection, self._quantum) for key, state in distinct.items()}
        rows = torch.stack([projected[id(state)] for state in states])
        split: Tensor = rows.unflatten(-1, (self._heads, -1))
        return split.transpose(1, 2).flatten(0, 1).contiguous()

    def read(self, layer: int, query: Tensor, out: Tensor) -> None:
        """Attend with `query` `[rows, H]` and write into `out` `[rows, H]`; rows without text are left as they are."""
        for start, end, layers in self._groups:
            key, value = layers[layer]
            split = query[start:end].reshape(key.shape[0], 1, key.shape[2])
            out[start:end] = attend(split, key, value).view(end - start, -1)
