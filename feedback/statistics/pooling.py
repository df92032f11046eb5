"""Strengths of arms from votes that are alike: those of one rater, and those on one prompt.

A vote of rater r on prompt p says that arm i beats arm j with probability 1 / (1 + exp(-d)),

    d = (s_i + u_pi + v_ri) - (s_j + u_pj + v_rj),

where the strengths s (logits) are what is asked about, and u and v, normal around 0, how far a prompt or a rater goes
its own way (partial pooling: Gelman & Hill, 2007, Data Analysis Using Regression and Multilevel Models, chapters 12 to
14). A tie is half a win for both. How far prompts and raters go is not known either: everything is reckoned over a grid
of both standard deviations, each as likely as its prior and the votes make it, with the normal approximation at the
mode in between (Rue, Martino & Chopin, 2009, J. R. Stat. Soc. B 71, 319-392). Twenty votes of one rater so weigh less
than one each of twenty, and nothing is claimed for people who were not asked: with one rater all is said of that rater.

The same model gives the evidence that one arm is better, a likelihood ratio mixed over strengths, raters and prompts
(mixture sequential probability ratio test: Robbins, 1970, Ann. Math. Stat. 41, 1397-1409). For equal arms such a ratio
is a martingale, vote by vote, so that the chance that it *ever* reaches c is at most 1 / c (Ville, 1939), however often
somebody looks, stops or goes on. `bench/statistics.py` measures both.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray

from feedback.statistics.outcomes import Arm, Comparison

Floats = NDArray[np.floating]

PRIOR_SD = 2.0
"""Of a strength, in logits: no more than keeps an arm finite that never lost."""
EXPECTED_SD = 1.5
"""Of a strength, in logits, where evidence is asked for: differences that are worth looking for. 2.1 between two arms,
a win rate of 89 %."""
PROMPT_SDS, PROMPT_SCALE = (0.3, 0.8, 1.4, 2.2), 1.0
RATER_SDS, RATER_SCALE = (0.15, 0.5, 0.9, 1.5), 1.0
"""Grids of how far the difference of two arms varies between prompts and raters, in logits, and the scales of their
half-normal priors."""
ATTENUATION = (16 * np.sqrt(3) / (15 * np.pi)) ** 2
"""The mean of 1 / (1 + exp(-x)) over a normal x is nearly that at mean / sqrt(1 + ATTENUATION variance) (Zeger, Liang &
Albert, 1988, Biometrics 44, 1049-1060)."""
TOLERANCE = 1e-7
MAX_STEPS = 100


@dataclass(frozen=True, slots=True)
class Posterior:
    """A mixture of `[g]` normal distributions of the strengths: `weights` `[g]`, `strengths` `[g, n]`, `covariance`
    `[g, n, n]`; `variance` `[g]` is what prompts and raters add to a difference, `evidence` `[g]` the logarithm of the
    votes' probability.
    """

    weights: Floats
    strengths: Floats
    covariance: Floats
    variance: Floats
    evidence: Floats

    def below(self, place: int, other: int, logit: float) -> float:
        """The probability that the average vote prefers arm `place` to `other` with less than this win rate's logit."""
        from scipy.special import ndtr

        mean, sd = self.difference(place, other)
        reached = logit * np.sqrt(1 + ATTENUATION * self.variance)
        return float((self.weights * ndtr((reached - mean) / sd)).sum())

    def difference(self, place: int, other: int) -> tuple[Floats, Floats]:
        """Mean and standard deviation `[g]` of the difference of two strengths."""
        cov = self.covariance
        variance = cov[:, place, place] + cov[:, other, other] - 2 * cov[:, place, other]
        return self.strengths[:, place] - self.strengths[:, other], np.sqrt(variance)


def posterior(votes: Iterable[Comparison], arms: Sequence[Arm]) -> Posterior:
    """What the votes say of the strengths of `arms`, in their order; "both bad" says nothing."""
    table = Table.of(votes, arms)
    fits = [_fit(table, sds, PRIOR_SD) for sds in table.grid]
    evidence = np.array([fit.evidence for fit in fits])
    weights = table.prior * np.exp(evidence - evidence.max())
    return Posterior(
        weights=weights / weights.sum(),
        strengths=np.stack([fit.strengths for fit in fits]),
        covariance=np.stack([fit.covariance for fit in fits]),
        variance=np.array([prompt**2 + rater**2 for prompt, rater in table.grid]),
        evidence=evidence,
    )


