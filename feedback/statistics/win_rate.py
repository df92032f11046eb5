"""How often one arm beats another, and what may be said about it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from feedback.statistics.outcomes import Arm, Comparison, Outcome
from feedback.statistics.pooling import Posterior, posterior
from feedback.statistics.proportions import CONFIDENCE

MIN_DECIDED = 10
"""Decided votes under which nothing is claimed, however one-sided they are."""


class Claim(StrEnum):
    """What the votes allow to be said about the arm that `wins` counts."""

    TOO_FEW = "too_few"
    UNDECIDED = "undecided"
    BETTER = "better"
    WORSE = "worse"


OPPOSITE = {Claim.BETTER: Claim.WORSE, Claim.WORSE: Claim.BETTER}


@dataclass(frozen=True, slots=True)
class WinRate:
    """The votes on one arm against another.

    `rate` (None without votes) is the share of the votes won, ties counted half. `low` and `high` are shares from 0 to
    1: the interval for the average rater and prompt, or, with one rater, for that rater. `p_value` is None without a
    decided vote. `votes_needed` is about how many more votes decide the test if the present rate holds: 0 when it is
    decided, None when no number would do (no votes, or exactly half).
    """

    wins: int
    losses: int
    ties: int
    both_bad: int
    raters: int
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

    @property
    def is_of_one(self) -> bool:
        """Whether all that is said is said of one rater."""
        return self.raters == 1

    @property
    def mirrored(self) -> WinRate:
        """The same votes from the other side."""
        return replace(
            self,
            wins=self.losses,
            losses=self.wins,
            rate=None if self.rate is None else 1 - self.rate,
            low=1 - self.high,
            high=1 - self.low,
            claim=OPPOSITE.get(self.claim, self.claim),
        )


def summarise(votes: Iterable[Comparison], arm: Arm, against: Arm, *, family: int = 1) -> WinRate:
    """The win rate with its 95 % interval, p-value, votes still needed and claim, from votes on these two arms.

    - The rate is (wins + ties / 2) / (wins + losses + ties): a tie is half a win for both, so the two arms' rates
      add up to 1.
    - Interval and p-value know that votes of one rater, and on one prompt, are alike (`pooling`). The interval is
      widened where it would leave out the rate itself, as when every vote was won.
    - A claim needs ten decided votes and an interval that leaves out one half. `family` is how many comparisons are
      told together: intervals and claims then hold for all of them at once (Bonferroni).
    - "Both bad" counts as neither a win, nor a loss, nor a tie. It says that both clips fail, not that they are equal,
      and how often both fail depends on the prompts. Counted as ties, such votes would pull the rate towards one half
      and narrow the interval, so that hard prompts would look like evidence of equal arms. Their number is reported.
    """
    votes = [vote if vote.arm_a == arm else vote.turned for vote in votes if vote.pair == {arm, against}]
    counts = Counter(vote.outcome for vote in votes)
    wins, losses, ties = counts[Outcome.A], counts[Outcome.B], counts[Outcome.TIE]
    total, raters = wins + losses + ties, len({vote.rater for vote in votes})
    if not total:
        return WinRate(0, 0, 0, counts[Outcome.BOTH_BAD], raters, None, 0.0, 1.0, None, None, Claim.TOO_FEW)
    found, rate = posterior(votes, (arm, against)), (wins + ties / 2) / total
    tail = (1 - CONFIDENCE) / 2 / family
    low, high = min(rate, quantile(found, 0, 1, tail)), max(rate, quantile(found, 0, 1, 1 - tail))
    worse = found.below(0, 1, 0.0)
    p_value = min(1.0, 2 * min(worse, 1 - worse)) if wins + losses else None
    claim = _claim(wins + losses, worse, tail)
    needed = 0 if claim in OPPOSITE else _votes_needed(wins, losses, ties, p_value, tail)
    return WinRate(wins, losses, ties, counts[Outcome.BOTH_BAD], raters, rate, low, high, p_value, needed, claim)


def quantile(found: Posterior, place: int, other: int, share: float) -> float:
    """The win rate of arm `place` against `other` below which it lies with probability `share`."""
    from scipy.optimize import brentq

    logit = brentq(lambda logit: found.below(place, other, logit) - share, -40.0, 40.0)
    return 0.5 * (1 + math.tanh(logit / 2))


def _claim(decided: int, worse: float, tail: float) -> Claim:
    """`worse` is the probability that the arm loses more than it wins."""
    if decided < MIN_DECIDED:
        return Claim.TOO_FEW
    if tail <= worse <= 1 - tail:
        return Claim.UNDECIDED
    return Claim.BETTER if worse < tail else Claim.WORSE


def _votes_needed(wins: int, losses: int, ties: int, p_value: float | None, tail: float) -> int | None:
    """About the least number of further votes, in today's proportions, that allows a claim.

    The distance from one half in standard deviations grows as the root of the votes, if raters and prompts grow with
    them.
    """
    from scipy.special import ndtri

    if wins == losses or p_value is None:
        return None
    votes, distance = wins + losses + ties, -ndtri(p_value / 2)
    enough: int = math.ceil(votes * (ndtri(tail) / max(distance, 1e-3)) ** 2)
    shown = math.ceil(MIN_DECIDED * votes / (wins + losses))
    return max(1, max(enough, shown) - votes)
