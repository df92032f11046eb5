import itertools
import subprocess
import sys
import time
from dataclasses import replace

import choix
import numpy as np
import pytest

from feedback.statistics import pooling
from feedback.statistics.bradley_terry import PRIOR_SD, connected_groups, fit, leaderboard, win_chance, win_matrix
from feedback.statistics.outcomes import Comparison, Outcome
from feedback.statistics.tests.voting import cast
from feedback.statistics.win_rate import Claim

# American League 1987, wins of row over column: Agresti (2002), Categorical Data Analysis, table 10.10.
TEAMS = ("Milwaukee", "Detroit", "Toronto", "New York", "Boston", "Cleveland", "Baltimore")
BASEBALL = np.array(
    [
        [0, 7, 9, 7, 7, 9, 11],
        [6, 0, 7, 5, 11, 9, 9],
        [4, 6, 0, 7, 7, 8, 12],
        [6, 8, 6, 0, 6, 7, 10],
        [6, 2, 6, 7, 0, 7, 12],
        [4, 4, 5, 6, 6, 0, 6],
        [2, 4, 1, 3, 1, 7, 0],
    ],
    dtype=float,
)
# Estimates and standard errors against Baltimore: Turner & Firth (2012), J. Statistical Software 48(9), section 2.
PUBLISHED = {
    "Boston": (1.1077, 0.3339),
    "Cleveland": (0.6839, 0.3319),
    "Detroit": (1.4364, 0.3396),
    "Milwaukee": (1.5814, 0.3433),
    "New York": (1.2476, 0.3359),
    "Toronto": (1.2945, 0.3367),
}
MANY = 10_000
"""Every game counted this often: the prior then weighs nothing, and standard errors shrink by its root."""


def season():
    games = itertools.count()
    return [
        Comparison(TEAMS[a], TEAMS[b], Outcome.A, rater=(game := next(games)), prompt=game % 12)
        for a in range(len(TEAMS))
        for b in range(len(TEAMS))
        for _ in range(int(BASEBALL[a, b]))
    ]


def simulated(strengths, votes, seed, raters=None, ties=0.1):
    rng = np.random.default_rng(seed)
    comparisons = []
    for _ in range(votes):
        a, b = rng.choice(len(strengths), 2, replace=False).tolist()
        won = Outcome.A if rng.random() < win_chance(strengths[a] - strengths[b]) else Outcome.B
        outcome = Outcome.TIE if rng.random() < ties else won
        rater = len(comparisons) if raters is None else int(rng.integers(raters))
        comparisons.append(Comparison(a, b, outcome, rater=rater, prompt=int(rng.integers(40))))
    return comparisons


def test_fit_gives_the_published_estimates_and_errors_of_the_baseball_season():
    strengths, covariance = fit(MANY * BASEBALL)
    for team, (estimate, error) in PUBLISHED.items():
        i, last = TEAMS.index(team), TEAMS.index("Baltimore")
        variance = covariance[i, i] + covariance[last, last] - 2 * covariance[i, last]
        assert strengths[i] - strengths[last] == pytest.approx(estimate, abs=2e-4)
        assert np.sqrt(MANY * variance) == pytest.approx(error, abs=2e-4)


def test_fit_is_the_penalised_maximum_that_choix_finds():
    pairs = [(a, b) for a in range(7) for b in range(7) for _ in range(int(BASEBALL[a, b]))]
    theirs = choix.opt_pairwise(7, pairs, alpha=1 / (2 * PRIOR_SD**2), tol=1e-12)
    assert fit(BASEBALL).strengths == pytest.approx(theirs, abs=1e-5)


def test_fit_of_many_data_sets_is_the_fit_of_each():
    rng = np.random.default_rng(2)
    wins = rng.poisson(2, (20, 4, 4)) * (1 - np.eye(4))
    together = fit(wins)
    for i in range(20):
        alone = fit(wins[i], start=rng.normal(0, 5, 4))
        assert together.strengths[i] == pytest.approx(alone.strengths, abs=1e-7)
        assert together.covariance[i] == pytest.approx(alone.covariance, abs=1e-7)


