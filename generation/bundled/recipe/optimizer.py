"""Muon for matrices and convolutions, AdamW for everything else.

Muon replaces a matrix's momentum by the nearest orthogonal matrix before the step, so that all directions of a layer
learn at one rate (K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024). PyTorch's own
`torch.optim.Muon` takes two-dimensional parameters only; a codec is made of convolutions, which are flattened here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn

TEXT_RATE_SHARE = 0.2
"""A text encoder comes trained (`train_text`) and is only tuned: its share of the rate for `other` parameters."""

NEWTON_SCHULZ_STEPS = 5
NEWTON_SCHULZ_COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonalised(matrix: torch.Tensor) -> torch.Tensor:
    """Return an approximation of U V^T for a matrix U S V^T, by the quintic Newton-Schulz iteration of Muon.

    The iterates are polynomials of the Gram matrix times the start: a long matrix takes two large products only.
    """
    a, b, c = NEWTON_SCHULZ_COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    gram = x @ x.T
    total = identity = torch.eye(len(gram), dtype=x.dtype, device=x.device)
    for _ in range(NEWTON_SCHULZ_STEPS):
        factor = a * identity + b * gram + c * (gram @ gram)
        total = factor @ total
        gram = factor @ gram @ factor
    x = total @ x
    return x.T if tall else x


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised; parameters of more than two dimensions are flattened after the first."""

    def __init__(
        self, params: Iterable[nn.Parameter], lr: float = 0.02, momentum: float = 0.95, weight_decay: float = 0.0
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["momentum"] = torch.zeros_like(parameter)
                momentum = state["momentum"].lerp_(parameter.grad, 1 - group["momentum"])
                update = parameter.grad.lerp(momentum, group["momentum"]).flatten(1)
                scale = 0.2 * math.sqrt(max(update.shape))
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(orthogonalised(update).view_as(parameter), alpha=-group["lr"] * scale)


def build_optimizers(
    model: nn.Module, *, matrix_lr: float, other_lr: float, weight_decay: float = 0.0
) -> list[torch.optim.Optimizer]:
    """Split a model's parameters: hidden matrices and convolutions to Muon, the rest (and text encoders) to AdamW.

    Muon's step is scaled to AdamW's usual update size (0.2 times the root of the longer side), so both rates are
    AdamW-like numbers. A parameter counts as an embedding or output layer by its module's name.
    """
    matrices, others, texts = [], [], []
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        hidden = parameter.ndim >= 2 and min(parameter.flatten(1).shape) > 1
        aside = any(part in name for part in ("embed", "lm_head"))
        kind = texts if "text_encoder" in name else matrices if hidden and not aside else others
        kind.append(parameter)
    groups = [{"params": others, "lr": other_lr}]
    groups += [{"params": texts, "lr": TEXT_RATE_SHARE * other_lr}] if texts else []
    optimizers: list[torch.optim.Optimizer] = [
        Muon(matrices, lr=matrix_lr, weight_decay=weight_decay),
        torch.optim.AdamW(groups, betas=(0.9, 0.95), weight_decay=0.0),
    ]
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["base_lr"] = group["lr"]
    return optimizers


def set_learning_rate(optimizers: list[torch.optim.Optimizer], factor: float) -> None:
    """Set every group's rate to `factor` times the rate it was built with."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = factor * group["base_lr"]


def warmup_cosine(step: int, steps: int, warmup: int, floor: float = 0.05) -> float:
    """Learning-rate factor: linear warm-up, then a half cosine down to `floor`."""
    if step < warmup:
        return (step + 1) / warmup
    share = min(1.0, (step - warmup) / max(1, steps - warmup))
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * share))
