from collections import Counter
from dataclasses import replace
from itertools import combinations, pairwise

import numpy as np
import pytest

from bench.assignment import STRATEGIES, Panel, simulate
from feedback.statistics.assignment import Candidate, Strategy, choose, difference_variance, order_doubts, urgency
from feedback.statistics.bradley_terry import fit, win_chance
from feedback.statistics.outcomes import Comparison, Outcome


def a_test(arms="ABC", prompts=4):
    return [Candidate(a, b, prompt) for a, b in combinations(arms, 2) for prompt in range(prompts)]


def rng(seed=0):
    return np.random.default_rng(seed)


def votes(a, b, won, lost):
    return [Comparison(a, b, Outcome.A)] * won + [Comparison(a, b, Outcome.B)] * lost


@pytest.mark.parametrize("strategy", list(Strategy))
def test_a_rater_sees_everything_once_and_then_nothing(strategy):
    candidates, shown = a_test(), []
    while (choice := choose(candidates, strategy=strategy, rng=rng(1))) is not None:
        assert not choice.seen
        shown.append((choice.pair, choice.prompt))
        candidates[candidates.index(choice)] = replace(choice, seen=True, votes=choice.votes + 1)
    assert len(shown) == len(set(shown)) == len(candidates)
    assert choose([], strategy=strategy, rng=rng()) is None


def test_uniform_keeps_pairs_and_prompts_level_at_every_moment():
    candidates, pairs, prompts = a_test("ABCD", prompts=5), Counter(), Counter()
    generator = rng(3)
    for _ in range(90):
        choice = choose(candidates, strategy=Strategy.UNIFORM, rng=generator)
        candidates[candidates.index(choice)] = replace(choice, votes=choice.votes + 1)
        pairs[choice.pair] += 1
        prompts[choice.prompt] += 1
        assert max(pairs.values()) - (min(pairs.values()) if len(pairs) == 6 else 0) <= 1
    assert max(prompts.values()) - min(prompts.values()) <= 2
    assert {candidate.votes for candidate in candidates} == {3}


@pytest.mark.parametrize("strategy", list(Strategy))
def test_what_was_begun_is_finished_first_up_to_the_overlap(strategy):
    candidates = a_test()
    candidates[5] = replace(candidates[5], votes=1)
    finished = [*candidates[:5], replace(candidates[5], votes=3), *candidates[6:]]
    seen = [*candidates[:5], replace(candidates[5], seen=True), *candidates[6:]]
    assert choose(candidates, strategy=strategy, rng=rng(), overlap=3) == candidates[5]
    assert choose(candidates, strategy=strategy, rng=rng(), overlap=1) != candidates[5]
    assert choose(finished, strategy=strategy, rng=rng(), overlap=3).votes == 0
    assert choose(seen, strategy=strategy, rng=rng(), overlap=3).votes == 0


@pytest.mark.parametrize("strategy", list(Strategy))
def test_of_a_pair_the_least_judged_clips_come_first_then_the_least_judged_prompt(strategy):
    candidates = [
        Candidate("A", "B", "dusk", votes=2),
        Candidate("A", "B", "dawn"),
        Candidate("B", "A", "noon", votes=1),
    ]
    assert choose(candidates, strategy=strategy, rng=rng()).prompt == "dawn"
    # Two clips of each pair and prompt: "noon" was judged with other clips.
    level = [
        Candidate("A", "B", "noon", key=1),
        Candidate("A", "B", "noon", votes=3, key=2),
        Candidate("A", "B", "dawn"),
    ]
    assert all(choose(level, strategy=strategy, rng=rng(seed)).prompt == "dawn" for seed in range(5))


def test_the_same_seed_gives_the_same_choice_and_lots_differ_between_seeds():
    candidates = a_test(prompts=30)
    again = {choose(candidates, strategy=Strategy.UNIFORM, rng=rng(7)) for _ in range(5)}
    assert len(again) == 1
    assert len({choose(candidates, strategy=Strategy.UNIFORM, rng=rng(seed)) for seed in range(20)}) > 5