def test_fit_stays_finite_for_undefeated_arms_however_many_votes():
    for votes in (1, 1e3, 1e9):
        strengths = fit(np.array([[0, votes, 0], [0, 0, 0], [0, 0, 0]])).strengths
        assert np.isfinite(strengths).all()
        assert strengths[0] > strengths[2] > strengths[1]
    # The mode solves votes * (1 - chance) = s / PRIOR_SD^2, with the difference 2 s.
    assert votes * win_chance(-2 * strengths[0]) == pytest.approx(strengths[0] / PRIOR_SD**2, rel=1e-6)


def test_ties_are_half_wins_and_both_bad_is_nothing():
    ties = [Comparison("x", "y", Outcome.TIE)] * 4 + [Comparison("x", "y", Outcome.BOTH_BAD)] * 9
    assert win_matrix(ties, "xy").tolist() == [[0, 2], [2, 0]]
    board = leaderboard(ties)
    assert [standing.strength for standing in board.standings] == pytest.approx([0, 0], abs=1e-6)
    assert (board.votes, board.standings[0].ties) == (4, 4)


def test_a_weight_counts_as_that_many_votes_and_zero_as_none():
    twice = leaderboard([Comparison("x", "y", Outcome.A, weight=2), Comparison("x", "y", Outcome.B, weight=0)])
    assert twice.standings[0].strength == pytest.approx(
        leaderboard([Comparison("x", "y", Outcome.A)] * 2).standings[0].strength
    )


def test_leaderboard_of_the_season_stands_in_the_published_order():
    board = leaderboard(season(), reference="Baltimore")
    order = sorted(PUBLISHED, key=lambda team: -PUBLISHED[team][0])
    assert [standing.arm for standing in board.standings] == [*order, "Baltimore"]
    assert [standing.rank for standing in board.standings] == [1, 2, 3, 4, 5, 6, 7]
    first, last = board.standings[0], board.standings[-1]
    assert (first.wins, first.losses, last.wins) == (50, 28, 18)
    assert first.claim is Claim.BETTER
    assert first.expected_win_rate == pytest.approx(win_chance(first.strength - last.strength), abs=0.04)
    assert (last.claim, last.expected_win_rate) == (None, None)
    assert (first.rank_low, last.rank_high) == (1, 7) and first.rank_high < 7 and last.rank_low > 1
    assert all(s.low < s.strength < s.high and s.rank_low <= s.rank <= s.rank_high for s in board.standings)


def test_the_same_votes_give_the_same_board():
    votes = simulated([0.0, 0.4, 1.0], 300, seed=5)
    assert leaderboard(votes) == leaderboard(votes)


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    """10 tests of 180 votes, three arms."""
    truth = np.array([-0.6, 0.1, 0.5])
    held = [
        standing.low <= truth[standing.arm] <= standing.high
        for seed in range(10)
        for standing in leaderboard(simulated(truth, 180, seed, ties=0)).standings
    ]
    assert np.mean(held) >= 0.9


def test_votes_of_few_raters_leave_more_open():
    """Twenty raters who each say the same ten times over are worth far less than two hundred."""
    verdicts = [Outcome.A] * 12 + [Outcome.B] * 8
    copied = [
        Comparison("x", "y", verdict, rater=rater, prompt=n)
        for rater, verdict in enumerate(verdicts)
        for n in range(10)
    ]
    single = [replace(vote, rater=n) for n, vote in enumerate(copied)]
    widths = [board.standings[0].high - board.standings[0].low for board in map(leaderboard, (copied, single))]
    assert widths[0] > 1.8 * widths[1]
    assert (leaderboard(copied).raters, leaderboard(single).raters) == (20, 200)


def test_equal_arms_are_seldom_ranked_apart():
    """The short form of `bench/statistics.py`: five equal arms, eight raters who have favourites."""
    apart = 0
    for seed in range(8):
        rng = np.random.default_rng(seed)
        liked, fits = rng.normal(0, 1 / np.sqrt(2), (8, 5)), rng.normal(0, 1 / np.sqrt(2), (12, 5))
        votes = []
        for rater, prompt in itertools.product(range(8), range(12)):
            a, b = rng.choice(5, 2, replace=False).tolist()
            lead = liked[rater, a] - liked[rater, b] + fits[prompt, a] - fits[prompt, b]
            outcome = Outcome.A if rng.random() < win_chance(lead) else Outcome.B
            votes.append(Comparison(a, b, outcome, rater=rater, prompt=prompt))
        apart += any((s.rank_low, s.rank_high) != (1, 5) for s in leaderboard(votes).standings)
    assert apart <= 2


