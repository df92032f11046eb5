"""One pass of the MusicGen decoder, written for decoding: one position at a time, static cache, no padding, no masks.

`BatchDecoder.step` is the whole of it; what it uses follows in the order of use, and `prefill`, which reads many known
positions at once, stands beside it. Rows are ordered `[conditional rows][unconditional rows]`: guidance needs the
logits of a clip with its text and without.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import torch
from torch import Tensor
from torch.nn.functional import layer_norm, pad, scaled_dot_product_attention

from generation.engine.weights import DecoderWeights, LayerWeights, Norm, Projection

PREFILL_CHUNK = 256
QUANTA = (4, 8, 16)


class BatchDecoder:
    """The decoder with the state of one batch: C conditional rows, of which the first U also run unconditionally.

    A GPU graph of `step` would need attention over a fixed length with a mask; everything else here already has fixed
    addresses between two calls of `keep`.
    """

    def __init__(
        self, weights: DecoderWeights, texts: Sequence[Tensor], unconditional: int, positions: int, quantum: int
    ) -> None:
        """`texts` holds the states `[L, H]` of the C conditional rows; `positions` bounds every later position.

        Products run on multiples of `quantum` rows, see `row_quantum`.
        """
        self._weights = weights
        self._quantum = quantum
        self._cache = SelfAttentionCache(weights, len(texts) + unconditional, positions)
        self._offsets = torch.arange(weights.codebooks, device=weights.device) * (weights.vocabulary + 1)
        self._arrange(texts, unconditional)

    def _arrange(self, texts: Sequence[Tensor], unconditional: int) -> None:
        """Derive what depends on which rows are in the batch."""
        self._texts = list(texts)
        self._conditional, self._unconditional = len(texts), unconditional
        self._rows = self._conditional + unconditional
        self._text_attention = TextAttention(self._weights, texts, self._quantum)
        like, hidden = self._weights.positions, self._weights.hidden_size
        # Products run on more rows than there are. Libraries choose other kernels for the odd rows at the end, and a
        # clip would then depend, in its last bits, on how many others are beside it. Nobody reads the rows in excess.
        padded = round_up(self._rows, self._quantum)
        self._text_rows = round_up(self._conditional, self._quantum)
        self._self_out = like.new_zeros(padded, hidden)
        self._text_out = like.new_zeros(self._text_rows, hidden)

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
        """What enters the first layer. Both rows of a clip read the same codes; only the text tells them apart."""
        # The tables of all codebooks stand one under the other, hence the offsets.
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
        # No mask: what is stored so far is the past and this position, and all of it may be seen.
        key, value = self._cache.read(index, position + 1)
        query = qkv[:, 0].reshape(-1, 1, weights.head_size)
        self._self_out[:rows] = attend(query, key, value).view(rows, -1)
        hidden += layer.self_out(self._self_out)

    def _cross_attention(self, hidden: Tensor, layer: LayerWeights, index: int) -> None:
        # Without text the encoder's states are zeros. The projections have no bias, so keys, values and the outcome are
        # zeros too: unconditional rows are left out. A few may fill up the quantum; zeros are added to them.
        rows = hidden[: self._text_rows]
        query = layer.cross_query(normalise(rows, layer.cross_norm))
        self._text_attention.read(index, query, self._text_out)
        rows += layer.cross_out(self._text_out)

    def _feed_forward(self, hidden: Tensor, layer: LayerWeights) -> None:
        inner = self._weights.activation(layer.ffn_in(normalise(hidden, layer.ffn_norm)))
        hidden += layer.ffn_out(inner)

    def keep(self, kept: Sequence[int], length: int) -> None:
        """Drop all conditional rows but `kept` (ascending) and their partners; `length` positions are used."""
        unconditional = [self._conditional + row for row in kept if row < self._unconditional]
        rows = torch.tensor([*kept, *unconditional], device=self._offsets.device)
        self._cache.keep(rows, length)
        self._arrange([self._texts[row] for row in kept], len(unconditional))

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


class SelfAttentionCache:
    """Keys and values of all layers for a fixed number of rows and positions.

    All room is taken once, because a cache that grows by joining copies everything it holds at every step. Storage per
    layer is `[2, rows, heads, positions, D]`; reading a layer gives views, never copies.
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
    """Cross-attention of a batch of rows to their own texts.

    A text does not change from step to step, so its keys and values are computed once, and anew only when rows leave
    the batch. Neighbouring rows whose texts have the same length are attended to together, so there is no padding and
    no mask, and a text's length cannot influence another row. A text without any token contributes nothing.
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


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
    """Scaled dot-product attention; `[N, Q, D]`, `[N, S, D]`, `[N, S, D]` to `[N, Q, D]`, N = rows x heads.

    `mask` `[Q, S]` is True where a query must not look. Vaswani et al., "Attention Is All You Need" (2017).
    """
    # A GPU takes the fused kernel. On a CPU it would split a single query over threads, and the last bits would change
    # with their number. Written out, each row and head is a small product of its own, whatever else is in the batch.
    if query.is_cuda:
        seen = None if mask is None else ~mask
        return scaled_dot_product_attention(query, key, value, attn_mask=seen)
    scores = torch.bmm(query * query.shape[-1] ** -0.5, key.transpose(1, 2))
    if mask is not None:
        scores.masked_fill_(mask, float("-inf"))
    return torch.bmm(torch.softmax(scores, dim=-1), value)


def normalise(hidden: Tensor, norm: Norm) -> Tensor:
    """Layer normalisation over the last dimension."""
    return layer_norm(hidden, norm.weight.shape, norm.weight, norm.bias, norm.eps)


def round_up(count: int, quantum: int) -> int:
    """The next multiple of `quantum`."""
    return -(-count // quantum) * quantum


def project(rows: Tensor, projection: Projection, quantum: int) -> Tensor:
    """`projection` of `rows` `[N, in]`, computed on a row count that is a multiple of `quantum`."""
    missing = round_up(len(rows), quantum) - len(rows)
    return projection(pad(rows, (0, 0, 0, missing)))[: len(rows)]


def row_quantum(weights: DecoderWeights) -> int | None:
    """Smallest row count whose multiples all give a row the same result bit for bit; None if there is none.

    Found by measuring, since it is the matrix library's own choice and differs from machine to machine.
    """
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
