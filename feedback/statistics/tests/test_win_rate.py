from __future__ import annotations

import itertools

import pytest

from feedback.statistics.outcomes import Comparison, Outcome
from feedback.statistics.proportions import wilson_interval
from feedback.statistics.tests.voting import cast, drawn
from feedback.statistics.win_rate import Claim, WinRate, summarise


def rated(*counts: int, **spread: int) -> WinRate:
    return summarise(cast(*counts, **spread), "x", "y")


def test_ties_count_half_in_the_rate_and_both_bad_not_at_all():
    result = rated(9, 3, 8, 40)
    assert result.rate == (9 + 4) / 20
    assert (result.votes, result.decided, result.both_bad) == (20, 12, 40)
    plain = rated(12, 5, 2)
    with_bad = summarise([*cast(12, 5, 2), *cast(0, 0, 0, 40)], "x", "y")
    assert (with_bad.rate, with_bad.low, with_bad.high) == (plain.rate, plain.low, plain.high)


def test_both_sides_of_a_comparison_mirror_each_other():
    votes = cast(41, 12, 7, 3, raters=5, prompts=10)
    ours, theirs = summarise(votes, "x", "y"), summarise(votes, "y", "x")
    assert ours.claim is Claim.BETTER and theirs.claim is Claim.WORSE
    for name in ("wins", "losses", "ties", "both_bad", "raters", "votes_needed", "claim"):
        assert getattr(ours.mirrored, name) == getattr(theirs, name), name
    for name in ("rate", "low", "high", "p_value"):
        assert getattr(ours.mirrored, name) == pytest.approx(getattr(theirs, name), abs=1e-6), name


@pytest.mark.parametrize("counts", [(30, 10), (10, 30), (24, 24)])
def test_votes_that_have_nothing_in_common_have_about_wilsons_interval(counts):
    found, (low, high) = rated(*counts), wilson_interval(counts[0], sum(counts))
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.04)


def test_the_interval_holds_the_rate_even_when_every_vote_was_won():
    for counts in ((20, 0), (0, 20), (3, 0)):
        found = rated(*counts)
        assert found.low <= found.rate <= found.high
    assert rated(20, 0).low > 0.7


def test_nothing_is_claimed_under_ten_decided_votes_however_one_sided():
    assert rated(9, 0, 0).claim is Claim.TOO_FEW
    assert rated(9, 0, 50).claim is Claim.TOO_FEW
    assert rated(10, 0, 0).claim is Claim.BETTER
    assert not rated(9, 0, 0).is_decided


def test_a_claim_is_an_interval_that_leaves_out_one_half():
    for counts in ((60, 40), (61, 39), (66, 34), (34, 66), (61, 39, 100)):
        found = rated(*counts, prompts=20)
        assert found.is_decided == (not found.low <= 0.5 <= found.high) == (found.p_value < 0.05), counts


def test_votes_of_one_rater_are_claims_about_that_rater():
    found = rated(30, 10, raters=1)
    assert found.is_of_one and found.raters == 1 and found.claim is Claim.BETTER
    assert not rated(30, 10, raters=2).is_of_one


def test_the_same_votes_say_less_the_fewer_people_gave_them_and_the_fewer_prompts_they_are_on():
    many, few, one_prompt = rated(33, 15), rated(33, 15, raters=3), rated(33, 15, prompts=2)
    assert many.claim is Claim.BETTER
    assert few.high - few.low > 1.2 * (many.high - many.low) and few.claim is Claim.UNDECIDED
    assert one_prompt.high - one_prompt.low > 1.2 * (many.high - many.low) and one_prompt.claim is Claim.UNDECIDED


def test_comparisons_told_together_ask_for_more():
    votes = cast(64, 36, prompts=20)
    alone, among = summarise(votes, "x", "y"), summarise(votes, "x", "y", family=10)
    assert alone.claim is Claim.BETTER and among.claim is Claim.UNDECIDED
    assert among.low < alone.low < alone.high < among.high


def test_votes_on_other_arms_do_not_count():
    votes = [*cast(12, 3), Comparison("x", "z", Outcome.B), Comparison("z", "y", Outcome.A)]
    assert summarise(votes, "x", "y") == summarise(cast(12, 3), "x", "y")


@pytest.mark.parametrize("counts", [(6, 4, 0), (9, 5, 0), (13, 8, 5)])
def test_casting_the_votes_needed_at_the_present_rate_about_decides_the_test(counts):
    before = rated(*counts)
    assert before.votes_needed > 0
    wanted = (before.votes + before.votes_needed) / before.votes
    more, fewer = ([round(share * wanted * count) for count in counts] for share in (1.25, 0.7))
    assert rated(*more, prompts=min(60, sum(more))).is_decided
    assert not rated(*fewer, prompts=min(60, sum(fewer))).is_decided


def test_no_number_of_votes_decides_a_dead_heat():
    assert rated(20, 20, 3).votes_needed is None
    nothing = summarise([], "x", "y")
    assert (nothing.rate, nothing.p_value, nothing.votes_needed) == (None, None, None)
    assert (nothing.low, nothing.high, nothing.claim) == (0.0, 1.0, Claim.TOO_FEW)


def test_every_lead_can_be_decided_in_the_end():
    for wins, losses, ties in itertools.product(range(4), range(4), (0, 1, 5)):
        assert (rated(wins, losses, ties).votes_needed is None) == (wins == losses)


@pytest.mark.parametrize(("raters", "rounds", "rater_sd"), [(1, 2, 0.0), (3, 2, 1.0), (8, 1, 1.0)])
def test_equal_arms_are_seldom_called_unequal(raters, rounds, rater_sd):
    """The short form of `bench/statistics.py`; Wilson's interval fails this for three and eight raters."""
    spread = {"raters": raters, "prompts": 24, "rounds": rounds, "prompt_sd": 1.0, "rater_sd": rater_sd}
    found = [summarise(drawn(0.0, seed=seed, **spread), "x", "y") for seed in range(40)]
    assert sum(rate.is_decided for rate in found) <= 5
    naive = [wilson_interval(rate.wins + rate.ties / 2, rate.votes) for rate in found]
    assert raters == 1 or sum(not low <= 0.5 <= high for low, high in naive) > 6
