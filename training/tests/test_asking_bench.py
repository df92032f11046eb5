"""`bench.asking` in small: a pool without a model, fewer votes with asking, and no gate that chance opens."""

from __future__ import annotations

import numpy as np
import pytest

from bench.asking import Pool, accuracies, ever_opened, needed, vote


@pytest.fixture(scope="module")
def pool() -> Pool:
    """40 prompts with 6 clips and 20 held out. A tenth of what is heard varies much, and a taste is some of it."""
    rng = np.random.default_rng(77)
    prompts = [number for number in range(60) for _ in range(6)]
    features = rng.standard_normal((360, 40)) * np.geomspace(1, 0.1, 40) @ rng.standard_normal((40, 40))
    features += 0.3 * rng.standard_normal((60, 40))[prompts]
    return Pool.of(features, [20, 20], {"some": features @ rng.standard_normal(40)}, prompts, 40)


def curve(pool: Pool, strategy: str) -> np.ndarray:
    found = []
    for repetition in range(4):
        rng = np.random.default_rng([5, repetition])
        liked = pool.liked["some"]
        votes = vote(pool, strategy, lambda a, b: bool((liked[a] > liked[b]) != (rng.random() < 0.1)), rng, 80)  # noqa: B023
        found.append(accuracies(pool, votes, liked, CHECKED))
    return np.mean(found, axis=0)


CHECKED = (10, 20, 30, 40, 60, 80)


def test_fewer_votes_are_needed_than_by_lot(pool):
    by_lot = curve(pool, "random")
    assert needed(curve(pool, "asked"), by_lot.max(), CHECKED) < 0.85 * 80


def test_the_same_seed_votes_the_same_and_no_pair_comes_twice(pool):
    first, again = (vote(pool, "asked", lambda a, b: a < b, np.random.default_rng(3), 60) for _ in range(2))
    assert first == again and len({(one.left, one.right) for one in first}) == 60


def test_votes_needed_are_interpolated():
    assert needed(np.array([0.5, 0.7, 0.6, 0.9]), 0.8, (10, 20, 30, 40)) == pytest.approx(35, abs=0.1)
    assert needed(np.array([0.5, 0.6]), 0.8, (10, 20)) == np.inf


def test_chance_does_not_open_the_gate(pool):
    assert sum(ever_opened(pool, np.random.default_rng([9, run]), 60) for run in range(10)) <= 2
