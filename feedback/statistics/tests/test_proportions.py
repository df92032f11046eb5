from fractions import Fraction
from math import comb

import numpy as np
import pytest
from scipy.stats import binomtest

from feedback.statistics.position_bias import estimate
from feedback.statistics.proportions import binomial_p, wilson_interval


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_interval_is_that_of_newcombe_1998_table_1_method_3(successes, trials, low, high):
    assert wilson_interval(successes, trials) == pytest.approx((low, high), abs=5e-5)


def test_wilson_interval_is_scipys_for_whole_counts():
    for successes, trials in [(0, 1), (1, 1), (3, 7), (50, 100), (999, 1000)]:
        theirs = binomtest(successes, trials).proportion_ci(0.95, method="wilson")
        assert wilson_interval(successes, trials) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_wilson_interval_without_trials_says_nothing():
    assert wilson_interval(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize("chances", [(0.5, 0.0, 0.5), (0.3, 0.4, 0.3), (0.45, 0.25, 0.3), (0.1, 0.8, 0.1)])
def test_wilson_interval_with_half_points_covers_at_least_as_often_as_claimed(chances):
    """Wins, ties and losses drawn with these chances: ties make scores vary less, so coverage can only grow."""
    truth = chances[0] + chances[1] / 2
    drawn = np.random.default_rng(3).multinomial(60, chances, size=2000)
    intervals = [wilson_interval(wins + ties / 2, 60) for wins, ties, _ in drawn.tolist()]
    assert np.mean([low <= truth <= high for low, high in intervals]) >= 0.94


def test_binomial_p_is_arbuthnots_1710_on_82_years_with_more_boys_than_girls():
    """He gives 1 / 4 836 000 000 000 000 000 000 000 for one side."""
    assert binomial_p(82, 0) == pytest.approx(2 / 4.836e24, rel=1e-3)


@pytest.mark.parametrize(("successes", "failures"), [(8, 1), (9, 2), (12, 30), (5, 5), (0, 6), (101, 99)])
def test_binomial_p_counts_all_outcomes_at_least_as_far_from_half(successes, failures):
    trials, distance = successes + failures, abs(successes - failures)
    ways = sum(comb(trials, k) for k in range(trials + 1) if abs(2 * k - trials) >= distance)
    assert binomial_p(successes, failures) == pytest.approx(float(Fraction(ways, 2**trials)))
    assert binomial_p(successes, failures) == pytest.approx(binomtest(successes, trials).pvalue)


def test_binomial_p_without_trials_is_none():
    assert binomial_p(0, 0) is None


def test_position_bias_is_certain_only_when_the_interval_leaves_out_one_half():
    slight, strong, left_out = estimate(55, 45), estimate(70, 30), estimate(30, 70)
    assert (slight.share, slight.is_biased, slight.certain_share) == (0.55, False, 0.0)
    # Wilson's interval for 70 of 100 begins at 0.6042 (scipy).
    assert (strong.share, strong.is_biased) == (0.7, True)
    assert strong.certain_share == pytest.approx(2 * 0.6042 - 1, abs=2e-4)
    assert strong.p_value == pytest.approx(binomtest(70, 100).pvalue)
    assert left_out.certain_share == pytest.approx(strong.certain_share)


def test_position_bias_of_simulated_raters_is_found_at_its_true_size():
    rng = np.random.default_rng(8)
    for habit in (0.0, 0.3, 0.8):
        by_side = rng.random(4000) < habit
        first = int(np.where(by_side, True, rng.random(4000) < 0.5).sum())
        found = estimate(first, 4000 - first)
        assert 2 * found.share - 1 == pytest.approx(habit, abs=0.04)
        assert found.certain_share <= habit <= 2 * found.high - 1


def test_position_bias_without_votes_and_with_nonsense():
    nothing = estimate(0, 0)
    assert (nothing.share, nothing.low, nothing.high, nothing.p_value) == (None, 0.0, 1.0, None)
    assert not nothing.is_biased
    with pytest.raises(ValueError, match="negative"):
        estimate(-1, 2)
