"""Matrix products with low-rank changes that no rounding swallows.

A gently trained LoRA moves a weight by less than half of its last bit in bfloat16: added to the rounded weight, most of
the change is gone (a change of 0.0005 of the weight's size keeps about a third of itself). In such precisions the
branch therefore stays apart, y = x W + (x A) B (Hu et al., "LoRA", 2021), and `addmm` adds the two in float32 before it
rounds once. In float32 nothing is lost, and the merged weight costs no more than the base's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

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
    """The map `[N, in]` to `[N, out]`: rows times `matrix` `[in, out]`, plus rows times `down` times `up` if given."""

    matrix: Tensor
    down: Tensor | None = None
    up: Tensor | None = None

    def __call__(self, rows: Tensor) -> Tensor:
        if self.down is None or self.up is None:
            return torch.mm(rows, self.matrix)
        return torch.addmm(torch.mm(torch.mm(rows, self.down), self.up), rows, self.matrix)


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
