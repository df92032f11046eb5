"""Differences of mean ratings, against scipy's own test and against what the test promises."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy.stats import permutation_test

from feedback.statistics.mean_difference import is_clear, permutation_p


def distance(one, other, axis=-1):
    return np.abs(np.mean(one, axis=axis) - np.mean(other, axis=axis))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([1, 2, 2, 3], [4, 4, 5, 5]),
        ([3, 3, 4, 2, 5], [3, 4, 4, 5]),
        ([2.5, 3.5, 4.0, 4.25, 1.0, 3.0], [3.5, 3.5, 4.5, 2.0]),
        ([1, 1], [5, 5, 5]),
    ],
)
def test_it_is_scipys_exact_permutation_test(first, second):
    exact = permutation_test((first, second), distance, n_resamples=np.inf, alternative="greater").pvalue
    assert permutation_p(first, second) == pytest.approx(exact, abs=0.02)


def test_both_directions_count_alike():
    one, other = [1.0, 2.0, 2.0, 3.0, 2.5], [3.0, 4.0, 4.5, 3.5]
    assert permutation_p(one, other) == pytest.approx(permutation_p(other, one), abs=0.01)


def test_equal_and_lonely_values_differ_in_nothing():
    assert permutation_p([4.0] * 30, [4.0] * 50) == 1.0
    assert permutation_p([1.0], [5.0]) == 1.0 and not is_clear(1.0)


def test_without_values_nothing_is_said():
    assert permutation_p([], [3.0]) is None and permutation_p([3.0], []) is None and not is_clear(None)


def test_a_large_difference_is_clear_and_never_certain():
    p_value = permutation_p([2.0, 3.0] * 20, [4.0, 5.0] * 20)
    assert is_clear(p_value) and p_value > 0


def test_the_same_ratings_give_the_same_answer():
    one, other = [3.0, 4.0, 2.0, 5.0], [3.0, 3.5, 4.5]
    assert permutation_p(one, other) == permutation_p(one, other)


def test_chance_alone_is_called_a_difference_in_at_most_one_case_of_twenty():
    random = np.random.default_rng(3)
    found = [
        is_clear(permutation_p(random.integers(1, 6, 12), random.integers(1, 6, 20), seed=trial))
        for trial in range(400)
    ]
    assert np.mean(found) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)


def test_thousands_of_clips_take_no_second():
    random = np.random.default_rng(5)
    first, second = (1 + 4 * random.random(3000) for _ in range(2))
    began = time.process_time()
    permutation_p(first, second)
    assert time.process_time() - began < 1
