"""The losses against their formulas, computed by hand in float64."""

from __future__ import annotations

import math

import pytest
import torch

from training.config import DpoLoss, RankingLoss
from training.trainer.losses import dpo_loss, imitation_loss, kto_baseline, kto_loss, ranking_loss

CHOSEN, REJECTED = [-100.0, -210.0], [-120.0, -200.0]
REFERENCE_CHOSEN, REFERENCE_REJECTED = [-105.0, -205.0], [-118.0, -206.0]
BETA = 0.1
HS = [(-100 + 105) - (-120 + 118), (-210 + 205) - (-200 + 206)]
"""Differences of log-ratios of two pairs: 7 and -11."""


def doubles(values):
    return torch.tensor(values, dtype=torch.float64)


def pairs(**options):
    return dpo_loss(
        doubles(CHOSEN),
        doubles(REJECTED),
        doubles(REFERENCE_CHOSEN),
        doubles(REFERENCE_REJECTED),
        beta=BETA,
        **options,
    )


def test_dpo_sigmoid():
    expected = [math.log(1 + math.exp(-BETA * h)) for h in HS]
    assert pairs().losses.tolist() == pytest.approx(expected, abs=1e-12)


def test_dpo_with_label_smoothing():
    expected = [0.9 * math.log(1 + math.exp(-BETA * h)) + 0.1 * math.log(1 + math.exp(BETA * h)) for h in HS]
    assert pairs(label_smoothing=0.1).losses.tolist() == pytest.approx(expected, abs=1e-12)


def test_dpo_on_shares_of_votes_is_dpo_on_the_votes():
    shares = doubles([0.75, 0.5])
    for options in ({}, {"form": DpoLoss.HINGE}, {"form": DpoLoss.IPO}, {"label_smoothing": 0.1}):
        together = pairs(preference=shares, **options).losses.tolist()
        won = pairs(**options).losses.tolist()
        lost = dpo_loss(
            doubles(REJECTED),
            doubles(CHOSEN),
            doubles(REFERENCE_REJECTED),
            doubles(REFERENCE_CHOSEN),
            beta=BETA,
            **options,
        ).losses.tolist()
        assert together == pytest.approx([(3 * won[0] + lost[0]) / 4, (won[1] + lost[1]) / 2], abs=1e-12)


def test_a_tie_pulls_the_two_clips_together():
    chosen = doubles(CHOSEN).requires_grad_()
    made = dpo_loss(
        chosen,
        doubles(REJECTED),
        doubles(REFERENCE_CHOSEN),
        doubles(REFERENCE_REJECTED),
        beta=BETA,
        preference=doubles([0.5, 0.5]),
    )
    made.losses.sum().backward()
    assert chosen.grad[0] > 0 > chosen.grad[1], "h is 7 in the first pair, and should fall; -11 in the second"


def test_dpo_hinge():
    assert pairs(form=DpoLoss.HINGE).losses.tolist() == pytest.approx([1 - 0.7, 1 + 1.1], abs=1e-12)


def test_dpo_ipo():
    assert pairs(form=DpoLoss.IPO).losses.tolist() == pytest.approx([(7 - 5) ** 2, (-11 - 5) ** 2], abs=1e-12)


def test_rewards_and_margins():
    made = pairs()
    assert made.chosen_rewards.tolist() == pytest.approx([0.5, -0.5])
    assert made.rejected_rewards.tolist() == pytest.approx([-0.2, 0.6])
    assert made.margins.tolist() == pytest.approx([0.7, -1.1])


def test_dpo_raises_the_chosen_and_lowers_the_rejected():
    chosen, rejected = doubles(CHOSEN).requires_grad_(), doubles(REJECTED).requires_grad_()
    made = dpo_loss(chosen, rejected, doubles(REFERENCE_CHOSEN), doubles(REFERENCE_REJECTED), beta=BETA)
    made.losses.sum().backward()
    assert (chosen.grad < 0).all() and (rejected.grad > 0).all()
    assert chosen.grad.tolist() == pytest.approx([-BETA / (1 + math.exp(BETA * h)) for h in HS], abs=1e-12)


def test_extreme_differences_stay_finite():
    huge = dpo_loss(doubles([0.0]), doubles([1e6]), doubles([0.0]), doubles([0.0]), beta=10.0)
    assert huge.losses.item() == pytest.approx(1e7)


def test_kto():
    ratios = doubles([4.0, 4.0])
    values = kto_loss(ratios, torch.tensor([True, False]), doubles(1.5), beta=0.5)
    sigmoid = 1 / (1 + math.exp(-0.5 * 2.5))
    assert values.tolist() == pytest.approx([1 - sigmoid, sigmoid], abs=1e-12)


def test_plackett_luce_of_three():
    a, b, c = 0.3, -0.2, 1.1
    first = -math.log(math.exp(a) / (math.exp(a) + math.exp(b) + math.exp(c)))
    second = -math.log(math.exp(b) / (math.exp(b) + math.exp(c)))
    assert ranking_loss([doubles([a, b, c])]).tolist() == pytest.approx([(first + second) / 2], abs=1e-12)


def test_plackett_luce_of_two_is_the_sigmoid_loss():
    assert ranking_loss([doubles([0.7, -0.4])]).item() == pytest.approx(math.log(1 + math.exp(-1.1)), abs=1e-12)


@pytest.mark.parametrize("share", [0.5, 0.75, 1.0])
def test_a_pair_ranked_by_raters_who_err_is_the_soft_labelled_pair(share):
    rewards, nothing = doubles([0.7, -0.4]), doubles([0.0])
    ranked = ranking_loss([rewards], preference=[share])
    pair = dpo_loss(rewards[:1], rewards[1:], nothing, nothing, beta=1.0, preference=doubles([share]))
    assert ranked.tolist() == pytest.approx(pair.losses.tolist(), abs=1e-12)


def test_a_doubted_order_weighs_its_reverse():
    order, form = doubles([2.0, 0.5, 0.2]), RankingLoss.MARGIN
    there, back = ranking_loss([order], form=form), ranking_loss([order.flip(0)], form=form)
    assert ranking_loss([order, order], form=form, preference=[0.8, 1.0]).tolist() == pytest.approx(
        [0.8 * there.item() + 0.2 * back.item(), there.item()], abs=1e-12
    )


def test_margin_ranking():
    made = ranking_loss([doubles([2.0, 0.5, 0.2])], form=RankingLoss.MARGIN)
    assert made.item() == pytest.approx((0.0 + 0.7) / 2, abs=1e-12)


def test_imitation_is_the_mean_over_codes_that_are_there():
    assert imitation_loss(doubles([-10.0, -6.0]), torch.tensor([4, 3])).tolist() == pytest.approx([2.5, 2.0])


def test_the_baseline_of_kto_is_a_divergence():
    assert kto_baseline(doubles([1.0, 3.0])).item() == 2.0
    assert kto_baseline(doubles([1.0, -3.0])).item() == 0.0
    assert not kto_baseline(doubles([1.0]).requires_grad_()).requires_grad
