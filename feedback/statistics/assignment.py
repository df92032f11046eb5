"""Which pair of clips a rater should judge next: every pair equally often, or where it settles most about the order.

The aim of `Strategy.UNCERTAINTY` is the order of the arms. What keeps an order in doubt are neighbours in it, and the
doubt about two neighbours is the probability Phi(-d / sd) that their difference d has the other sign, under the normal
approximation of the Bradley-Terry posterior (see `bradley_terry.fit`). A vote on arms i and j has the Fisher
information p (1 - p) about their difference; it shrinks the variance of a neighbours' difference by the rank-one update

    c^2 w / (1 + w v),  w = p (1 - p), v the variance of s_i - s_j, c its covariance with the neighbours' difference

The urgency of a pair is the share of variance it takes from each neighbours' difference, weighted by the doubt about
them. Votes so flow to the order's weakest link until no link is weakest, which is the allocation that makes a wrong
order least likely in the long run (Glynn & Juneja, 2004, A large deviations perspective on ordinal optimization). It is
not the usual p (1 - p) times variance alone: that treats all differences alike, also those between far arms whose order
nobody doubts. `bench/assignment.py` measures what each saves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import numpy as np

from feedback.statistics.bradley_terry import Fit, Floats, fit, win_chance, win_matrix
from feedback.statistics.outcomes import Arm, Comparison

Name = TypeVar("Name", bound=Hashable)


class Strategy(StrEnum):
    """How the pair of arms is chosen; the values are those stored with a listening test."""

    UNIFORM = "uniform"
    UNCERTAINTY = "uncertainty"


@dataclass(frozen=True, slots=True)
class Candidate:
    """Two clips that could be shown: the arms they come from, the prompt, and what is known about them.

    `votes` counts the raters who judged them, or are just doing so. `seen` is whether this rater has. `key` is the
    caller's own name for it, if it needs one.
    """

    arm_a: Arm
    arm_b: Arm
    prompt: Hashable
    votes: int = 0
    seen: bool = False
    key: Hashable | None = None

    @property
    def pair(self) -> frozenset[Arm]:
        """The two arms, in no order."""
        return frozenset((self.arm_a, self.arm_b))


def choose(
    candidates: Iterable[Candidate],
    comparisons: Iterable[Comparison] = (),
    *,
    strategy: Strategy,
    rng: np.random.Generator,
    overlap: int = 1,
) -> Candidate | None:
    """The candidate to show this rater next, or None when everything has been seen.

    `candidates` are all of the test, seen ones included: their votes tell how often each arm pair and prompt was
    judged. `comparisons` are the test's votes so far, needed by `Strategy.UNCERTAINTY` alone. In this order:

    1. nothing this rater has seen (hidden repeats are the caller's);
    2. what others began, until it has `overlap` votes, so that agreement can be measured on it;
    3. the arm pair: the one judged least (uniform), or the one with the highest `urgency` (uncertainty);
    4. of that pair, the clips judged least, then the prompt judged least, then by lot.

    The same arguments and state of `rng` give the same choice.
    """
    everything = list(candidates)
    unseen = [candidate for candidate in everything if not candidate.seen]
    offered = [candidate for candidate in unseen if 0 < candidate.votes < overlap] or unseen
    if not offered:
        return None
    uniform = strategy is Strategy.UNIFORM
    wanted = _rarity(everything) if uniform else _urgencies(everything, comparisons)
    prompts = _votes_by(everything, lambda candidate: candidate.prompt)

    def rank(item: tuple[int, Candidate]) -> tuple[float, int, int, int]:
        lot, candidate = item
        return -wanted[candidate.pair], candidate.votes, prompts[candidate.prompt], lot

    lots = rng.permutation(len(offered)).tolist()
    return min(zip(lots, offered, strict=True), key=rank)[1]


def order_doubts(state: Fit) -> Floats:
    """For each two neighbours in the estimated order, strongest first: the probability that it should be reversed.

    `state` is what `bradley_terry.fit` gives, for one set of votes or many; the result is `[..., n - 1]`. One minus
    their sum is a lower bound on the probability that the whole order is right (Bonferroni).
    """
    from scipy.special import ndtr

    contrasts = _neighbours(state)
    gaps = (contrasts @ state.strengths[..., None])[..., 0]
    doubts: Floats = ndtr(-gaps / np.sqrt(_variances(contrasts, state.covariance)))
    return doubts


def urgency(state: Fit) -> Floats:
    """How much one vote on each pair would settle about the order: `[..., n, n]`, symmetric, 0 on the diagonal."""
    contrasts = _neighbours(state)
    covariances = contrasts @ state.covariance
    shared = covariances[..., :, None] - covariances[..., None, :]
    chance = win_chance(state.strengths[..., :, None] - state.strengths[..., None, :])
    information = chance * (1 - chance)
    shrink = shared**2 * (information / (1 + information * difference_variance(state.covariance)))[..., None, :, :]
    weights = order_doubts(state) / _variances(contrasts, state.covariance)
    settled: Floats = (weights[..., None, None] * shrink).sum(-3)
    return settled


def difference_variance(covariance: Floats) -> Floats:
    """`[..., n, n]`: the variance of every difference of two strengths."""
    own = np.diagonal(covariance, axis1=-2, axis2=-1)
    return own[..., :, None] + own[..., None, :] - 2 * covariance


def _neighbours(state: Fit) -> Floats:
    """`[..., n - 1, n]`: +1 for the stronger and -1 for the weaker of each two neighbours in the estimated order."""
    chosen = np.eye(state.strengths.shape[-1])[np.argsort(-state.strengths, axis=-1)]
    return chosen[..., :-1, :] - chosen[..., 1:, :]


def _variances(contrasts: Floats, covariance: Floats) -> Floats:
    variances: Floats = ((contrasts @ covariance) * contrasts).sum(-1)
    return variances


def _rarity(candidates: Iterable[Candidate]) -> dict[frozenset[Arm], float]:
    """The fewer votes a pair has, the higher."""
    return {pair: -votes for pair, votes in _votes_by(candidates, lambda candidate: candidate.pair).items()}


def _urgencies(candidates: Sequence[Candidate], comparisons: Iterable[Comparison]) -> dict[frozenset[Arm], float]:
    votes = list(comparisons)
    judged: list[Candidate | Comparison] = [*candidates, *votes]
    arms = list(dict.fromkeys(arm for item in judged for arm in (item.arm_a, item.arm_b)))
    scores = urgency(fit(win_matrix(votes, arms)))
    return {
        frozenset((arms[i], arms[j])): float(scores[i, j]) for i, j in zip(*np.triu_indices(len(arms), 1), strict=True)
    }


def _votes_by(candidates: Iterable[Candidate], key: Callable[[Candidate], Name]) -> Counter[Name]:
    votes: Counter[Name] = Counter()
    for candidate in candidates:
        votes[key(candidate)] += candidate.votes
    return votes
