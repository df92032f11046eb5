"""How much a rater's votes should weigh, from controls hidden among the trials.

Model (the one-coin model of Dawid & Skene, 1979, Applied Statistics 28, 20-28): on pairs where one clip is better, a
rater names the better one with probability x, and r = 2 x - 1 is the reliability: 1 always right, 0 a coin, below 0
systematically wrong. From it follow the chances of what can be observed:

    a gold pair is answered rightly                                 (1 + r) / 2
    a hidden repeat is answered as the first time (right or wrong twice)   (1 + r^2) / 2
    another rater of reliability q is agreed with                   (1 + r q) / 2

x has the prior Beta(3, 1), mean r = 0.5: four imagined answers that shrink little evidence to a moderate weight. The
posterior is the prior times the binomial likelihoods, integrated over a grid of x, and the weight is the posterior
mean of r, cut at 0. Karger, Oh & Shah (2014, Operations Research 62, 1-24) show that votes weighted by 2 x - 1 are the
best linear estimate under this model; a rater at or below chance gets none, since answers are not to be reversed on
suspicion.

Where clips are alike, good raters disagree too. That is the part of q: `peer_reliability` takes it from the agreement
actually seen among a test's raters, and where they hardly agree q is near 0, and agreement no longer counts for or
against anybody. Repeats are a rater's agreement with themselves, and few; they are taken at face value.

A certain position bias caps the weight: whoever lets the side decide a share b of the answers is left with 1 - b that
can follow the sound. It is a cap and not a factor, because the same habit already spoils repeats (sides are swapped)
and gold pairs, and must not be punished twice.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from feedback.statistics.agreement import PairAgreement
from feedback.statistics.position_bias import PositionBias, estimate
from generation.texts import gettext_noop

PRIOR_RIGHT, PRIOR_WRONG = 3.0, 1.0
PEER_RELIABILITY = 0.6
"""The q of the others until it is known: raters who are right four times in five."""
PEER_PAIRS = 20
"""How many pairs of raters it takes for their agreement to count as much as the assumed q."""
GRID = (np.arange(2000) + 0.5) / 2000


@dataclass(frozen=True, slots=True)
class Evidence:
    """Counts on one rater. Raises `ValueError` when a part exceeds its whole or is negative.

    - `repeats`: hidden repeats where a winner was named both times; `repeats_same`: the same clip won again.
    - `gold`: pairs with one clip degraded on purpose; `gold_right`: the intact clip won. A tie there is not right.
    - `comparisons`: decided votes of this rater on pairs of clips that others judged too, each counted once; a vote
      where the others are split is left out. `agreements`: those for the clip that most others preferred.
    - `first_chosen`, `second_chosen`: decided votes by the side that won.
    """

    repeats_same: int = 0
    repeats: int = 0
    gold_right: int = 0
    gold: int = 0
    agreements: int = 0
    comparisons: int = 0
    first_chosen: int = 0
    second_chosen: int = 0

    def __post_init__(self) -> None:
        shares = ((self.repeats_same, self.repeats), (self.gold_right, self.gold), (self.agreements, self.comparisons))
        if any(not 0 <= part <= whole for part, whole in shares):
            raise ValueError("A part of the evidence exceeds its whole.")


@dataclass(frozen=True, slots=True)
class Reliability:
    """A rater's weight in [0, 1], the 90 % interval of the reliability behind it, and what it rests on."""

    weight: float
    low: float
    high: float
    evidence: Evidence
    position_bias: PositionBias

    @property
    def sentence(self) -> str:
        return in_words(self.evidence, self.weight)


def peer_reliability(agreement: PairAgreement) -> float:
    """The q of a test's raters, from how often two of them agree on decided votes, shrunk to `PEER_RELIABILITY`.

    Two raters of reliability q agree with chance (1 + q^2) / 2.
    """
    expected = PEER_PAIRS * (1 + PEER_RELIABILITY**2) / 2
    share = (agreement.agreeing + expected) / (agreement.compared + PEER_PAIRS)
    return math.sqrt(max(0.0, 2 * share - 1))


def reliability(evidence: Evidence, peers: float = PEER_RELIABILITY) -> Reliability:
    """The weight of a rater's votes; `peers` in [0, 1] is the q of those compared with (see `peer_reliability`)."""
    if not 0 <= peers <= 1:
        raise ValueError("The reliability of peers lies between 0 and 1.")
    posterior, r = _posterior(evidence, peers), 2 * GRID - 1
    bias = estimate(evidence.first_chosen, evidence.second_chosen)
    weight = min(max(0.0, float(posterior @ r)), 1 - bias.certain_share)
    low, high = np.interp([0.05, 0.95], np.cumsum(posterior), r).tolist()
    return Reliability(weight, max(0.0, low), max(0.0, high), evidence, bias)


def _posterior(evidence: Evidence, peers: float) -> NDArray[np.float64]:
    """Probabilities of the grid's accuracies."""
    r = 2 * GRID - 1
    logs = (PRIOR_RIGHT - 1) * np.log(GRID) + (PRIOR_WRONG - 1) * np.log1p(-GRID)
    for hits, trials, chance in (
        (evidence.gold_right, evidence.gold, (1 + r) / 2),
        (evidence.repeats_same, evidence.repeats, (1 + r**2) / 2),
        (evidence.agreements, evidence.comparisons, (1 + r * peers) / 2),
    ):
        logs = logs + hits * np.log(chance) + (trials - hits) * np.log1p(-chance)
    density: NDArray[np.float64] = np.exp(logs - logs.max())
    density /= density.sum()
    return density


def in_words(evidence: Evidence, weight: float, say: Callable[[str], str] = str) -> str:
    """What a weight rests on, for people; `say` says a text in another language."""
    bias = estimate(evidence.first_chosen, evidence.second_chosen)
    parts = [
        said % {"hits": hits, "trials": trials}
        for hits, trials, said in (
            (
                evidence.repeats_same,
                evidence.repeats,
                say(gettext_noop("%(hits)s of %(trials)s hidden repeats answered the same way")),
            ),
            (evidence.gold_right, evidence.gold, say(gettext_noop("%(hits)s of %(trials)s control pairs right"))),
            (
                evidence.agreements,
                evidence.comparisons,
                say(gettext_noop("%(hits)s of %(trials)s comparisons with other raters agree")),
            ),
        )
        if trials
    ]
    if bias.is_biased and bias.share is not None:
        first = say(gettext_noop("the clip shown first preferred in %(share)s of votes, more than chance allows"))
        second = say(gettext_noop("the clip shown second preferred in %(share)s of votes, more than chance allows"))
        said, share = max((first, bias.share), (second, 1 - bias.share), key=lambda option: option[1])
        parts.append(said % {"share": f"{share:.0%}"})
    if not parts:
        said = say(
            gettext_noop("Nothing to judge this rater by yet: votes weigh %(weight)s until controls are answered.")
        )
        return said % {"weight": f"{weight:.2f}"}
    text = say(gettext_noop("; ")).join(parts)
    return say(gettext_noop("%(evidence)s: votes weigh %(weight)s.")) % {
        "evidence": f"{text[0].upper()}{text[1:]}",
        "weight": f"{weight:.2f}",
    }
