"""Heads that are linear in what is heard of clips, learned from votes on pairs (Bradley & Terry, 1952).

Of two clips of one prompt, the first is preferred with probability 1 / (1 + exp(-w (x_1 - x_2))). Two heads are learned
side by side, by two beliefs about a taste, and added:

- *Broad*: a taste is a little of everything. Every kind of features is turned to its first principal components, which
  are scaled to the same variance, and the head's L2 penalty is chosen by votes on prompts held out.
- *Narrow*: a taste is one thing that has a name, such as how bright the sound is. For each statistic of the first kind
  the best slope is found, and these are averaged, each as likely as it makes the votes (Bayesian model averaging:
  Hoeting, Madigan, Raftery & Volinsky, 1999, Stat. Sci. 14, 382-417; evidence by Laplace's approximation). If a taste
  is like that, few votes tell it; if it is not, this tells little.

How much of each is for votes on prompts held out to say (stacking: Wolpert, 1992), drawn towards equal shares while
they are few. numpy alone; neither torch nor Django.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from generation.sound.taste import EXTREME
from training.trainer.votes import FOLDS, Floats, Table

COMPONENTS = 128
"""Principal components kept of each kind of features."""
PENALTIES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
NEWTON_STEPS = 12
SLOPE = 2.0
"""Standard deviation, before any vote, of the log-odds that a standard deviation of one statistic makes."""
HALF = 5.0
"""Strength of the pull of both heads' shares towards one half, in votes' information of margins of variance 1."""

# -- the space in which heads are learned ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Space:
    """Standardised features `[D]` turned to `components` principal components, kind by kind, and after these the first
    kind's statistics as they are: `basis` `[D, P]`.
    """

    centre: Floats
    scale: Floats
    basis: Floats
    components: int

    @classmethod
    def of(cls, features: Floats, sizes: Sequence[int], most: int = COMPONENTS) -> Space:
        """As the clips `[N, D]` are spread; no vote is asked. Of each kind `most` components are kept."""
        centre, scale = features.mean(0), features.std(0)
        scale = np.where(scale > 1e-6 * (1 + np.abs(centre)), scale, np.inf)
        standard = np.clip((features - centre) / scale, -EXTREME, EXTREME)
        edges = np.cumsum([0, *sizes])
        parts = [_components(standard[:, start:end], most) for start, end in pairwise(edges)]
        components = sum(part.shape[1] for part in parts)
        basis = np.zeros((features.shape[1], components + sizes[0]))
        basis[: sizes[0], components:] = np.eye(sizes[0])
        column = 0
        for (start, end), part in zip(pairwise(edges), parts, strict=True):
            basis[start:end, column : column + part.shape[1]] = part / math.sqrt(len(parts))
            column += part.shape[1]
        # A feature that never differs says nothing, and is never divided by nothing.
        return cls(centre, np.where(np.isinf(scale), 1e6, scale), basis, components)

    def differences(self, features: Floats, table: Table) -> Floats:
        """`[n, P]`, of the left clip from the right one."""
        points = self.points(features)
        return points[table.left] - points[table.right]

    def points(self, features: Floats) -> Floats:
        """Clips `[N, D]` in this space, `[N, P]`."""
        points: Floats = np.clip((features - self.centre) / self.scale, -EXTREME, EXTREME) @ self.basis
        return points


def _components(standard: Floats, most: int) -> Floats:
    """The first principal components as columns, scaled so that clips have variance 1 in all of them together."""
    kept = min(most, len(standard) - 1)
    values, vectors = _principal(standard - standard.mean(0), max(1, kept))
    return vectors / math.sqrt(max(float(values.sum()), 1e-9))


def _principal(centred: Floats, kept: int) -> tuple[Floats, Floats]:
    """Variances and directions of `[N, D]`, by whichever of the two square matrices is the smaller."""
    clips, width = centred.shape
    if clips >= width:
        values, vectors = np.linalg.eigh(centred.T @ centred / max(1, clips - 1))
        return values[-kept:], vectors[:, -kept:]
    values, sides = np.linalg.eigh(centred @ centred.T / max(1, clips - 1))
    values, sides = np.maximum(values[-kept:], 0), sides[:, -kept:]
    return values, centred.T @ sides / np.sqrt(np.maximum(values * max(1, clips - 1), 1e-12))


# -- a little of everything ------------------------------------------------------------------------------------------


def broad_head(
    design: Floats, table: Table, penalty: float, weight: Floats | None = None, *, start: Floats | None = None
) -> Floats:
    """Of differences `[n, C]` of components, the head `[C]` of least penalised loss, by Newton's method."""
    weight = table.weight if weight is None else weight
    used = weight > 0
    rows, wanted, weight = design[used], table.preference[used], weight[used]
    head = np.zeros(design.shape[1]) if start is None else start
    for _ in range(NEWTON_STEPS):
        chance = 0.5 * (1 + np.tanh(rows @ head / 2))
        slope = rows.T @ (weight * (wanted - chance)) - penalty * head
        curvature = (rows * (weight * chance * (1 - chance))[:, None]).T @ rows
        curvature[np.diag_indices_from(curvature)] += penalty
        step = np.linalg.solve(curvature, slope)
        size = np.abs(step).max(initial=0.0)
        head = head + step * (math.log1p(size) / size if size else 1.0)
        if size < 1e-4:
            break
    return head