def log_evidence(votes: Iterable[Comparison], arm: Arm, against: Arm) -> float:
    """The logarithm of how much likelier the votes are if `arm` is better than if the two are equal.

    Equal arms ever reach log(c) with a chance of at most 1 / c, in all votes on the two together: a test that is begun
    anew goes on with the votes of the one before. That holds on average over how far prompts and raters go by their
    priors; lest it fail where they go further, ask for more.
    """
    from scipy.special import logsumexp, ndtr

    table = Table.of(votes, (arm, against))
    free = [_fit(table, sds, EXPECTED_SD) for sds in table.grid]
    means = np.array([fit.strengths[0] - fit.strengths[1] for fit in free])
    contrast = np.array([1.0, -1.0])
    sds = np.sqrt([contrast @ fit.covariance @ contrast for fit in free])
    better = logsumexp([fit.evidence for fit in free], b=2 * table.prior * ndtr(means / sds))
    equal = logsumexp([_fit(table, sds, None).evidence for sds in table.grid], b=table.prior)
    return float(better - equal)


@dataclass(frozen=True, slots=True)
class Table:
    """Votes that are alike in all counted together, `[m]`: wins of the first and of the second of two arms, by place of
    the arms, the prompt and the rater.
    """

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    prompt: NDArray[np.intp]
    rater: NDArray[np.intp]
    won: Floats
    lost: Floats
    arms: int
    prompts: int
    raters: int

    @classmethod
    def of(cls, votes: Iterable[Comparison], arms: Sequence[Arm]) -> Table:
        """Votes without a known rater are one rater's, those without a known prompt one prompt's."""
        places, prompts, raters = {arm: place for place, arm in enumerate(arms)}, _Places(), _Places()
        cells: dict[tuple[int, int, int, int], list[float]] = {}
        for vote in votes:
            if (score := vote.outcome.score) is not None:
                key = (places[vote.arm_a], places[vote.arm_b], prompts[vote.prompt], raters[vote.rater])
                cell = cells.setdefault(key, [0.0, 0.0])
                cell[0] += vote.weight * score
                cell[1] += vote.weight * (1 - score)
        first, second, prompt, rater = np.array(list(cells) or np.zeros((0, 4)), dtype=np.intp).T
        won, lost = np.array(list(cells.values()) or np.zeros((0, 2))).T
        sizes = len(arms), max(1, len(prompts)), max(1, len(raters))
        return cls(first, second, prompt, rater, won, lost, *sizes)

    @property
    def grid(self) -> list[tuple[float, float]]:
        """Standard deviations between prompts and raters; a single rater has nobody to differ from."""
        return list(product(PROMPT_SDS, RATER_SDS if self.raters > 1 else (0.0,)))

    @property
    def prior(self) -> Floats:
        """`[g]`, adding up to 1."""
        raters = _prior(RATER_SDS, RATER_SCALE) if self.raters > 1 else np.ones(1)
        return np.outer(_prior(PROMPT_SDS, PROMPT_SCALE), raters).ravel()


class _Places(dict[Hashable, int]):
    """Numbers for names, in the order in which they come."""

    def __missing__(self, name: Hashable) -> int:
        self[name] = place = len(self)
        return place


def _prior(points: Sequence[float], scale: float) -> Floats:
    """What a half-normal distribution gives to the points' surroundings."""
    from scipy.special import erf

    edges = np.array([0.0, *((a + b) / 2 for a, b in pairwise(points)), np.inf])
    return np.diff(erf(edges / (scale * np.sqrt(2))))


@dataclass(frozen=True, slots=True)
class Fit:
    """The mode, its normal approximation, and the logarithm of the votes' probability."""

    strengths: Floats
    covariance: Floats
    evidence: float


