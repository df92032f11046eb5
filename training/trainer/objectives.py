"""From items to losses: which clips an item is made of, and what its loss is once their log-probabilities are known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from generation.specs import Codes
from training.config import DpoLoss, Method, TrainingConfig
from training.specs import Clip, LabelledClip, PreferencePair, RankedClips, TrainingItem
from training.texts import gettext_noop
from training.trainer.exceptions import TrainingError
from training.trainer.losses import dpo_loss, imitation_loss, kto_loss, ranking_loss

Share: TypeAlias = tuple[float, float]
"""A mean before it is divided: a sum, and the weight it is divided by. Shares of batches and processes add up."""


@dataclass(frozen=True, slots=True)
class Example:
    """An item, its clips, and their log-probabilities `[n]` float64 under the reference policy.

    `mismatched`, of `kto` alone, is a clip of another prompt under this item's text, with its log-probability `[1]`.
    `reference` is empty where no loss needs it.
    """

    item: TrainingItem
    clips: tuple[Clip, ...]
    reference: Tensor
    mismatched: tuple[Clip, Tensor] | None = None


def mismatched_clips(items: Sequence[LabelledClip], others: Sequence[LabelledClip]) -> list[Clip]:
    """Each item's text beside a clip that was made for another text: of `items` if they have two, else of `others`.

    The pairing is fixed, and goes round, so that every clip serves about as often as any. Raises `TrainingError` when
    there is only one text.
    """
    pool = items if len({item.text for item in items}) > 1 else [*items, *others]
    if len({item.text for item in pool}) < 2:
        raise TrainingError(
            gettext_noop(
                "All clips are of one prompt. The method kto measures how far the adapter moves by clips of other "
                "prompts: build a dataset with two prompts at least."
            )
        )
    return [(item.text, _next_of_another_text(pool, index, item.text)) for index, item in enumerate(items)]


def _next_of_another_text(pool: Sequence[LabelledClip], index: int, text: str) -> Codes:
    places = ((index + step) % len(pool) for step in range(1, len(pool) + 1))
    return next(pool[place].codes for place in places if pool[place].text != text)


def normalised(items: Sequence[TrainingItem]) -> list[float]:
    """The items' weights, made 1 on average over the set: how much an item counts must not depend on its step."""
    mean = sum(item.weight for item in items) / len(items)
    return [item.weight / mean for item in items]


@dataclass(frozen=True, slots=True)
class Scored:
    """The clips of one item: policy and reference log-probabilities `[n]` float64, and codes per clip `[n]`."""

    item: TrainingItem
    policy: Tensor
    reference: Tensor
    codes: Tensor
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class BatchLoss:
    """The sum of a batch's losses times their weights, and its share of each metric, by TRL's names."""

    weighted_sum: Tensor
    shares: dict[str, Share]


def batch_loss(config: TrainingConfig, scored: Sequence[Scored], baseline: float = 0.0) -> BatchLoss:
    """The loss of a batch under the configuration's method; `baseline` is `losses.kto_baseline` of the whole step."""
    weights = torch.tensor([s.weight for s in scored], dtype=torch.float64, device=scored[0].policy.device)
    if config.method is Method.KTO:
        losses, shares = _verdicts(config, scored, baseline)
    else:
        losses, shares = {Method.SFT: _imitation, Method.DPO: _preference, Method.RANKING: _orders}[config.method](
            config, scored
        )
    total = (losses * weights).sum()
    return BatchLoss(total, {"loss": (float(total.detach()), float(weights.sum())), **_drift(scored), **shares})


def means(shares: Iterable[Mapping[str, Share]]) -> dict[str, float]:
    """Metrics from the shares of all batches and processes; however items were batched, they are the same."""
    sums: dict[str, Share] = {}
    for some in shares:
        for name, (total, weight) in some.items():
            before = sums.get(name, (0.0, 0.0))
            sums[name] = (before[0] + total, before[1] + weight)
    found = {name: total / weight for name, (total, weight) in sums.items() if weight}
    if "rewards/chosen" in found and "rewards/rejected" in found:
        found["rewards/margins"] = found["rewards/chosen"] - found["rewards/rejected"]
    return found


