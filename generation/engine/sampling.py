"""Drawing the next codes of many clips at once, each by its own settings and its own random numbers.

A draw is the argmax of filtered log-probabilities plus Gumbel noise (Gumbel 1954; "Gumbel-max trick"), which is exact
sampling from the softmax. It is preferred to inverting the cumulative distribution because it is far less sensitive to
rounding: noise of 1e-6 in the logits flips a draw only where the two best candidates are closer than that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from generation.specs import SamplingSpec

NEGATIVE_INFINITY = float("-inf")


class NoiseStream:
    """Gumbel noise of one clip. A seed alone fixes the stream, on any machine and for any batch."""

    def __init__(self, seed: int, codebooks: int, vocabulary: int) -> None:
        self._generator = np.random.Generator(np.random.PCG64(seed))
        self._shape = (codebooks, vocabulary)

    def draw(self, steps: int) -> Tensor:
        """The next `steps` steps of noise, float64 `[steps, K, V]`."""
        uniform = torch.from_numpy(self._generator.random((steps, *self._shape)))
        return uniform.log_().neg_().log_().neg_()


class Sampler:
    """The sampling settings of a batch of clips, as tensors.

    `allowed` is the number of leading vocabulary entries that are codes; entries after it (padding and other special
    tokens) are never drawn.
    """

    def __init__(self, settings: Sequence[SamplingSpec], allowed: int, device: torch.device) -> None:
        temperature = [1.0 if s.greedy else s.temperature for s in settings]
        self._temperature = torch.tensor(temperature, dtype=torch.float64, device=device).view(-1, 1, 1)
        self._top_k = _rows_by_value([0 if s.greedy else s.top_k for s in settings], device)
        self._top_p = _rows_by_value([0.0 if s.greedy else s.top_p for s in settings], device)
        self._greedy = torch.tensor([s.greedy for s in settings], device=device).view(-1, 1, 1)
        self._any_greedy = any(s.greedy for s in settings)
        self._allowed = allowed

    def draw(self, logits: Tensor, noise: Tensor) -> Tensor:
        """Codes int64 `[R, K]` from guided `logits` `[R, K, V]` and float64 `noise` `[R, K, V]`.

        Temperature comes first, then top-k, then top-p on what top-k left, as in `transformers`.
        """
        scores = logits.to(torch.float64) / self._temperature
        scores[..., self._allowed :] = NEGATIVE_INFINITY
        for top_k, rows in self._top_k:
            scores = _filter(scores, rows, top_k_threshold, top_k)
        for top_p, rows in self._top_p:
            scores = _filter(scores, rows, top_p_threshold, top_p)
        if self._any_greedy:
            noise = noise.masked_fill(self._greedy, 0.0)
        return (scores + noise).argmax(dim=-1)


def _rows_by_value(values: Sequence[float], device: torch.device) -> list[tuple[float, Tensor | None]]:
    """Distinct switched-on values, each with the index of its rows (None for "all rows")."""
    distinct = sorted({value for value in values if value > 0})
    if len(distinct) == 1 and all(value > 0 for value in values):
        return [(distinct[0], None)]
    return [
        (value, torch.tensor([row for row, v in enumerate(values) if v == value], device=device)) for value in distinct
    ]


def _filter(scores: Tensor, rows: Tensor | None, threshold: Callable[[Tensor, float], Tensor], value: float) -> Tensor:
    chosen = scores if rows is None else scores[rows]
    kept = chosen.masked_fill(chosen < threshold(chosen, value), NEGATIVE_INFINITY)
    return kept if rows is None else scores.index_copy(0, rows, kept)


def top_k_threshold(scores: Tensor, top_k: float) -> Tensor:
    """The `top_k`-th largest score of each distribution, `[..., V]` to `[..., 1]`; ties with it survive."""
    count = min(int(top_k), scores.shape[-1])
    return scores.topk(count, dim=-1, sorted=False).values.amin(dim=-1, keepdim=True)


def top_p_threshold(scores: Tensor, top_p: float) -> Tensor:
    """The smallest score inside the nucleus: the fewest best candidates whose mass reaches `top_p`.

    Holtzman et al., "The Curious Case of Neural Text Degeneration" (2020).
    """
    ordered = scores.sort(dim=-1, descending=True).values
    probabilities = ordered.softmax(dim=-1)
    mass_before = probabilities.cumsum(dim=-1) - probabilities
    outside = mass_before >= top_p
    outside[..., 0] = False
    return ordered.masked_fill(outside, float("inf")).amin(dim=-1, keepdim=True)


def guide(conditional: Tensor, unconditional: Tensor, scale: Tensor | float) -> Tensor:
    """Classifier-free guidance on logits: u + s (c - u). Ho & Salimans, "Classifier-Free Diffusion Guidance" (2022)."""
    return unconditional + (conditional - unconditional) * scale