def posterior(design: Floats, table: Table, penalty: float) -> tuple[Floats, Floats]:
    """The broad head `[C]`, and the precision `[C, C]` with which votes and penalty tell it (Laplace)."""
    head = broad_head(design, table, penalty)
    chance = 0.5 * (1 + np.tanh(design @ head / 2))
    precision = (design * (table.weight * chance * (1 - chance))[:, None]).T @ design
    precision[np.diag_indices_from(precision)] += penalty
    return head, precision


def choose_penalty(design: Floats, table: Table) -> float:
    """Of a broad head: that of `PENALTIES` under which votes on prompts held out are likeliest."""

    def loss(penalty: float) -> float:
        return _loss(out_of_fold(lambda weight: broad_head(design, table, penalty, weight), design, table), table)

    return min(PENALTIES, key=loss)


def _loss(margins: Floats, table: Table) -> float:
    ahead, behind = np.logaddexp(0, -margins), np.logaddexp(0, margins)
    return float((table.weight * (table.preference * ahead + (1 - table.preference) * behind)).sum())


def out_of_fold(learn: Callable[[Floats], Floats], design: Floats, table: Table) -> Floats:
    """The margin `[n]` of every vote by what `learn` makes of the weights `[n]` of votes on other prompts."""
    margins = np.zeros(len(table))
    for fold in range(FOLDS):
        held = table.fold == fold
        if held.any():
            margins[held] = design[held] @ learn(np.where(held, 0.0, table.weight))
    return margins


# -- one statistic ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Single:
    """Tastes that are one statistic each: how steep `[J]`, how surely so, and how likely each is the true one."""

    slope: Floats
    precision: Floats
    chance: Floats

    @classmethod
    def of(cls, design: Floats, table: Table, weight: Floats | None = None) -> Single:
        """From differences `[n, J]` of statistics in standard deviations; before any vote all are as likely."""
        weight = table.weight if weight is None else weight
        used = weight > 0
        rows, wanted, weight = design[used], table.preference[used][:, None], weight[used][:, None]
        slope = np.zeros(design.shape[1])
        for _ in range(NEWTON_STEPS):
            told = 0.5 * (1 + np.tanh(rows * slope / 2))
            precision = (weight * told * (1 - told) * rows**2).sum(0) + SLOPE**-2
            step = ((weight * (wanted - told) * rows).sum(0) - slope * SLOPE**-2) / precision
            slope = slope + np.clip(step, -1, 1)
            if np.abs(step).max(initial=0.0) < 1e-3:
                break
        margins = rows * slope
        likelihood = (weight * (wanted * margins - np.logaddexp(0, margins))).sum(0)
        evidence = likelihood - slope**2 / (2 * SLOPE**2) - 0.5 * np.log(precision)
        chance = np.exp(evidence - evidence.max(initial=-np.inf))
        return cls(slope, precision, chance / max(chance.sum(), 1e-300))

    @property
    def head(self) -> Floats:
        """The mean of all, `[J]`."""
        head: Floats = self.chance * self.slope
        return head


# -- both together ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a head is learned: the broad one's `penalty`, and what both are multiplied by in their sum."""

    penalty: float = 0.1
    broad: float = 0.5
    narrow: float = 0.5

    @classmethod
    def chosen(cls, design: Floats, components: int, table: Table) -> Recipe:
        """By the votes on differences `[n, P]` themselves, each foretold without those on its prompt."""
        wide, named = design[:, :components], design[:, components:]
        penalty = choose_penalty(wide, table)
        broad = out_of_fold(lambda weight: broad_head(wide, table, penalty, weight), wide, table)
        narrow = out_of_fold(lambda weight: Single.of(named, table, weight).head, named, table)
        units = np.array([max(float(np.sqrt(np.mean(margins**2))), 1e-6) for margins in (broad, narrow)])
        shares = _shares(np.stack([broad, narrow], axis=1) / units, table) / units
        return cls(penalty, float(shares[0]), float(shares[1]))

    def head(self, design: Floats, components: int, table: Table, weight: Floats | None = None) -> Floats:
        """`[P]`, of differences `[n, P]` of which the first are components."""
        broad = broad_head(design[:, :components], table, self.penalty, weight)
        narrow = Single.of(design[:, components:], table, weight).head
        return np.concatenate([self.broad * broad, self.narrow * narrow])


def _shares(margins: Floats, table: Table) -> Floats:
    """Of two columns of margins of variance 1, `[n, 2]`, how much of each makes the votes likeliest; never below 0."""
    shares = np.full(2, 0.5)
    for _ in range(NEWTON_STEPS):
        told = 0.5 * (1 + np.tanh(margins @ shares / 2))
        slope = margins.T @ (table.weight * (table.preference - told)) - HALF * (shares - 0.5)
        curvature = (margins * (table.weight * told * (1 - told))[:, None]).T @ margins + HALF * np.eye(2)
        shares = shares + np.linalg.solve(curvature, slope)
    return np.maximum(shares, 0.0) if (shares > 0).any() else np.full(2, 0.5)