def _drift(scored: Sequence[Scored]) -> dict[str, Share]:
    lost = [(s.reference - s.policy.detach()) / s.codes for s in scored if len(s.reference)]
    return {"kl_per_code": _share(lost)} if lost else {}


def _imitation(config: TrainingConfig, scored: Sequence[Scored]) -> tuple[Tensor, dict[str, Share]]:
    return _imitation_losses(scored), {"logps/chosen": _share([s.policy[0] for s in scored])}


def _imitation_losses(scored: Sequence[Scored]) -> Tensor:
    """Of each item's first clip: the liked, or the chosen one."""
    return imitation_loss(torch.stack([s.policy[0] for s in scored]), torch.stack([s.codes[0] for s in scored]))


def _preference(config: TrainingConfig, scored: Sequence[Scored]) -> tuple[Tensor, dict[str, Share]]:
    policy = torch.stack([s.policy for s in scored])
    reference = torch.stack([s.reference for s in scored])
    codes = torch.stack([s.codes for s in scored])
    if config.dpo_loss is DpoLoss.IPO:
        policy, reference = policy / codes, reference / codes
    preference = [_certainty(s.item) for s in scored]
    made = dpo_loss(
        policy[:, 0],
        policy[:, 1],
        reference[:, 0],
        reference[:, 1],
        beta=config.beta,
        form=config.dpo_loss,
        label_smoothing=config.label_smoothing,
        preference=policy.new_tensor(preference),
    )
    decided = torch.tensor([share > 0.5 for share in preference], device=policy.device)
    losses = made.losses
    if config.sft_weight:
        losses = losses + config.sft_weight * _imitation_losses(scored)
    return losses, {
        "rewards/chosen": _share([made.chosen_rewards]),
        "rewards/rejected": _share([made.rejected_rewards]),
        "rewards/accuracies": _share([(made.margins[decided] > 0).double()]),
        "logps/chosen": _share([s.policy[0] for s in scored]),
        "logps/rejected": _share([s.policy[1] for s in scored]),
    }


def _verdicts(config: TrainingConfig, scored: Sequence[Scored], baseline: float) -> tuple[Tensor, dict[str, Share]]:
    ratios = torch.cat([s.policy - s.reference for s in scored])
    desirable = torch.tensor([_is_desirable(s.item) for s in scored], device=ratios.device)
    rewards = config.beta * ratios.detach()
    losses = kto_loss(ratios, desirable, ratios.new_tensor(baseline), beta=config.beta)
    losses = losses * torch.where(desirable, config.desirable_weight, config.undesirable_weight)
    return losses, {
        "kl": (baseline * len(scored), len(scored)),
        "rewards/chosen": _share([rewards[desirable]]),
        "rewards/rejected": _share([rewards[~desirable]]),
    }


def _orders(config: TrainingConfig, scored: Sequence[Scored]) -> tuple[Tensor, dict[str, Share]]:
    rewards = [config.beta * (s.policy - s.reference) for s in scored]
    neighbours = [(order[:-1] - order[1:]).detach() for order in rewards]
    preference = [_certainty(s.item) for s in scored]
    return ranking_loss(rewards, form=config.ranking_loss, preference=preference), {
        "rewards/margins": _share(neighbours),
        "rewards/accuracies": _share([(near > 0).double() for near in neighbours]),
    }


def _certainty(item: TrainingItem) -> float:
    assert isinstance(item, PreferencePair | RankedClips)
    return item.preference


def _is_desirable(item: TrainingItem) -> bool:
    assert isinstance(item, LabelledClip)
    return item.desirable


def _share(values: Sequence[Tensor]) -> Share:
    whole = torch.cat([value.detach().reshape(-1) for value in values])
    return float(whole.sum()), float(len(whole))