def _fit(table: Table, sds: tuple[float, float], strength_sd: float | None) -> Fit:
    """The model with these standard deviations; `strength_sd` None holds all strengths at 0.

    Newton's method with the damping of `bradley_terry.fit`. Of prompts and raters those that are more are eliminated
    first, a block for each, so that a step costs what the arms and the others make it cost.
    """
    many, few = (table.prompt, table.prompts, sds[0]), (table.rater, table.raters, sds[1])
    if table.raters > table.prompts:
        many, few = few, many
    blocks, (columns, shrinkage) = _Blocks.of(table, *many), _columns(table, *few, strength_sd)
    terms, own = np.zeros(columns.shape[1]), np.zeros((many[1], table.arms))
    total = table.won + table.lost
    for _ in range(MAX_STEPS):
        chance = 0.5 * (1 + np.tanh((columns @ terms + blocks.logits(own)) / 2))
        residual, curvature = table.won - total * chance, total * chance * (1 - chance)
        weighted = blocks.sides * curvature[:, None]
        inner = blocks.sums(weighted[:, :, None] * blocks.sides[:, None, :]) + blocks.precision * np.eye(table.arms)
        links = blocks.sums(weighted[:, :, None] * columns[:, None, :])
        own_slope = blocks.sums(blocks.sides * residual[:, None]) - blocks.precision * own
        solved = np.linalg.solve(inner, np.concatenate([links, own_slope[:, :, None]], axis=2))
        through, direct = solved[:, :, :-1], solved[:, :, -1]
        hessian = (columns * curvature[:, None]).T @ columns + np.diag(shrinkage)
        hessian -= np.tensordot(links, through, axes=([0, 1], [0, 1]))
        slope = columns.T @ residual - shrinkage * terms
        step = np.linalg.solve(hessian, slope - np.tensordot(links, direct, axes=([0, 1], [0, 1])))
        own_step = direct - through @ step
        size = max(np.abs(step).max(initial=0.0), np.abs(own_step).max(initial=0.0))
        damping = np.log1p(size) / size if size else 1.0
        terms, own = terms + damping * step, own + damping * own_step
        if size < TOLERANCE:
            break
    logits = columns @ terms + blocks.logits(own)
    evidence = -(table.won * np.logaddexp(0, -logits) + table.lost * np.logaddexp(0, logits)).sum()
    evidence -= 0.5 * ((shrinkage * terms**2).sum() + blocks.precision * (own**2).sum())
    evidence += 0.5 * (np.log(shrinkage).sum() + own.size * np.log(blocks.precision))
    evidence -= 0.5 * (np.linalg.slogdet(inner)[1].sum() + np.linalg.slogdet(hessian)[1])
    free = 0 if strength_sd is None else table.arms
    return Fit(terms[:free], np.linalg.inv(hessian)[:free, :free], float(evidence))


@dataclass(frozen=True, slots=True)
class _Blocks:
    """The terms of the prompts, or of the raters: `level` `[m]` says whose a row of votes is, `sides` `[m, n]` is 1 at
    its first arm and -1 at its second.
    """

    level: NDArray[np.intp]
    levels: int
    precision: float
    sides: Floats

    @classmethod
    def of(cls, table: Table, level: NDArray[np.intp], levels: int, sd: float) -> _Blocks:
        return cls(level, levels, 2 / sd**2, _sides(table, np.zeros_like(level), 1))

    def logits(self, own: Floats) -> Floats:
        """`[m]`, from the terms `[levels, n]`."""
        logits: Floats = (self.sides * own[self.level]).sum(1)
        return logits

    def sums(self, values: Floats) -> Floats:
        """Sums of `[m, ...]` by level."""
        found = np.zeros((self.levels, *values.shape[1:]))
        np.add.at(found, self.level, values)
        return found


def _columns(
    table: Table, level: NDArray[np.intp], levels: int, sd: float, strength_sd: float | None
) -> tuple[Floats, Floats]:
    """The columns `[m, c]` of the strengths and of the terms that are not eliminated, and their precisions `[c]`."""
    parts: list[Floats] = [np.zeros((len(level), 0))]
    precisions: list[Floats] = [np.zeros(0)]
    if strength_sd is not None:
        parts.append(_sides(table, np.zeros_like(level), 1))
        precisions.append(np.full(table.arms, strength_sd**-2))
    if sd:
        parts.append(_sides(table, level, levels))
        precisions.append(np.full(levels * table.arms, 2 / sd**2))
    return np.concatenate(parts, axis=1), np.concatenate(precisions)


def _sides(table: Table, level: NDArray[np.intp], levels: int) -> Floats:
    """`[m, levels * n]`: 1 at a row's first arm and -1 at its second, in the columns of its level."""
    sides, rows = np.zeros((len(level), levels * table.arms)), np.arange(len(level))
    sides[rows, level * table.arms + table.first] = 1.0
    sides[rows, level * table.arms + table.second] = -1.0
    return sides
