"""The order of all arms from pairwise votes: a Bradley-Terry model with a weak prior.

P(i beats j) = 1 / (1 + exp(-(s_i - s_j))), a tie being half a win for both (Bradley & Terry, 1952, Biometrika 39,
324-345). Strengths s are on the logit scale, around 0. Each has a normal prior of mean 0 and standard deviation
`PRIOR_SD`, so that arms which never lost, or were never compared, stay finite. The estimate is the posterior mode,
found by Newton's method for any number of data sets at once: the same function fits the leaderboard, all its bootstrap
replicates, and the votes so far when the next pair is chosen (see `assignment`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from feedback.statistics.outcomes import Arm, Comparison, Outcome

Floats = NDArray[np.float64]

PRIOR_SD = 1.5
"""In logits: differences then have a standard deviation of 2.1, a win rate of 89 %; a few dozen votes outweigh it."""
REPLICATES = 500
MIN_CLUSTERS = 5
"""With fewer raters or prompts, resampling them says nothing (Cameron, Gelbach & Miller, 2008): votes are resampled."""
INTERVAL = (2.5, 97.5)
TOLERANCE = 1e-8
MAX_STEPS = 100
SWAPPED = {Outcome.A: Outcome.B, Outcome.B: Outcome.A, Outcome.TIE: Outcome.TIE}


class Fit(NamedTuple):
    """Posterior mode and covariance (Laplace): strengths `[..., n]`, covariance `[..., n, n]`."""

    strengths: Floats
    covariance: Floats


@dataclass(frozen=True, slots=True)
class Standing:
    """One arm of the leaderboard; everything with `low` and `high` is a 95 % interval.

    `strength` is in logits, 0 being the mean of the arms. `wins`, `losses` and `ties` are numbers of votes, unweighted.
    `expected_win_rate` is the chance to win a vote against the reference, `better` the probability of being
    truly stronger than it; both are None for the reference itself, without one, and for an arm whose votes do not
    connect it to the reference.
    """

    arm: Arm
    rank: int
    rank_low: int
    rank_high: int
    strength: float
    low: float
    high: float
    wins: int
    losses: int
    ties: int
    expected_win_rate: float | None
    better: float | None


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """All arms, strongest first.

    `groups` are the sets of arms linked by votes, largest first; with more than one, ranks across groups mean nothing.
    `clusters` is the number of clusters resampled, None where single votes were.
    """

    standings: tuple[Standing, ...]
    groups: tuple[tuple[Arm, ...], ...]
    votes: int
    clusters: int | None

    @property
    def is_connected(self) -> bool:
        """Whether every arm can be compared with every other, directly or through others."""
        return len(self.groups) <= 1


def leaderboard(
    comparisons: Iterable[Comparison],
    *,
    arms: Iterable[Arm] = (),
    reference: Arm | None = None,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> Leaderboard:
    """Arms in order of strength, with bootstrap intervals; the same input and seed give the same figures.

    `arms` adds arms without a vote. "Both bad" is left out. Intervals are percentiles over `replicates` (Efron &
    Tibshirani, 1993, chapter 13): each resamples whole clusters when every comparison names one and there are at
    least `MIN_CLUSTERS` of them, otherwise single votes. Two additions keep open what few votes leave open, where the
    plain bootstrap gives an arm that won all of 3 votes an interval of width zero: shares are drawn smoothed by half
    a vote (as in Jeffreys' interval: Brown, Cai & DasGupta, 2001, Statistical Science 16, 101-133), and each replicate
    draws the centre of its prior from the prior (perturbing prior and data alike samples the posterior: Newton, Polson
    & Xu, 2021, Weighted Bayesian bootstrap, Can. J. Statistics 49, 421-437).

    Raises `ValueError` for a reference that is not an arm.
    """
    votes = [comparison for comparison in comparisons if comparison.outcome.score is not None]
    names = list(dict.fromkeys([*arms, *(arm for vote in votes for arm in (vote.arm_a, vote.arm_b))]))
    if reference is not None and reference not in names:
        raise ValueError(f"The reference {reference} is not one of the arms.")
    if not names:
        return Leaderboard(standings=(), groups=(), votes=0, clusters=None)
    rng = np.random.default_rng(seed)
    clusters = _clusters(votes)
    resampled = _resample(votes, names, clusters, replicates, rng)
    draws = _centred(fit(resampled, rng.normal(0, PRIOR_SD, (replicates, len(names)))).strengths)
    wins = win_matrix(votes, names)
    groups = tuple(tuple(names[i] for i in group) for group in connected_groups(wins))
    comparable = next((group for group in groups if reference in group), ())
    return Leaderboard(
        standings=_standings(names, votes, _centred(fit(wins).strengths), draws, reference, comparable),
        groups=groups,
        votes=len(votes),
        clusters=clusters,
    )


def win_matrix(comparisons: Iterable[Comparison], arms: Sequence[Arm]) -> Floats:
    """`[n, n]`: weighted wins of row over column, ties half to both, "both bad" to neither."""
    index = {arm: i for i, arm in enumerate(arms)}
    wins = np.zeros((len(arms), len(arms)))
    for comparison in comparisons:
        score, a, b = comparison.outcome.score, index[comparison.arm_a], index[comparison.arm_b]
        if score is not None:
            wins[a, b] += comparison.weight * score
            wins[b, a] += comparison.weight * (1 - score)
    return wins


def fit(wins: Floats, centres: Floats | None = None, start: Floats | None = None) -> Fit:
    """Posterior mode for win matrices `[..., n, n]`, all at once; `centres` and `start` are `[..., n]`, default 0.

    Newton's method, each step d damped to log(1 + r) / r with r = max d - min d. The logistic loss is generalised
    self-concordant, for which that damping converges from anywhere, and quadratically at the end (Sun & Tran-Dinh,
    2019, Mathematical Programming 178, 145-213). `start` only saves steps.
    """
    precision = PRIOR_SD**-2
    totals = wins + wins.swapaxes(-1, -2)
    centres = np.zeros(wins.shape[:-1]) if centres is None else centres
    strengths = centres if start is None else start
    for _ in range(MAX_STEPS):
        gradient, hessian = _derivatives(wins, totals, strengths)
        gradient = gradient - precision * (strengths - centres)
        hessian = hessian + precision * np.eye(wins.shape[-1])
        step = np.linalg.solve(hessian, gradient[..., None])[..., 0]
        spread = np.ptp(step, axis=-1, keepdims=True)
        strengths = strengths + step * np.log1p(spread) / np.where(spread > 0, spread, 1)
        if spread.max() < TOLERANCE:
            break
    return Fit(strengths, np.linalg.inv(hessian))


def connected_groups(wins: Floats) -> list[list[int]]:
    """Indices of arms that votes link, directly or through others; largest group first."""
    linked = (wins + wins.T > 0) | np.eye(len(wins), dtype=bool)
    for _ in range(len(wins).bit_length()):
        linked = linked @ linked
    groups = {tuple(np.flatnonzero(row).tolist()) for row in linked}
    return sorted((list(group) for group in groups), key=lambda group: (-len(group), group))


def _derivatives(wins: Floats, totals: Floats, strengths: Floats) -> tuple[Floats, Floats]:
    """Gradient of the log-likelihood and its negated Hessian."""
    chance = win_chance(strengths[..., :, None] - strengths[..., None, :])
    gradient = (wins - totals * chance).sum(-1)
    hessian = -totals * chance * (1 - chance)
    diagonal = np.arange(wins.shape[-1])
    hessian[..., diagonal, diagonal] = 0
    hessian[..., diagonal, diagonal] = -hessian.sum(-1)
    return gradient, hessian


def win_chance(difference: Floats) -> Floats:
    """Probability that an arm stronger by `difference` logits wins a vote."""
    return 0.5 * (1 + np.tanh(difference / 2))


def _centred(strengths: Floats) -> Floats:
    return strengths - strengths.mean(-1, keepdims=True)


def _clusters(votes: Sequence[Comparison]) -> int | None:
    """How many clusters to resample; None to resample votes."""
    names = {vote.cluster for vote in votes}
    return None if None in names or len(names) < MIN_CLUSTERS else len(names)


def _resample(
    votes: Sequence[Comparison], arms: Sequence[Arm], clusters: int | None, replicates: int, rng: np.random.Generator
) -> Floats:
    """Win matrices `[replicates, n, n]` of votes drawn with replacement, by whole clusters or one by one.

    Equal votes are drawn together, which is the same distribution at a fraction of the work. Of n clusters, or n votes
    on a pair of arms, each drawn one is turned round with probability 1 / (2 n + 2): w wins are then drawn with chance
    (w + 1/2) / (n + 1), so that ten wins of ten do not come back as ten of ten in every replicate.
    """
    if not votes:
        return np.zeros((replicates, len(arms), len(arms)))
    alike: dict[object, list[Comparison]] = defaultdict(list)
    for vote in votes:
        alike[vote.cluster if clusters else (vote.arm_a, vote.arm_b, vote.outcome, vote.weight)].append(vote)
    groups = list(alike.values())
    if clusters:
        units, chances = [win_matrix(group, arms) for group in groups], np.full(clusters, 1 / clusters)
        peers = np.full(clusters, clusters)
    else:
        units = [win_matrix(group[:1], arms) for group in groups]
        chances = np.array([len(group) for group in groups]) / len(votes)
        on_pair = Counter(vote.pair for vote in votes)
        peers = np.array([on_pair[group[0].pair] for group in groups])
    turned = 1 / (2 * peers + 2)
    matrices = np.stack(units)
    matrices = np.concatenate([matrices, matrices.swapaxes(1, 2)])
    drawn = rng.multinomial(
        clusters or len(votes), np.concatenate([chances * (1 - turned), chances * turned]), size=replicates
    )
    return np.tensordot(drawn.astype(np.float64), matrices, axes=1)


def _standings(
    arms: Sequence[Arm],
    votes: Sequence[Comparison],
    strengths: Floats,
    draws: Floats,
    reference: Arm | None,
    comparable: Sequence[Arm],
) -> tuple[Standing, ...]:
    """`draws` are the replicates' strengths `[replicates, n]`; `comparable` the arms linked to the reference."""
    ranks = 1 + np.argsort(np.argsort(-draws, axis=1), axis=1)
    low, high = np.percentile(draws, INTERVAL, axis=0)
    rank_low, rank_high = np.percentile(ranks, INTERVAL, axis=0, method="inverted_cdf").astype(int)
    tally = Counter(key for vote in votes for key in ((vote.arm_a, vote.outcome), (vote.arm_b, SWAPPED[vote.outcome])))
    base = arms.index(reference) if comparable else None
    standings = []
    for rank, i in enumerate(np.argsort(-strengths, kind="stable").tolist(), start=1):
        against = base is not None and i != base and arms[i] in comparable
        standings.append(
            Standing(
                arm=arms[i],
                rank=rank,
                rank_low=int(rank_low[i]),
                rank_high=int(rank_high[i]),
                strength=float(strengths[i]),
                low=float(low[i]),
                high=float(high[i]),
                wins=tally[arms[i], Outcome.A],
                losses=tally[arms[i], Outcome.B],
                ties=tally[arms[i], Outcome.TIE],
                expected_win_rate=float(win_chance(strengths[i] - strengths[base])) if against else None,
                better=float((draws[:, i] > draws[:, base]).mean()) if against else None,
            )
        )
    return tuple(standings)
