"""What to ask next: what an answer tells, pairs in different directions, and nothing asked twice or in vain."""

from __future__ import annotations

import numpy as np
import pytest

from training.trainer.asking import Pairs, Reason, information, next_pairs, pairs_of
from training.trainer.votes import Vote


def pool(seed: int = 0, prompts: int = 12, clips: int = 5, width: int = 6):
    rng = np.random.default_rng(seed)
    names = [f"p{prompt}" for prompt in range(prompts) for _ in range(clips)]
    return rng.standard_normal((len(names), width)), names


def votes_by(points, pairs, head, some):
    chosen = points[pairs.left[some]] @ head > points[pairs.right[some]] @ head
    return [
        Vote(int(pairs.left[i]), int(pairs.right[i]), 0.9 if won else 0.1, int(pairs.prompt[i]), "anna")
        for i, won in zip(some, chosen, strict=True)
    ]


def test_an_answer_tells_what_it_does_in_a_simulation():
    """Entropy of the answer less the entropy given the head, by a million draws of the head."""
    draws = np.random.default_rng(1).standard_normal(1_000_000)

    def entropy(p):
        return -(p * np.log2(p) + (1 - p) * np.log2(1 - p))

    for margin, variance in ((0.0, 1.0), (0.5, 4.0), (-2.0, 0.3), (1.0, 9.0)):
        chance = 1 / (1 + np.exp(-(margin + np.sqrt(variance) * draws)))
        wanted = entropy(chance.mean()) - np.nanmean(entropy(chance))
        found = information(np.array([margin]), np.array([variance]))[0]
        assert found == pytest.approx(wanted, abs=0.004), (margin, variance)


def test_a_known_head_and_a_foregone_answer_tell_nothing():
    told = information(np.array([0.0, 0.0, 30.0]), np.array([0.0, 1.0, 1.0]))
    assert told[0] == pytest.approx(0, abs=1e-9) and told[2] < 1e-6 and told[1] > 0.05


def test_pairs_are_those_of_one_prompt():
    pairs = pairs_of(["a", "b", "a", "a", "b"])
    assert sorted(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)) == [(0, 2), (0, 3), (1, 4), (2, 3)]
    assert len(pairs_of([])) == 0 == len(pairs_of(["a", "b"]))


def test_before_any_vote_the_farthest_pairs_come_each_in_another_direction():
    points = np.zeros((8, 4))
    points[1], points[3], points[5], points[7] = [9, 0, 0, 0], [8.9, 0.1, 0, 0], [0, 7, 0, 0], [0, 0, 1, 0]
    pairs = pairs_of(["a", "a", "b", "b", "c", "c", "d", "d"])
    asked = next_pairs(points, pairs, [], count=2, random_share=0.0)
    assert [pairs.prompt[one.place] for one in asked] == [0, 2], "the second farthest has the direction of the first"
    assert {one.reason for one in asked} == {Reason.TEACHES}


def test_after_votes_it_asks_about_what_they_leave_open():
    """All that was voted on lies along the first axis: what comes next lies along the others."""
    points, names = pool()
    pairs = pairs_of(names)
    lined = points * np.array([1.0, 0, 0, 0, 0, 0])
    head = np.array([3.0, 0, 0, 0, 0, 0])
    there = Pairs(pairs.left + len(points), pairs.right + len(points), pairs.prompt)
    votes = votes_by(np.concatenate([points, lined]), there, head, np.arange(120))

    def share(said):
        asked = next_pairs(np.concatenate([points, lined]), pairs, said, count=8, penalty=1.0, random_share=0.0)
        design = points[pairs.left] - points[pairs.right]
        return ((design[:, 0] ** 2 / (design**2).sum(1))[[one.place for one in asked]]).mean()

    assert share(votes) < 0.7 * share([])


def test_no_pair_comes_twice_and_equal_clips_never_come():
    points, names = pool()
    points[1] = points[0]
    points[2] = points[0] + 1e-4
    pairs = pairs_of(names)
    for share in (0.0, 0.25, 1.0):
        asked = next_pairs(points, pairs, [], count=10_000, random_share=share, seed=3)
        places = [one.place for one in asked]
        assert len(set(places)) == len(places) == len(pairs) - 3
        assert not [p for p in places if {int(pairs.left[p]), int(pairs.right[p])} <= {0, 1, 2}]


def test_nothing_is_asked_where_there_is_nothing():
    nothing = np.zeros(0, dtype=np.intp)
    assert next_pairs(np.zeros((0, 3)), Pairs(nothing, nothing, nothing), []) == []
    assert next_pairs(np.ones((4, 3)), pairs_of(["a"] * 4), []) == []


def test_the_stated_share_is_drawn_by_lot_among_all():
    points, names = pool(prompts=30)
    pairs = pairs_of(names)
    drawn = [next_pairs(points, pairs, [], seed=seed)[0] for seed in range(400)]
    by_lot = [one.place for one in drawn if one.reason is Reason.RANDOM]
    assert 75 <= len(by_lot) <= 125
    assert len(set(by_lot)) > 60, "each its own"
    assert len({one.place for one in drawn if one.reason is Reason.TEACHES}) == 1, "the best is the best"


def test_the_same_seed_asks_the_same():
    points, names = pool()
    pairs = pairs_of(names)
    votes = votes_by(points, pairs, np.ones(6), np.arange(20))
    first = next_pairs(points, pairs, votes, count=9, seed=5)
    assert first == next_pairs(points, pairs, votes, count=9, seed=5)
    assert first != next_pairs(points, pairs, votes, count=9, seed=6)
