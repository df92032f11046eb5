import itertools

import pytest
from scipy.stats import binomtest

from feedback.statistics.proportions import wilson_interval
from feedback.statistics.win_rate import Claim, summarise


def test_ties_count_half_in_the_rate_and_not_at_all_in_the_p_value():
    result = summarise(wins=9, losses=3, ties=8)
    assert result.rate == (9 + 4) / 20
    assert (result.low, result.high) == wilson_interval(13, 20)
    # By hand: 2 * (C(12,0) + C(12,1) + C(12,2) + C(12,3)) / 2^12.
    assert result.p_value == pytest.approx(2 * (1 + 12 + 66 + 220) / 4096)
    assert (result.votes, result.decided) == (20, 12)


def test_both_sides_of_a_comparison_mirror_each_other():
    ours, theirs = summarise(31, 12, 7), summarise(12, 31, 7)
    assert ours.rate == pytest.approx(1 - theirs.rate)
    assert (ours.low, ours.high) == pytest.approx((1 - theirs.high, 1 - theirs.low))
    assert ours.p_value == theirs.p_value
    assert (ours.claim, theirs.claim) == (Claim.BETTER, Claim.WORSE)


def test_both_bad_is_reported_and_changes_nothing_else():
    plain, with_bad = summarise(12, 5, 2), summarise(12, 5, 2, both_bad=40)
    assert with_bad.both_bad == 40
    assert (with_bad.rate, with_bad.low, with_bad.high, with_bad.votes) == (plain.rate, plain.low, plain.high, 19)


def test_nothing_is_claimed_under_ten_decided_votes_however_one_sided():
    assert summarise(9, 0, 0).claim is Claim.TOO_FEW
    assert summarise(9, 0, 500).claim is Claim.TOO_FEW
    assert summarise(10, 0, 0).claim is Claim.BETTER
    assert not summarise(9, 0, 0).is_decided


def test_a_claim_needs_the_interval_and_the_exact_test():
    """9 to 2: Wilson's interval begins at 0.523, but the exact p is 2 (1 + 11 + 55) / 2048 = 0.065."""
    border = summarise(9, 2, 0)
    assert border.low > 0.5
    assert border.p_value == pytest.approx(134 / 2048)
    assert border.claim is Claim.UNDECIDED
    assert summarise(60, 40, 200).claim is Claim.UNDECIDED  # p = 0.057
    assert summarise(61, 39, 0).claim is Claim.BETTER  # p = 0.035
    assert summarise(61, 39, 400).claim is Claim.UNDECIDED  # the rate is 0.522, its interval reaches below one half


def test_votes_needed_is_the_first_total_at_the_present_rate_that_is_decided():
    """Against counting up in steps that keep the proportions whole: of 20 votes 11 won, 7 lost, 2 tied."""
    first = next(n for n in itertools.count(1) if summarise(11 * n, 7 * n, 2 * n).is_decided)
    assert first > 3
    for start in range(1, first):
        total = 20 * start + summarise(11 * start, 7 * start, 2 * start).votes_needed
        assert 20 * (first - 1) < total <= 20 * first
    assert summarise(11 * first, 7 * first, 2 * first).votes_needed == 0


@pytest.mark.parametrize(
    "counts", [(3, 0, 0), (6, 4, 0), (9, 2, 0), (55, 45, 10), (1, 0, 20), (510, 490, 30), (2, 9, 1)]
)
def test_casting_the_votes_needed_at_the_present_rate_decides_the_test(counts):
    before = summarise(*counts)
    assert before.votes_needed > 0
    growth = (before.votes + before.votes_needed) / before.votes
    low, high = wilson_interval(growth * (counts[0] + counts[2] / 2), growth * before.votes)
    assert not low <= 0.5 <= high
    decided = round(growth * (counts[0] + counts[1]))
    assert decided >= 10
    assert binomtest(round(growth * min(counts[:2])), decided).pvalue < 0.05


def test_votes_needed_for_a_close_race_is_what_the_normal_approximation_says():
    """(z / (2 * 0.02))^2 = 2401 votes for 52 %, plus one over the excess for the exact test's discreteness."""
    assert 2401 <= summarise(52, 48, 0).votes_needed + 100 <= 2401 + 2 / 0.02


def test_no_number_of_votes_decides_a_dead_heat():
    assert summarise(20, 20, 3).votes_needed is None
    nothing = summarise(0, 0, 0)
    assert (nothing.rate, nothing.p_value, nothing.votes_needed) == (None, None, None)
    assert (nothing.low, nothing.high, nothing.claim) == (0.0, 1.0, Claim.TOO_FEW)


def test_every_lead_can_be_decided_in_the_end():
    for wins, losses, ties in itertools.product(range(8), range(8), (0, 1, 5, 30)):
        result = summarise(wins, losses, ties)
        assert (result.votes_needed is None) == (wins == losses)


def test_negative_counts_are_refused():
    with pytest.raises(ValueError, match="negative"):
        summarise(3, -1, 0)
