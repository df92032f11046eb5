"""Do two groups of clips differ in their mean rating?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from feedback.statistics.proportions import CONFIDENCE

SHUFFLES = 9_999
DIGITS = 2
"""Decimals of a value that are told apart; few different values keep the test quick."""


def permutation_p(first: Sequence[float], second: Sequence[float], seed: int = 0) -> float | None:
    """Two-sided p of the difference of the means, if it were chance which group a value is in; None for an empty group.

    Source: Pitman (1937), Supplement to the J. R. Stat. Soc. 4, 119-130. Of all ways to deal the values out again,
    `SHUFFLES` are drawn; counting the one at hand among them keeps the test exact and p above 0 (Phipson & Smyth, 2010,
    Stat. Appl. Genet. Mol. Biol. 9, article 39). It needs no normal values and bears any number of equal ones, as
    ratings have. How often each different value is dealt to the first group is multivariate hypergeometric.
    """
    if not (len(first) and len(second)):
        return None
    one, other = np.round(first, DIGITS), np.round(second, DIGITS)
    values, counts = np.unique(np.concatenate([one, other]), return_counts=True)
    dealt = np.random.default_rng(seed).multivariate_hypergeometric(counts, len(one), SHUFFLES, method="marginals")
    expected = len(one) * float(values @ counts) / float(counts.sum())
    # With the values and the groups' sizes fixed, the means are as far apart as the first sum is from its expectation.
    as_far = np.abs(dealt @ values - expected) >= abs(one.sum() - expected) - 10 ** -(DIGITS + 2)
    return (1 + int(np.count_nonzero(as_far))) / (1 + SHUFFLES)


def is_clear(p_value: float | None) -> bool:
    """Whether chance alone would hardly make such a difference."""
    return p_value is not None and p_value < 1 - CONFIDENCE