def test_the_more_arms_are_told_together_the_more_a_claim_asks_for():
    votes = cast(36, 18, prompts=20)
    alone, among = leaderboard(votes, reference="y"), leaderboard(votes, arms=["p", "q", "r"], reference="y")
    assert [s.claim for s in alone.standings if s.arm == "x"] == [Claim.BETTER]
    assert [s.claim for s in among.standings if s.arm == "x"] == [Claim.UNDECIDED]
    assert [(s.rank_low, s.rank_high) for s in alone.standings] == [(1, 1), (2, 2)]
    assert {(s.rank_low, s.rank_high) for s in among.standings} == {(1, 5)}


def test_arms_with_few_votes_have_no_rank_and_come_last():
    votes = [*cast(20, 10), *(Comparison("x", "z", Outcome.B, rater=n, prompt=n) for n in range(9))]
    board = leaderboard(votes, reference="x")
    assert [(s.arm, s.rank) for s in board.standings] == [("x", 1), ("y", 2), ("z", None)]
    last = board.standings[-1]
    assert last.strength > board.standings[0].strength and last.claim is Claim.TOO_FEW
    assert (last.rank_low, last.rank_high) == (1, 3)
    assert leaderboard([*votes, Comparison("x", "z", Outcome.B, rater=10, prompt=10)]).standings[0].arm == "z"


def test_arms_without_a_link_are_reported_in_groups_and_not_compared():
    votes = [Comparison("a", "b", Outcome.A), Comparison("b", "c", Outcome.A), Comparison("x", "y", Outcome.B)]
    board = leaderboard(votes, arms=["lonely"], reference="b")
    assert board.groups == (("a", "b", "c"), ("x", "y"), ("lonely",))
    assert not board.is_connected
    comparable = {standing.arm: standing.claim is not None for standing in board.standings}
    assert comparable == {"a": True, "b": False, "c": True, "x": False, "y": False, "lonely": False}
    assert leaderboard(votes[:2]).is_connected


def test_groups_follow_long_chains():
    chain = np.diag(np.ones(40), k=1)
    assert connected_groups(chain) == [list(range(41))]
    chain[20, 21] = 0
    assert connected_groups(chain) == [list(range(21)), list(range(21, 41))]


def test_a_board_without_votes_or_arms_is_empty_but_valid():
    assert leaderboard([]).standings == ()
    board = leaderboard([], arms=["x", "y"])
    assert [standing.strength for standing in board.standings] == pytest.approx([0, 0], abs=1e-6)
    assert (board.votes, board.groups) == (0, (("x",), ("y",)))
    # Nothing is known: the interval is the prior's.
    assert board.standings[0].high - board.standings[0].low == pytest.approx(
        2 * 1.96 * pooling.PRIOR_SD / np.sqrt(2), rel=0.05
    )


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match="reference"):
        leaderboard([Comparison("x", "y", Outcome.A)], reference="z")
    with pytest.raises(ValueError, match="itself"):
        Comparison("x", "x", Outcome.A)
    for weight in (-1, float("nan")):
        with pytest.raises(ValueError, match="negative"):
            Comparison("x", "y", Outcome.A, weight=weight)


def test_five_arms_and_two_thousand_votes_take_under_five_seconds_of_computing():
    votes = simulated([0.0, 0.2, 0.6, 0.8, 1.4], 2000, seed=1, raters=40)
    began = time.process_time()
    board = leaderboard(votes, reference=0)
    assert time.process_time() - began < 5
    assert [standing.arm for standing in board.standings] == [4, 3, 2, 1, 0]


def test_importing_the_statistics_loads_neither_scipy_nor_django_nor_torch():
    script = (
        "import sys; from feedback.statistics import agreement, assignment, bradley_terry, mean_difference, pooling,"
        " position_bias, reliability, win_rate; print(sorted({'scipy', 'django', 'torch', 'choix'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
