"""Partial pooling: the model is what it says, votes that are alike count for less, and evidence is never too easy."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.special import expit, ndtr

from feedback.statistics import pooling
from feedback.statistics.outcomes import Comparison, Outcome
from feedback.statistics.pooling import Table, log_evidence, posterior
from feedback.statistics.tests.voting import cast, drawn

LIMIT = math.log(40)


def nodes(sd: float, count: int = 25) -> tuple[np.ndarray, np.ndarray]:
    """Points and weights of a normal distribution."""
    points, weights = np.polynomial.hermite_e.hermegauss(count)
    return sd * points, weights / weights.sum()


@pytest.mark.parametrize("strength_sd", [3.0, None])
def test_the_votes_probability_is_near_the_integral(strength_sd):
    """Two raters, two prompts, twelve votes: summed over all their terms and the strengths, one by one."""
    votes = [
        Comparison("x", "y", Outcome.A if won else Outcome.B, rater=rater, prompt=prompt)
        for rater, prompt, wins in ((0, 0, 3), (0, 1, 2), (1, 0, 2), (1, 1, 1))
        for won in [True] * wins + [False] * (3 - wins)
    ]
    table = Table.of(votes, ("x", "y"))
    found = pooling._fit(table, (0.8, 0.5), strength_sd).evidence
    theta, theta_weights = nodes(strength_sd * math.sqrt(2)) if strength_sd else (np.zeros(1), np.ones(1))
    (u, u_weights), (v, v_weights) = nodes(0.8), nodes(0.5)
    total = 0.0
    for (a, wa), (b, wb) in itertools.product(zip(v, v_weights, strict=True), repeat=2):
        sides = []
        for first, second in ((3, 2), (2, 1)):  # wins of three under either rater, by prompt
            logits = theta[:, None] + u[None]
            one, other = expit(logits + a), expit(logits + b)
            likely = one**first * (1 - one) ** (3 - first) * other**second * (1 - other) ** (3 - second)
            sides.append(likely @ u_weights)
        total += wa * wb * float((theta_weights * sides[0] * sides[1]).sum())
    assert found == pytest.approx(math.log(total), abs=0.05)


def doubt(votes: list[Comparison]) -> float:
    """The standard deviation of the difference of the two strengths."""
    found = posterior(votes, ("x", "y"))
    mean, sd = found.difference(0, 1)
    return float(np.sqrt(found.weights @ (sd**2 + (mean - found.weights @ mean) ** 2)))


def test_votes_that_are_alike_weigh_less():
    """Forty votes, thirty won: of forty raters on forty prompts, of four raters, and on four prompts."""
    apart, few_raters = doubt(cast(30, 10)), doubt(cast(30, 10, raters=4))
    assert few_raters > 1.15 * apart and doubt(cast(30, 10, prompts=4)) > 1.15 * apart
    assert doubt(cast(30, 10, raters=4, prompts=4)) > 1.15 * few_raters


def test_raters_who_differ_leave_more_open_than_raters_who_agree():
    agree = [Comparison("x", "y", Outcome.A if n % 4 else Outcome.B, rater=n // 12, prompt=n % 12) for n in range(48)]
    differ = [Comparison("x", "y", Outcome.A if n < 36 else Outcome.B, rater=n // 12, prompt=n % 12) for n in range(48)]
    assert doubt(differ) > 1.05 * doubt(agree)


def test_one_raters_votes_are_that_raters():
    votes = cast(20, 5, raters=1, prompts=25)
    assert Table.of(votes, "xy").grid == [(sd, 0.0) for sd in pooling.PROMPT_SDS]
    nameless = [Comparison("x", "y", vote.outcome, prompt=vote.prompt) for vote in votes]
    assert posterior(nameless, "xy").below(0, 1, 0.0) == posterior(votes, "xy").below(0, 1, 0.0)


def test_sides_arms_and_order_do_not_matter():
    votes = drawn(0.7, raters=3, prompts=8, seed=3)
    before = posterior(votes, ("x", "y"))
    turned = posterior([vote.turned for vote in reversed(votes)], ("y", "x"))
    assert before.below(0, 1, 0.3) == pytest.approx(turned.below(1, 0, 0.3), abs=1e-6)
    third = posterior(votes, ("x", "y", "z"))
    assert third.below(0, 1, 0.0) == pytest.approx(before.below(0, 1, 0.0), abs=0.01), "an arm without votes"
    assert before.below(0, 1, 0.3) == pytest.approx(1 - before.below(1, 0, -0.3), abs=1e-9)


def test_ties_pull_to_one_half_and_both_bad_says_nothing():
    plain = cast(12, 4, raters=2, prompts=8)
    bad = [Comparison("x", "y", Outcome.BOTH_BAD, rater=9, prompt=n) for n in range(30)]
    ties = [Comparison("x", "y", Outcome.TIE, rater=n % 2, prompt=n % 8) for n in range(30)]
    known = posterior(plain, "xy").below(0, 1, 0.0)
    assert posterior([*plain, *bad], "xy").below(0, 1, 0.0) == known
    assert posterior([*plain, *ties], "xy").below(0, 1, 0.5) > posterior(plain, "xy").below(0, 1, 0.5)


def test_a_rate_for_everybody_is_nearer_to_one_half_than_that_of_the_middle_rater():
    """The mean over raters and prompts of the chance to win, against summing it up."""
    for sd in (0.5, 1.5):
        points, weights = nodes(sd, 60)
        found = posterior(cast(1, 0, raters=1, prompts=1), "xy")
        one = type(found)(np.ones(1), np.array([[1.0, 0.0]]), 1e-12 * np.eye(2)[None], np.array([sd**2]), np.zeros(1))
        truth = float(weights @ expit(1.0 + points))
        logit = math.log(truth / (1 - truth))
        assert one.below(0, 1, logit - 0.05) < 1e-6 and one.below(0, 1, logit + 0.05) > 1 - 1e-6


def test_without_votes_nothing_is_known():
    found = posterior([], ("x", "y"))
    assert found.below(0, 1, 0.0) == pytest.approx(0.5)
    assert log_evidence([], "x", "y") == pytest.approx(0.0)


# -- evidence


def test_evidence_is_the_ratio_of_two_probabilities():
    """Against its definition, with every strength above 0 tried in turn."""
    votes = drawn(1.2, raters=1, prompts=12, seed=5)
    table = Table.of(votes, ("x", "y"))
    at, spread = np.linspace(0.0, 10, 401), pooling.EXPECTED_SD * math.sqrt(2)
    density = 2 * np.exp(-0.5 * (at / spread) ** 2) / (spread * math.sqrt(2 * math.pi)) * (at[1] - at[0])
    density[0] /= 2
    better = equal = 0.0
    for (prompt_sd, _), weight in zip(table.grid, table.prior, strict=True):
        u, u_weights = nodes(prompt_sd, 40)
        chance = expit(at[:, None] + u[None])
        likely = np.ones(len(at))
        for prompt in range(table.prompts):
            won, lost = (counts[table.prompt == prompt].sum() for counts in (table.won, table.lost))
            likely *= (chance**won * (1 - chance) ** lost) @ u_weights
        better += weight * float(likely @ density)
        equal += weight * float(likely[0])
    assert log_evidence(votes, "x", "y") == pytest.approx(math.log(better / equal), abs=0.15)


def test_evidence_grows_with_wins_and_falls_with_losses():
    assert log_evidence(cast(18, 2, raters=1, prompts=20), "x", "y") > LIMIT
    assert log_evidence(cast(9, 1, raters=1, prompts=10), "x", "y") < LIMIT
    for votes, arms in ((cast(2, 18, raters=1), "xy"), (cast(18, 2, raters=1), "yx")):
        assert log_evidence(votes, *arms) < 0.2


def test_one_raters_twenty_votes_on_one_prompt_are_no_evidence():
    assert log_evidence(cast(20, 0, raters=1, prompts=1), "x", "y") < LIMIT
    assert log_evidence(cast(20, 0, raters=20, prompts=20), "x", "y") > LIMIT


@pytest.mark.parametrize(("raters", "rater_sd"), [(1, 0.0), (3, 1.0)])
def test_equal_arms_hardly_ever_show_evidence_however_often_one_looks(raters, rater_sd):
    """The short form of `bench/statistics.py`: 40 tests of 48 votes, looked at after every fourth."""
    found = 0
    for seed in range(40):
        votes = drawn(0.0, raters=raters, prompts=24, rounds=2, prompt_sd=1.0, rater_sd=rater_sd, seed=seed)[:48]
        looks = range(10, len(votes) + 1, 4)
        found += any(log_evidence(votes[:look], "x", "y") >= LIMIT for look in looks)
    assert found <= 3


def test_the_prior_of_how_far_raters_go_is_half_normal():
    weights = pooling._prior((0.5, 1.5), 1.0)
    assert weights.tolist() == pytest.approx([2 * (ndtr(1.0) - 0.5), 2 * (1 - ndtr(1.0))])
