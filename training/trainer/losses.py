"""The losses, as functions of log-probabilities: nothing here knows of models, texts or audio.

The log-probability of a clip is the sum over all its codes; for *ipo*, whose target is a fixed distance, it is their
mean, so that long clips are asked for no more than short ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from training.config import DpoLoss, RankingLoss


@dataclass(frozen=True, slots=True)
class PairLoss:
    """Loss per pair `[N]` and what it is made of: rewards are beta times the log-ratio of policy to reference."""

    losses: Tensor
    chosen_rewards: Tensor
    rejected_rewards: Tensor

    @property
    def margins(self) -> Tensor:
        return self.chosen_rewards - self.rejected_rewards


def imitation_loss(log_probabilities: Tensor, codes: Tensor) -> Tensor:
    """Cross-entropy per clip `[N]` in nats per code, from the clips' log-probabilities and numbers of codes `[N]`."""
    return -log_probabilities / codes


def dpo_loss(
    chosen: Tensor,
    rejected: Tensor,
    reference_chosen: Tensor,
    reference_rejected: Tensor,
    *,
    beta: float,
    form: DpoLoss = DpoLoss.SIGMOID,
    label_smoothing: float = 0.0,
    preference: Tensor | None = None,
) -> PairLoss:
    """Direct preference optimisation; all log-probabilities are `[N]`.

    With h the difference of log-ratios, chosen minus rejected: *sigmoid* is -log s(beta h) (Rafailov et al., 2023),
    *hinge* max(0, 1 - beta h) (Zhao et al., 2023), *ipo* (h - 1 / (2 beta))^2 (Azar et al., 2023). A pair's loss is
    p L(h) + (1 - p) L(-h), where p is the share of votes for the chosen clip, `preference` `[N]` (None: all 1), with
    label smoothing e made (1 - e) p + e (1 - p) (conservative DPO, Mitchell, 2023).
    """
    chosen_ratio, rejected_ratio = chosen - reference_chosen, rejected - reference_rejected
    difference = chosen_ratio - rejected_ratio
    shares = torch.ones_like(difference) if preference is None else preference
    shares = (1 - label_smoothing) * shares + label_smoothing * (1 - shares)
    losses = shares * _pair_loss(difference, beta, form) + (1 - shares) * _pair_loss(-difference, beta, form)
    return PairLoss(losses, beta * chosen_ratio.detach(), beta * rejected_ratio.detach())


def _pair_loss(difference: Tensor, beta: float, form: DpoLoss) -> Tensor:
    if form is DpoLoss.HINGE:
        return (1 - beta * difference).clamp_min(0)
    if form is DpoLoss.IPO:
        return (difference - 1 / (2 * beta)).square()
    return -logsigmoid(beta * difference)


def kto_baseline(ratios: Tensor) -> Tensor:
    """The point of reference of `kto_loss`: the divergence from the reference, a scalar >= 0 without gradient.

    Estimated by the mean log-ratio `[N]` of clips beside texts they were not made for (Ethayarajh et al., 2024, 4.1).
    """
    return ratios.detach().mean().clamp_min(0)


def kto_loss(ratios: Tensor, desirable: Tensor, baseline: Tensor, *, beta: float) -> Tensor:
    """Kahneman-Tversky optimisation (Ethayarajh et al., 2024), per clip `[N]`.

    `ratios` `[N]` are log-ratios of policy to reference, `desirable` bool `[N]`, `baseline` the estimate of the
    divergence from the reference (see `kto_baseline`). Desirable clips give 1 - s(beta (r - z)), undesirable ones
    1 - s(beta (z - r)).
    """
    signed = torch.where(desirable, ratios - baseline, baseline - ratios)
    return 1 - torch.sigmoid(beta * signed)


def ranking_loss(
    rewards: Sequence[Tensor],
    *,
    form: RankingLoss = RankingLoss.PLACKETT_LUCE,
    preference: Sequence[float] | None = None,
) -> Tensor:
    """Loss per ranking `[N]` from rewards `[n_i]` of its clips, best first.

    A ranking's loss is p L(order) + (1 - p) L(reverse order) with p its `preference` (None: all 1), as in `dpo_loss`,
    which for two clips the likelihood equals.

    *plackett_luce* is the negative log-likelihood of the order (Plackett, 1975; as a preference loss Rafailov et al.,
    2023, appendix A.3), divided by its n - 1 choices; *margin* is the mean of max(0, 1 - (r_i - r_j)) over neighbours.
    """
    shares = [1.0] * len(rewards) if preference is None else preference
    return torch.stack(
        [
            share * _one_ranking(order, form) + (1 - share) * _one_ranking(order.flip(0), form)
            for order, share in zip(rewards, shares, strict=True)
        ]
    )


def _one_ranking(order: Tensor, form: RankingLoss) -> Tensor:
    if form is RankingLoss.MARGIN:
        return (1 - (order[:-1] - order[1:])).clamp_min(0).mean()
    rest = order.flip(0).logcumsumexp(0).flip(0)
    return (rest - order)[:-1].sum() / (len(order) - 1)
