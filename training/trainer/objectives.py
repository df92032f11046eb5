"""From items to losses: which clips an item is made of, and what its loss is once their log-probabilities are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from generation.specs import Codes
from training.config import DpoLoss, Method, TrainingConfig
from training.specs import LabelledClip, LikedClip, PreferencePair, RankedClips, TrainingItem
from training.trainer.losses import dpo_loss, kto_loss, ranking_loss, weighted_mean

Clip: TypeAlias = tuple[str, Codes]


@dataclass(frozen=True, slots=True)
class Example:
    """An item, its clips, and their log-probabilities `[n]` float64 under the reference policy."""

    item: TrainingItem
    clips: tuple[Clip, ...]
    reference: Tensor


def clips_of(items: Sequence[TrainingItem]) -> list[tuple[Clip, ...]]:
    """The clips whose log-probabilities each item needs.

    An item of `kto` also needs its text with another item's clip, by which the divergence from the reference is
    estimated (Ethayarajh et al., 2024, section 4.1); the pairing is fixed: each with the next.
    """
    return [_clips(item, items[(i + 1) % len(items)]) for i, item in enumerate(items)]


def _clips(item: TrainingItem, following: TrainingItem) -> tuple[Clip, ...]:
    if isinstance(item, LikedClip):
        return ((item.text, item.codes),)
    if isinstance(item, PreferencePair):
        return ((item.text, item.chosen), (item.text, item.rejected))
    if isinstance(item, RankedClips):
        return tuple((item.text, codes) for codes in item.clips)
    assert isinstance(following, LabelledClip)
    return ((item.text, item.codes), (item.text, following.codes))


@dataclass(frozen=True, slots=True)
class Scored:
    """The clips of one item: policy and reference log-probabilities `[n]` float64, and codes per clip `[n]`."""

    item: TrainingItem
    policy: Tensor
    reference: Tensor
    codes: Tensor


@dataclass(frozen=True, slots=True)
class BatchLoss:
    """The sum of a batch's losses times their weights, and metrics (means over the batch) by TRL's names."""

    weighted_sum: Tensor
    metrics: dict[str, float]


def batch_loss(config: TrainingConfig, scored: Sequence[Scored]) -> BatchLoss:
    """The loss of a batch under the configuration's method."""
    weights = torch.tensor([s.item.weight for s in scored], dtype=torch.float64, device=scored[0].policy.device)
    losses, metrics = {
        Method.SFT: _imitation,
        Method.DPO: _preference,
        Method.KTO: _verdicts,
        Method.RANKING: _orders,
    }[config.method](config, scored)
    drift = torch.cat([(s.reference - s.policy.detach()) / s.codes for s in scored]).mean()
    mean = float(weighted_mean(losses.detach(), weights))
    return BatchLoss((losses * weights).sum(), {"loss": mean, "kl_per_code": float(drift), **metrics})


def _imitation(config: TrainingConfig, scored: Sequence[Scored]) -> tuple[Tensor, dict[str, float]]:
    losses = torch.stack([-s.policy[0] / s.codes[0] for s in scored])
    return losses, {"logps/chosen": _mean([s.policy[0] for s in scored])}


def _preference(config: TrainingConfig, scored: Sequence[Scored]) -> tuple[Tensor, dict[str, float]]:
    policy = torch.stack([s.policy for s in scored])
    reference = torch.stack([s.reference for s in scored])
    codes = torch.stack([s.codes for s in scored])
    if config.dpo_loss is DpoLoss.IPO:
        policy, reference = policy / codes, reference / codes
    made = dpo_loss(
        policy[:, 0],
        policy[:, 1],
        reference[:, 0],
        reference[:, 1],
        beta=config.beta,
        form=config.dpo_loss,
        label_smoothing=config.label_smoothing,
        preference=policy.new_tensor([s.item.preference for s in scored]),
    )
    decided = torch.tensor([s.item.preference > 0.5 for s in scored], device=policy.device)
    losses = made.losses
    if config.sft_weight:
        losses = losses + config.sft_weight * torch.stack([-s.policy[0] / s.codes[0] for s in scored])
    return losses, {
        "rewards/chosen": _mean([made.chosen_rewards]),
        "rewards/rejected": _mean([made.rejected_rewards]),
        "rewards/margins": _mean([made.margins]),
        **({"rewards/accuracies": _mean([(made.margins[decided] > 0).double()])} if decided.any() else {}),
        "logps/chosen": _mean([s.policy[0] for s in scored]),
        "logps/rejected": _mean([s.policy[1] for s in scored]),
    }


def _verdicts(config: TrainingConfig, scored: Sequence[Scored]) -> tuple[Tensor, dict[str, float]]:
    ratios = torch.stack([s.policy - s.reference for s in scored])
    desirable = torch.tensor([_is_desirable(s.item) for s in scored], device=ratios.device)
    baseline = ratios[:, 1].mean().clamp_min(0).detach()
    rewards = config.beta * ratios[:, 0].detach()
    metrics = {"kl": float(baseline)}
    if desirable.any():
        metrics["rewards/chosen"] = _mean([rewards[desirable]])
    if (~desirable).any():
        metrics["rewards/rejected"] = _mean([rewards[~desirable]])
    if len(metrics) == 3:
        metrics["rewards/margins"] = metrics["rewards/chosen"] - metrics["rewards/rejected"]
    return kto_loss(ratios[:, 0], desirable, baseline, beta=config.beta), metrics


def _orders(config: TrainingConfig, scored: Sequence[Scored]) -> tuple[Tensor, dict[str, float]]:
    rewards = [config.beta * (s.policy - s.reference) for s in scored]
    neighbours = torch.cat([(order[:-1] - order[1:]).detach() for order in rewards])
    return ranking_loss(rewards, form=config.ranking_loss), {
        "rewards/margins": _mean([neighbours]),
        "rewards/accuracies": _mean([(neighbours > 0).double()]),
    }


def _is_desirable(item: TrainingItem) -> bool:
    assert isinstance(item, LabelledClip)
    return item.desirable


def _mean(values: Sequence[Tensor]) -> float:
    return float(torch.cat([value.detach().reshape(-1) for value in values]).mean())
