"""How often one arm beats another, and what may be said about it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from feedback.statistics.proportions import CONFIDENCE, Z, binomial_p, sign_test_p, wilson_interval

MIN_DECIDED = 10
"""Decided votes under which nothing is claimed, however one-sided they are."""


class Claim(StrEnum):
    """What the votes allow to be said about the arm that `wins` counts."""

    TOO_FEW = "too_few"
    UNDECIDED = "undecided"
    BETTER = "better"
    WORSE = "worse"


@dataclass(frozen=True, slots=True)
class WinRate:
    """The votes on one arm against another.

    `rate` (None without votes), `low` and `high` are shares from 0 to 1, ties counted half; `p_value` is None without
    a decided vote. `votes_needed` is how many more votes decide the test if the present rate holds: 0 when it is
    decided, None when no number would do (no votes, or exactly half).
    """

    wins: int
    losses: int
    ties: int
    both_bad: int
    rate: float | None
    low: float
    high: float
    p_value: float | None
    votes_needed: int | None
    claim: Claim

    @property
    def decided(self) -> int:
        """Votes that name a winner."""
        return self.wins + self.losses

    @property
    def votes(self) -> int:
        """Votes the rate stands on: all but "both bad"."""
        return self.decided + self.ties

    @property
    def is_decided(self) -> bool:
        """Whether one arm may be called better than the other."""
        return self.claim in (Claim.BETTER, Claim.WORSE)


def summarise(wins: int, losses: int, ties: int, both_bad: int = 0) -> WinRate:
    """The win rate with its 95 % interval, p-value, votes still needed and claim. Negative counts: `ValueError`.

    - The rate is (wins + ties / 2) / (wins + losses + ties): a tie is half a win for both, so the two arms' rates
      add up to 1. The interval is Wilson's for that fractional count (see `wilson_interval`: never too narrow).
    - The p-value is the exact two-sided binomial one (sign test) on decided votes; ties are dropped from it, since
      under the hypothesis of equal arms they carry no information on the direction.
    - A claim needs ten decided votes, an interval that leaves out one half, and p < 0.05. The two criteria differ
      only at the border, where the interval alone would claim a little too often (9 to 2: p = 0.065).
    - "Both bad" counts as neither a win, nor a loss, nor a tie. It says that both clips fail, not that they are equal,
      and how often both fail depends on the prompts. Counted as ties, such votes would pull the rate towards one half
      and narrow the interval, so that hard prompts would look like evidence of equal arms. Their number is reported.
    """
    if min(wins, losses, ties, both_bad) < 0:
        raise ValueError("Counts of votes cannot be negative.")
    votes, score = wins + losses + ties, wins + ties / 2
    rate = score / votes if votes else None
    low, high = wilson_interval(score, votes)
    p_value = binomial_p(wins, losses)
    claim = _claim(wins + losses, low, high, p_value)
    needed = 0 if claim in (Claim.BETTER, Claim.WORSE) else _votes_needed(wins, losses, ties)
    return WinRate(wins, losses, ties, both_bad, rate, low, high, p_value, needed, claim)


def _claim(decided: int, low: float, high: float, p_value: float | None) -> Claim:
    if decided < MIN_DECIDED or p_value is None:
        return Claim.TOO_FEW
    if low <= 0.5 <= high or p_value >= 1 - CONFIDENCE:
        return Claim.UNDECIDED
    return Claim.BETTER if low > 0.5 else Claim.WORSE


def _votes_needed(wins: int, losses: int, ties: int) -> int | None:
    """The least number of further votes, in today's proportions, that meets the three conditions of a claim.

    Wilson's interval leaves out 1/2 exactly when |rate - 1/2| > z / (2 sqrt(votes)), which gives the number of votes
    that the interval asks for; the exact test asks for at most a few more, searched from there on.
    """
    votes, lead = wins + losses + ties, abs(wins - losses)
    if lead == 0:
        return None
    excess = lead / (2 * votes)
    totals = max(votes + 1, math.floor((Z / (2 * excess)) ** 2) + 1) + np.arange(math.ceil(4 / excess) + MIN_DECIDED)
    decided = np.round(totals * ((wins + losses) / votes)).astype(np.int64)
    fewer = np.round(totals * (min(wins, losses) / votes)).astype(np.int64)
    enough = (decided >= MIN_DECIDED) & (sign_test_p(fewer, decided) < 1 - CONFIDENCE)
    return int(totals[np.argmax(enough)]) - votes if enough.any() else None
