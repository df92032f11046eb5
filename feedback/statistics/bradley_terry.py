"""The order of all arms from pairwise votes.

P(i beats j) = 1 / (1 + exp(-(s_i - s_j))), a tie being half a win for both (Bradley & Terry, 1952, Biometrika 39,
324-345). The leaderboard takes strengths s from `pooling`, which knows raters and prompts. `fit` is the plain model,
fast enough to ask before every trial which pair comes next (see `assignment`): strengths are on the logit scale, around
0, each with a normal prior of mean 0 and standard deviation `PRIOR_SD`, so that arms which never lost, or were never
compared, stay finite. The estimate is the posterior mode, found by Newton's method.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from feedback.statistics.outcomes import SWAPPED, Arm, Comparison, Outcome
from feedback.statistics.pooling import Posterior, posterior
from feedback.statistics.proportions import CONFIDENCE, Z
from feedback.statistics.win_rate import MIN_DECIDED, Claim, quantile

Floats = NDArray[np.floating]

PRIOR_SD = 1.5
"""In logits: differences then have a standard deviation of 2.1, a win rate of 89 %; a few dozen votes outweigh it."""
TOLERANCE = 1e-8
MAX_STEPS = 100


class Fit(NamedTuple):
    """Posterior mode and covariance (Laplace): strengths `[..., n]`, covariance `[..., n, n]`."""

    strengths: Floats
    covariance: Floats


@dataclass(frozen=True, slots=True)
class Standing:
    """One arm of the leaderboard.

    `rank` is None with fewer than `MIN_DECIDED` decided votes. `rank_low` and `rank_high` are the best and the worst
    place that the votes leave open, for all arms at once: it is behind those, and before those, that `claims` hold of.
    `strength` is in logits, 0 being the mean of the arms; `low` and `high` are its 95 % interval. `wins`, `losses` and
    `ties` are numbers of votes, unweighted. `expected_win_rate` is the chance to win a vote against the reference, and
    `claim` what may be said of that; both are None for the reference itself, without one, and for an arm whose votes
    do not connect it to the reference.
    """

    arm: Arm
    rank: int | None
    rank_low: int
    rank_high: int
    strength: float
    low: float
    high: float
    wins: int
    losses: int
    ties: int
    expected_win_rate: float | None
    claim: Claim | None

    @property
    def decided(self) -> int:
        """Votes that name a winner."""
        return self.wins + self.losses


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """All arms, strongest first, those without a rank last.

    `groups` are the sets of arms linked by votes, largest first; with more than one, ranks across groups mean nothing.
    """

    standings: tuple[Standing, ...]
    groups: tuple[tuple[Arm, ...], ...]
    votes: int
    raters: int

    @property
    def is_connected(self) -> bool:
        """Whether every arm can be compared with every other, directly or through others."""
        return len(self.groups) <= 1


def leaderboard(
    comparisons: Iterable[Comparison], *, arms: Iterable[Arm] = (), reference: Arm | None = None
) -> Leaderboard:
    """Arms in order of strength; the same input gives the same figures.

    `arms` adds arms without a vote. "Both bad" is left out. Votes of one rater, and on one prompt, are taken for alike
    (`pooling`). Of two arms one is called better if that holds for all pairs of arms at once, at 95 % (Bonferroni);
    ranks are as far open as these claims leave them (Mogstad, Romano, Shaikh & Wilhelm, 2024, Inference for ranks,
    Rev. Econ. Studies 91, 476-518). Raises `ValueError` for a reference that is not an arm.
    """
    votes = [comparison for comparison in comparisons if comparison.outcome.score is not None]
    names = list(dict.fromkeys([*arms, *(arm for vote in votes for arm in (vote.arm_a, vote.arm_b))]))
    if reference is not None and reference not in names:
        raise ValueError(f"The reference {reference} is not one of the arms.")
    if not names:
        return Leaderboard(standings=(), groups=(), votes=0, raters=0)
    groups = tuple(tuple(names[i] for i in group) for group in connected_groups(win_matrix(votes, names)))
    comparable = next((group for group in groups if reference in group), ())
    return Leaderboard(
        standings=_standings(names, votes, posterior(votes, names), reference, comparable),
        groups=groups,
        votes=len(votes),
        raters=len({vote.rater for vote in votes}),
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


def fit(wins: Floats, start: Floats | None = None) -> Fit:
    """Posterior mode for win matrices `[..., n, n]`, all at once; `start` is `[..., n]`, default 0.

    Newton's method, each step d damped to log(1 + r) / r with r = max d - min d. The logistic loss is generalised
    self-concordant, for which that damping converges from anywhere, and quadratically at the end (Sun & Tran-Dinh,
    2019, Mathematical Programming 178, 145-213). `start` only saves steps.
    """
    precision = PRIOR_SD**-2
    totals = wins + wins.swapaxes(-1, -2)
    strengths = np.zeros(wins.shape[:-1]) if start is None else start
    for _ in range(MAX_STEPS):
        gradient, hessian = _derivatives(wins, totals, strengths)
        gradient = gradient - precision * strengths
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


def _standings(
    arms: Sequence[Arm],
    votes: Sequence[Comparison],
    found: Posterior,
    reference: Arm | None,
    comparable: Sequence[Arm],
) -> tuple[Standing, ...]:
    """`comparable` are the arms linked to the reference."""
    tally = Counter(key for vote in votes for key in ((vote.arm_a, vote.outcome), (vote.arm_b, SWAPPED[vote.outcome])))
    decided = [tally[arm, Outcome.A] + tally[arm, Outcome.B] for arm in arms]
    better = _claims(found, decided)
    strengths, low, high = _around_their_mean(found)
    base = arms.index(reference) if comparable else None
    order = sorted(range(len(arms)), key=lambda i: (decided[i] < MIN_DECIDED, -strengths[i]))
    standings = []
    for rank, i in enumerate(order, start=1):
        against = base is not None and i != base and arms[i] in comparable
        standings.append(
            Standing(
                arm=arms[i],
                rank=rank if decided[i] >= MIN_DECIDED else None,
                rank_low=1 + int(better[:, i].sum()),
                rank_high=len(arms) - int(better[i].sum()),
                strength=float(strengths[i]),
                low=float(low[i]),
                high=float(high[i]),
                wins=tally[arms[i], Outcome.A],
                losses=tally[arms[i], Outcome.B],
                ties=tally[arms[i], Outcome.TIE],
                expected_win_rate=quantile(found, i, base, 0.5) if against and base is not None else None,
                claim=_claim(better, i, base, decided) if against and base is not None else None,
            )
        )
    return tuple(standings)


def _claims(found: Posterior, decided: Sequence[int]) -> NDArray[np.bool_]:
    """`[n, n]`: whether the arm of the row may be called better than that of the column."""
    count = len(decided)
    tail = (1 - CONFIDENCE) / 2 / max(1, count * (count - 1) // 2)
    better = np.zeros((count, count), dtype=bool)
    for i, j in permutations(range(count), 2):
        better[i, j] = min(decided[i], decided[j]) >= MIN_DECIDED and found.below(i, j, 0.0) < tail
    return better


def _claim(better: NDArray[np.bool_], arm: int, other: int, decided: Sequence[int]) -> Claim:
    if min(decided[arm], decided[other]) < MIN_DECIDED:
        return Claim.TOO_FEW
    if better[arm, other]:
        return Claim.BETTER
    return Claim.WORSE if better[other, arm] else Claim.UNDECIDED


def _around_their_mean(found: Posterior) -> tuple[Floats, Floats, Floats]:
    """Strengths `[n]` less their mean, and the ends of their 95 % intervals, of the mixture's mean and variance."""
    count = found.strengths.shape[1]
    centre = np.eye(count) - 1 / count
    means = found.strengths @ centre
    variances = np.diagonal(centre @ found.covariance @ centre, axis1=1, axis2=2)
    mean = found.weights @ means
    spread = np.sqrt(found.weights @ (variances + (means - mean) ** 2))
    return mean, mean - Z * spread, mean + Z * spread
