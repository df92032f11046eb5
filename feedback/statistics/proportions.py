"""A share of votes: its interval and its test against one half."""

from __future__ import annotations

import math
from statistics import NormalDist

CONFIDENCE = 0.95
Z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)


def wilson_interval(successes: float, trials: float) -> tuple[float, float]:
    """Wilson's 95 % score interval, without continuity correction, for `successes` out of `trials`; (0, 1) for none.

    Source: Wilson (1927), J. Am. Stat. Assoc. 22, 209-212; method 3 of Newcombe (1998), Statistics in Medicine 17,
    857-872.

    `successes` may be fractional. Then the formula still holds, on the safe side: the interval is every p with
    |successes / trials - p| <= z sqrt(p (1 - p) / trials), and p (1 - p) is the largest variance that a score between
    0 and 1 with mean p can have (Bhatia & Davis, 2000, Am. Math. Monthly 107, 353-357). Whole successes reach it; half
    points stay below it, so the true coverage is at least what it is for whole ones.
    """
    if trials == 0:
        return 0.0, 1.0
    share, shrink = successes / trials, 1 + Z**2 / trials
    centre = (share + Z**2 / (2 * trials)) / shrink
    margin = Z * math.sqrt(share * (1 - share) / trials + (Z / (2 * trials)) ** 2) / shrink
    return max(0.0, centre - margin), min(1.0, centre + margin)


def binomial_p(successes: int, failures: int) -> float | None:
    """Exact two-sided p of a fair coin giving a count at least as far from half; None without any trial.

    Source: Conover (1999), Practical Nonparametric Statistics, section 3.4 (the sign test). A fair coin's distribution
    is symmetric, so both tails are twice the smaller one.
    """
    # Not `scipy.stats.binomtest`, which gives the same: loading scipy.stats takes a web process four times as long.
    from scipy.special import bdtr

    if successes + failures == 0:
        return None
    return min(1.0, 2 * float(bdtr(min(successes, failures), successes + failures, 0.5)))