def test_uncertainty_asks_about_neighbours_that_are_close_not_about_arms_far_apart():
    """A far ahead of B and C, which are level: by the book the rarest pair comes next, by doubt B against C."""
    past = votes("A", "B", 40, 4) + votes("A", "C", 38, 6) + votes("B", "C", 25, 22)
    candidates = [replace(candidate, votes=10) for candidate in a_test()]
    choice = choose(candidates, past, strategy=Strategy.UNCERTAINTY, rng=rng())
    assert choice.pair == {"B", "C"}


def test_uncertainty_asks_about_an_arm_nobody_has_heard():
    past = votes("A", "B", 300, 100) + votes("B", "C", 300, 100)
    choice = choose(a_test("ABCD"), past, strategy=Strategy.UNCERTAINTY, rng=rng())
    assert "D" in choice.pair


def test_choose_takes_the_pair_of_highest_urgency():
    generator = rng(11)
    for _ in range(20):
        wins = generator.poisson(6, (4, 4)) * (1.0 - np.eye(4))
        past = [Comparison(a, b, Outcome.A, weight=wins[a, b]) for a in range(4) for b in range(4) if a != b]
        expected = np.unravel_index(np.argmax(urgency(fit(wins))), (4, 4))
        choice = choose(a_test(range(4)), past, strategy=Strategy.UNCERTAINTY, rng=generator)
        assert choice.pair == set(map(int, expected))


def test_urgency_is_the_doubt_weighted_share_of_variance_that_one_more_vote_takes():
    """Each vote added to the precision matrix, inverted anew, and the neighbours' variances compared."""
    wins = rng(4).poisson(5, (5, 5)) * (1.0 - np.eye(5))
    state = fit(wins)
    order = np.argsort(-state.strengths)
    doubts, before = order_doubts(state), difference_variance(state.covariance)
    for a, b in combinations(range(5), 2):
        along = np.eye(5)[a] - np.eye(5)[b]
        chance = win_chance(state.strengths[a] - state.strengths[b])
        precision = np.linalg.inv(state.covariance) + chance * (1 - chance) * np.outer(along, along)
        after = difference_variance(np.linalg.inv(precision))
        shares = [1 - after[i, j] / before[i, j] for i, j in pairwise(order)]
        assert urgency(state)[a, b] == pytest.approx(float(doubts @ shares))
        assert urgency(state)[b, a] == pytest.approx(urgency(state)[a, b])


def test_order_doubts_are_the_shares_of_posterior_draws_in_the_other_order():
    state = fit(np.array([[0, 6, 9, 8], [4, 0, 7, 6], [2, 4, 0, 5], [1, 3, 5, 0]], dtype=float))
    draws = rng().multivariate_normal(state.strengths, state.covariance, size=200_000)
    order = np.argsort(-state.strengths)
    reversed_ = [(draws[:, a] < draws[:, b]).mean() for a, b in pairwise(order)]
    assert order_doubts(state) == pytest.approx(reversed_, abs=5e-3)


def test_doubt_and_urgency_of_many_fits_are_those_of_each():
    wins = rng(6).poisson(3, (7, 4, 4)) * (1.0 - np.eye(4))
    together = fit(wins)
    for i in range(7):
        assert order_doubts(together)[i] == pytest.approx(order_doubts(fit(wins[i])), abs=1e-9)
        assert urgency(together)[i] == pytest.approx(urgency(fit(wins[i])), abs=1e-9)


@pytest.mark.slow
def test_uncertainty_needs_at_most_seven_tenths_of_the_uniform_strategys_votes():
    """The benchmark in small, with arms wide enough apart to be quick; both strategies stop at the right order."""
    panel = Panel((0.0, 0.4, 1.0, 1.5, 2.3), repetitions=60, seed=4)
    uniform, doubt = (simulate(panel, STRATEGIES[name], seed=4) for name in ("uniform", "uncertainty"))
    assert np.median(doubt.votes) <= 0.7 * np.median(uniform.votes)
    assert min(uniform.right.mean(), doubt.right.mean()) >= 0.93


def test_a_simulation_can_be_repeated_exactly():
    one, other = (
        simulate(Panel((0.0, 0.8, 1.6, 2.4, 3.2), repetitions=5, seed=seed), STRATEGIES["uncertainty"], seed=seed)
        for seed in (2, 2)
    )
    assert one.votes.tolist() == other.votes.tolist()
