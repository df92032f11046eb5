"""One forward pass of the MusicGen decoder, written for decoding: static cache, no padding, no masks.

Rows are ordered `[conditional rows][unconditional rows]`. The unconditional branch of classifier-free guidance sees an
encoder whose states are all zero. Since the projections carry no bias its cross-attention is exactly zero, and it is
left out.

Matrix products run on a row count rounded up to a *row quantum*: libraries choose other kernels for the odd rows at the
end, and a clip would then depend, in its last bits, on how many others are in the batch. `row_quantum` finds by
measurement the smallest quantum that keeps a row's result bit for bit the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import layer_norm

from generation.engine.attention import SelfAttentionCache, TextAttention, attend, project, round_up
from generation.engine.weights import DecoderWeights, LayerWeights, Norm

PREFILL_CHUNK = 256
QUANTA = (4, 8, 16)


def row_quantum(weights: DecoderWeights) -> int | None:
    """Smallest row count whose multiples all give a row the same result bit for bit; None if there is none."""
    layer = weights.layers[0]
    used = (layer.qkv, layer.self_out, layer.ffn_in, layer.ffn_out, weights.heads)
    matrices = {projection.matrix.shape: projection.matrix for projection in used}
    generator = torch.Generator().manual_seed(0)
    for quantum in QUANTA:
        if all(_rows_agree(matrix, quantum, generator) for matrix in matrices.values()):
            return quantum
    return None


def _rows_agree(matrix: Tensor, quantum: int, generator: torch.Generator) -> bool:
    most = 4 * QUANTA[-1]
    rows = torch.randn(most, matrix.shape[0], generator=generator).to(matrix.device, matrix.dtype)
    whole = torch.mm(rows, matrix)
    counts = (quantum, 2 * quantum, 3 * quantum, most // 2 - quantum, most - quantum)
    return all(torch.equal(torch.mm(rows[:count], matrix), whole[:count]) for count in counts)


def normalise(hidden: Tensor, norm: Norm) -> Tensor:
    """Layer normalisation over the last dimension."""
    return layer_norm(hidden, norm.weight.shape, norm.weight, norm.bias, norm.eps)


class BatchDecoder:
    """The decoder with the state of one batch: C conditional rows, of which the first U also run unconditionally.

    A GPU graph of `step` would need attention over a fixed length with a mask; everything else here already has fixed
    addresses between two calls of `keep`.
    """

    def __init__(
        self, weights: DecoderWeights, texts: Sequence[Tensor], unconditional: int, positions: int, quantum: int
    ) -> None:
        """`texts` holds the states `[L, H]` of the C conditional rows; `positions` bounds every later position."""
        self._weights = weights
        self._quantum = quantum
        self._cache = SelfAttentionCache(weights, len(texts) + unconditional, positions)
        offsets = torch.arange(weights.codebooks, device=weights.device) * (weights.vocabulary + 1)
        self._offsets = offsets
        self._arrange(texts, unconditional)

    def _arrange(self, texts: Sequence[Tensor], unconditional: int) -> None:
        self._texts = list(texts)
        self._conditional, self._unconditional = len(texts), unconditional
        self._rows = self._conditional + unconditional
        self._text_attention = TextAttention(self._weights, texts, self._quantum)
        like, hidden = self._weights.positions, self._weights.hidden_size
        padded = round_up(self._rows, self._quantum)
        self._text_rows = round_up(self._conditional, self._quantum)
        self._self_out = like.new_zeros(padded, hidden)
        self._text_out = like.new_zeros(self._text_rows, hidden)

    def keep(self, kept: Sequence[int], length: int) -> None:
        """Drop all conditional rows but `kept` (ascending) and their partners; `length` positions are used."""
        unconditional = [self._conditional + row for row in kept if row < self._unconditional]
        rows = torch.tensor([*kept, *unconditional], device=self._offsets.device)
        self._cache.keep(rows, length)
        self._arrange([self._texts[row] for row in kept], len(unconditional))

    @torch.inference_mode()
    def step(self, tokens: Tensor, position: int) -> tuple[Tensor, Tensor]:
        """Logits after `tokens` int64 `[C, K]` at `position`: conditional `[C, K, V]`, unconditional `[U, K, V]`."""
        weights = self._weights
        hidden = self._embed(tokens, position)
        for index, layer in enumerate(weights.layers):
            self._self_attention(hidden, layer, index, position)
            self._cross_attention(hidden, layer, index)
            self._feed_forward(hidden, layer)
        logits = weights.heads(normalise(hidden, weights.final_norm))
        logits = logits.view(-1, weights.codebooks, weights.vocabulary)
        return logits[: self._conditional], logits[self._conditional : self._rows]

    def _embed(self, tokens: Tensor, position: int) -> Tensor:
        vectors = self._weights.embeddings[tokens + self._offsets].sum(dim=1) + self._weights.positions[position]
        hidden = torch.zeros_like(self._self_out)
        hidden[: self._conditional] = vectors
        hidden[self._conditional : self._rows] = vectors[: self._unconditional]
        return hidden

    def _self_attention(self, hidden: Tensor, layer: LayerWeights, index: int, position: int) -> None:
        weights, rows = self._weights, self._rows
        qkv = layer.qkv(normalise(hidden, layer.self_norm))
        qkv = qkv[:rows].view(rows, 3, weights.attention_heads, weights.head_size)
        self._cache.write(index, position, qkv[:, 1:])
        key, value = self._cache.read(index, position + 1)
        query = qkv[:, 0].reshape(-1, 1, weights.head_size)
        self._self_out[:rows] = attend(query, key, value).view(rows, -1)
        hidden += layer.self_out(self._self_out)

    def _cross_attention(self, hidden: Tensor, layer: LayerWeights, index: int) -> None:
        rows = hidden[: self._text_rows]
        query = layer.cross_query(normalise(rows, layer.cross_norm))
        self._text_attention.read(index, query, self._text_out)
        rows += layer.cross_out(self._text_out)

    def _feed_forward(self, hidden: Tensor, layer: LayerWeights) -> None:
        inner = self._weights.activation(layer.ffn_in(normalise(hidden, layer.ffn_norm)))
        hidden += layer.ffn_out(inner)

    @torch.inference_mode()
    def prefill(self, row: int, tokens: Tensor) -> None:
        """Fill the cache of conditional row `row`, and of its unconditional row, with `tokens` `[K, P]` from 0 on.

        Each row is run on its own, so that its cache does not depend on its neighbours.
        """
        for start in range(0, tokens.shape[1], PREFILL_CHUNK):
            chunk = tokens[:, start : start + PREFILL_CHUNK]
            self._prefill_chunk(row, chunk, start, self._texts[row])
            if row < self._unconditional:
                self._prefill_chunk(self._conditional + row, chunk, start, None)

    def _prefill_chunk(self, cache_row: int, tokens: Tensor, start: int, text: Tensor | None) -> None:
        weights, count = self._weights, tokens.shape[1]
        positions = weights.positions[start : start + count]
        hidden = weights.positions.new_zeros(round_up(count, self._quantum), weights.hidden_size)
        hidden[:count] = weights.embeddings[tokens.T + self._offsets].sum(dim=1) + positions
        for index, layer in enumerate(weights.layers):
            hidden += self._prefill_self(hidden, layer, index, cache_row, start, count)
            if text is not None and len(text):
                hidden += self._prefill_cross(hidden, layer, text)
            self._feed_forward(hidden, layer)

    def _prefill_self(
        self, hidden: Tensor, layer: LayerWeights, index: int, row: int, start: int, count: int
    ) -> Tensor:
        qkv = layer.qkv(normalise(hidden, layer.self_norm))
        qkv = qkv.view(-1, 3, self._weights.attention_heads, self._weights.head_size)
        key, value = self._cache.write_row(index, row, start, qkv[:count, 1:])
        later = torch.ones(count, start + count, dtype=torch.bool, device=hidden.device).triu(start + 1)
        attended = attend(qkv[:count, 0].transpose(0, 1), key, value, later)
        out = torch.zeros_like(hidden)
        out[:count] = attended.transpose(0, 1).reshape(count, -1)
        return layer.self_out(out)

    def _prefill_cross(self, hidden: Tensor, layer: LayerWeights, text: Tensor) -> Tensor:
        query = layer.cross_query(normalise(hidden, layer.cross_norm))
        keys, values = (project(text, each, self._quantum) for each in (layer.cross_key, layer.cross_value))
        heads = (self._weights.attention_heads, -1)
        split = [part.unflatten(-1, heads).transpose(0, 1) for part in (query, keys, values)]
        return layer.cross_out(attend(*split).transpose(0, 1).flatten(1))
