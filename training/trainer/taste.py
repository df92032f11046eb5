"""Learning a taste from votes: a Bradley-Terry model (1952, Biometrika 39, 324-345) that is linear in clips' features.

Of two clips of one prompt, the first is preferred with probability 1 / (1 + exp(-w (x_1 - x_2))). Features are
standardised, each kind is turned to its first principal components and scaled to the same variance, and the head's L2
penalty is chosen by cross-validation over prompts. A vote is a soft label: how likely its rater is right.

How good it is, is told by votes on prompts it was not fitted on, in two ways. *Accuracy* is that of folds over prompts.
*Evidence* is what opens the gate: votes are taken in the order in which they were given, and each is predicted by a
taste of the votes before it, on other prompts. Against the claim that this is no better than chance a wealth is bet
(Waudby-Smith & Ramdas, 2024, J. R. Stat. Soc. B 86, 1-27), one bet a prompt, and 20 times the stake is asked for. With
a taste that knows nothing this happens with a chance of 1 in 20 at most, however often somebody looks.

numpy and scipy; neither torch nor Django.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from generation.sound.taste import EXTREME, TasteHeads

Floats = npt.NDArray[np.floating]
Places = npt.NDArray[np.intp]

COMPONENTS = 128
"""Principal components kept of each kind of features."""
PENALTIES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
FOLDS = 5
MEMBERS = 16
FEWEST_VOTES = 10
FEWEST_PROMPTS = 4
FIRST_BLOCK = 10
"""Votes after which the first prediction is made."""
ERROR = 0.05
STAKES = np.linspace(0.1, 0.95, 10)
"""Shares of the wealth that a certain taste stakes."""
NEWTON_STEPS = 12
FEWEST_OF_GROUP = 20
"""Votes of a style, a tempo or a rater below which nothing is said of it."""


class NothingToLearn(ValueError):
    """The message says why no taste comes of these votes."""


@dataclass(frozen=True, slots=True)
class Vote:
    """Somebody's answer on two clips, `left` and `right`, by their places among the features.

    `preference` is the probability that the left one is the better one, 0.5 for equals. `prompt` is what the clips have
    in common, `rater` who answered, `groups` what the prompt is besides, such as “style: jazz”.
    """

    left: int
    right: int
    preference: float
    prompt: Hashable
    rater: Hashable
    weight: float = 1.0
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Share:
    """A share of votes that were predicted rightly, a tie left out, with its 95 % interval over prompts."""

    value: float
    low: float
    high: float
    votes: int
    prompts: int


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often the taste of one rater's votes predicts another's."""

    rater: Hashable
    other: Hashable
    share: Share


@dataclass(frozen=True, slots=True)
class Report:
    """How good a taste is. `lower` is the anytime-valid bound of accuracy, `wealth` the multiple of the stake by which
    chance is ruled out. `votes_wanted` is how many more votes it probably needs; None when that cannot be told.
    `calibration_error` is the mean distance of told and observed shares on prompts held out.
    """

    votes: int
    prompts: int
    raters: int
    accuracy: Share
    lower: float
    wealth: float
    votes_wanted: int | None
    penalty: float
    calibration_error: float
    groups: dict[str, Share] = field(default_factory=dict)
    by_rater: dict[Hashable, Share] = field(default_factory=dict)
    agreements: tuple[Agreement, ...] = ()

    @property
    def is_usable(self) -> bool:
        return self.wealth >= 1 / ERROR and self.accuracy.low > 0.5


@dataclass(frozen=True, slots=True)
class Fitted:
    heads: TasteHeads
    report: Report


def fit(
    features: Floats, kinds: Sequence[tuple[str, int]], votes: Sequence[Vote], *, seed: int = 0, members: int = MEMBERS
) -> Fitted:
    """A taste from `votes` in the order in which they were given.

    `features` is `[N, D]`, of all clips that are named; `kinds` are the names and sizes of what stands in it side by
    side. Raises `NothingToLearn`.
    """
    table = Table.of(votes)
    _require_enough(table)
    rng = np.random.default_rng(seed)
    space = Space.of(features[table.clips], [size for _, size in kinds])
    design = space.differences(features, table)
    penalty = choose_penalty(design, table)
    held_out = out_of_fold(design, table, penalty)
    slope = _slope(held_out, table)
    weights = slope * _head(design, table, penalty)
    ensemble = [
        slope * _head(design, table, penalty, _resampled(table, rng), start=weights / max(slope, 1e-9))
        for _ in range(members)
    ]
    heads = TasteHeads(
        kinds=tuple(name for name, _ in kinds),
        sizes=tuple(size for _, size in kinds),
        centre=space.centre,
        scale=space.scale,
        weights=space.basis @ weights,
        ensemble=np.stack([space.basis @ head for head in ensemble]),
    )
    bets = Bets.of(predictions_in_order(features, [size for _, size in kinds], table), table)
    wealth = bets.wealth()
    accuracy = _share(held_out, table, np.ones(len(table), dtype=bool))
    return Fitted(
        heads,
        Report(
            votes=len(table),
            prompts=len(set(table.prompt)),
            raters=len(set(table.rater)),
            accuracy=accuracy,
            lower=bets.lower_bound(),
            wealth=wealth,
            votes_wanted=_votes_wanted(wealth, accuracy, table),
            penalty=penalty,
            calibration_error=_calibration_error(slope * held_out, table),
            groups={name: _share(held_out, table, table.in_group(name)) for name in table.group_names()},
            by_rater={
                table.rater_names[rater]: _share(held_out, table, table.rater == rater) for rater in table.busy_raters()
            },
            agreements=tuple(_agreements(design, table, penalty)),
        ),
    )


# -- votes as arrays -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Table:
    """Votes side by side, `[n]` each; prompts and raters are numbered in the order in which they come."""

    left: Places
    right: Places
    preference: Floats
    weight: Floats
    prompt: Places
    rater: Places
    rater_names: tuple[Hashable, ...]
    groups: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, votes: Sequence[Vote]) -> Table:
        prompts = {name: place for place, name in enumerate(dict.fromkeys(vote.prompt for vote in votes))}
        raters = {name: place for place, name in enumerate(dict.fromkeys(vote.rater for vote in votes))}
        return cls(
            left=np.array([vote.left for vote in votes], dtype=np.intp),
            right=np.array([vote.right for vote in votes], dtype=np.intp),
            preference=np.array([vote.preference for vote in votes], dtype=np.float64),
            weight=np.array([vote.weight for vote in votes], dtype=np.float64),
            prompt=np.array([prompts[vote.prompt] for vote in votes], dtype=np.intp),
            rater=np.array([raters[vote.rater] for vote in votes], dtype=np.intp),
            rater_names=tuple(raters),
            groups=tuple(vote.groups for vote in votes),
        )

    def __len__(self) -> int:
        return len(self.left)

    @property
    def clips(self) -> Places:
        return np.unique(np.concatenate([self.left, self.right]))

    @property
    def said(self) -> Floats:
        """1 where the left clip was preferred, -1 where the right one was, 0 for ties."""
        said: Floats = np.sign(self.preference - 0.5)
        return said

    @property
    def outcome(self) -> Floats:
        """1 where the left clip was preferred, 0 where the right one was, 0.5 for ties: what a taste is to foretell."""
        outcome: Floats = (1 + self.said) / 2
        return outcome

    @property
    def fold(self) -> Places:
        """Of each vote's prompt. Prompts take turns in the order in which they come: no later vote changes one."""
        return self.prompt % FOLDS

    def first(self, count: int) -> Table:
        """The votes before the one at place `count`."""
        names = ("left", "right", "preference", "weight", "prompt", "rater")
        cut = {name: getattr(self, name)[:count] for name in names}
        return replace(self, **cut, groups=self.groups[:count])

    def in_group(self, name: str) -> npt.NDArray[np.bool_]:
        return np.array([name in groups for groups in self.groups], dtype=bool)

    def group_names(self) -> list[str]:
        """Those with enough votes to say something of."""
        names = sorted({name for groups in self.groups for name in groups})
        return [name for name in names if (self.in_group(name) & (self.said != 0)).sum() >= FEWEST_OF_GROUP]

    def busy_raters(self) -> list[int]:
        """Those with enough votes to say something of, when there are several raters."""
        if len(self.rater_names) < 2:
            return []
        counts = np.bincount(self.rater[self.said != 0], minlength=len(self.rater_names))
        return [rater for rater, count in enumerate(counts) if count >= FEWEST_OF_GROUP]


def _require_enough(table: Table) -> None:
    decided = table.said != 0
    if not decided.any():
        raise NothingToLearn("Nobody has preferred one clip to another yet: ties alone tell no taste.")
    prompts = len(set(table.prompt[decided]))
    if prompts < FEWEST_PROMPTS:
        what = "one prompt" if prompts == 1 else f"{prompts} prompts"
        raise NothingToLearn(
            f"All votes are on {what}. A taste is tried on prompts it was not fitted on, "
            f"so votes on at least {FEWEST_PROMPTS} are needed."
        )
    if decided.sum() < FEWEST_VOTES:
        raise NothingToLearn(f"There are {decided.sum()} votes; a taste needs at least {FEWEST_VOTES} to begin with.")


# -- the space in which it is fitted ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Space:
    """Standardised features turned to principal components, kind by kind: `basis` `[D, P]`."""

    centre: Floats
    scale: Floats
    basis: Floats

    @classmethod
    def of(cls, features: Floats, sizes: Sequence[int], most: int = COMPONENTS) -> Space:
        """As the clips `[N, D]` are spread; no vote is asked. Of each kind `most` components are kept."""
        centre, scale = features.mean(0), features.std(0)
        scale = np.where(scale > 1e-6 * (1 + np.abs(centre)), scale, np.inf)
        standard = np.clip((features - centre) / scale, -EXTREME, EXTREME)
        edges = np.cumsum([0, *sizes])
        parts = [_components(standard[:, start:end], most) for start, end in pairwise(edges)]
        basis = np.zeros((features.shape[1], sum(part.shape[1] for part in parts)))
        column = 0
        for (start, end), part in zip(pairwise(edges), parts, strict=True):
            basis[start:end, column : column + part.shape[1]] = part / math.sqrt(len(parts))
            column += part.shape[1]
        # A feature that never differs says nothing, and is never divided by nothing.
        return cls(centre, np.where(np.isinf(scale), 1e6, scale), basis)

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


# -- fitting ---------------------------------------------------------------------------------------------------------


def _head(
    design: Floats, table: Table, penalty: float, weight: Floats | None = None, *, start: Floats | None = None
) -> Floats:
    """The head `[P]` of least penalised loss, by Newton's method."""
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
    """The head `[P]`, and the precision `[P, P]` with which votes and penalty tell it (Laplace's approximation)."""
    head = _head(design, table, penalty)
    chance = 0.5 * (1 + np.tanh(design @ head / 2))
    precision = (design * (table.weight * chance * (1 - chance))[:, None]).T @ design
    precision[np.diag_indices_from(precision)] += penalty
    return head, precision


def choose_penalty(design: Floats, table: Table) -> float:
    """That of `PENALTIES` under which votes on prompts held out are likeliest."""

    def loss(penalty: float) -> float:
        margins = out_of_fold(design, table, penalty)
        ahead, behind = np.logaddexp(0, -margins), np.logaddexp(0, margins)
        return float((table.weight * (table.preference * ahead + (1 - table.preference) * behind)).sum())

    return min(PENALTIES, key=loss)


def out_of_fold(design: Floats, table: Table, penalty: float) -> Floats:
    """The margin `[n]` of every vote by a head that has seen no vote on its prompt."""
    margins = np.zeros(len(table))
    for fold in range(FOLDS):
        held = table.fold == fold
        if held.any():
            margins[held] = design[held] @ _head(design, table, penalty, np.where(held, 0.0, table.weight))
    return margins


def _resampled(table: Table, rng: np.random.Generator) -> Floats:
    """Weights of votes when prompts, and raters where there are several, are drawn anew with replacement."""
    weights: Floats = table.weight * _drawn(table.prompt, rng)
    return weights * _drawn(table.rater, rng) if len(table.rater_names) > 1 else weights


def _drawn(levels: Places, rng: np.random.Generator) -> Floats:
    """How often each level was drawn, smoothly (the Bayesian bootstrap: Rubin, 1981), so that none is lost."""
    drawn: Floats = rng.exponential(size=levels.max() + 1)[levels]
    return drawn


# -- how good it is --------------------------------------------------------------------------------------------------


def _slope(margins: Floats, table: Table) -> float:
    """What margins on prompts held out have to be multiplied by to be log-odds (Platt, 1999), within reason."""
    slope = 1.0
    for _ in range(50):
        chance = 0.5 * (1 + np.tanh(slope * margins / 2))
        gradient = (table.weight * (table.outcome - chance) * margins).sum()
        curvature = (table.weight * chance * (1 - chance) * margins**2).sum() + 1e-9
        step = float(np.clip(gradient / curvature, -1, 1))
        slope = float(np.clip(slope + step, 0.02, 5.0))
        if abs(step) < 1e-4:
            break
    return slope


def _calibration_error(margins: Floats, table: Table) -> float:
    """Votes in five bins by how sure the taste was; the mean distance of what it told from what was said."""
    told = 0.5 * (1 + np.tanh(np.abs(margins) / 2))
    observed = np.where(margins >= 0, table.outcome, 1 - table.outcome)
    bins = np.array_split(np.argsort(told), FOLDS)
    distances = [abs(told[some].mean() - observed[some].mean()) * len(some) for some in bins if len(some)]
    return float(sum(distances) / len(told))


def _right(margins: Floats, table: Table) -> Floats:
    """1 for a vote that was predicted, 0 for one that was not, 0.5 where the taste knew no better; NaN for ties."""
    right: Floats = np.where(table.said == 0, np.nan, 0.5 + 0.5 * np.sign(margins) * table.said)
    return right


def _share(margins: Floats, table: Table, among: npt.NDArray[np.bool_]) -> Share:
    """Of decided votes `among` all; votes on one prompt are alike, so the interval is over prompts (Student's t)."""
    from scipy.stats import t

    right = _right(margins, table)
    used = among & ~np.isnan(right)
    if not used.any():
        return Share(math.nan, 0.0, 1.0, 0, 0)
    value = float(right[used].mean())
    prompts, place = np.unique(table.prompt[used], return_inverse=True)
    excess = np.bincount(place, right[used] - value)
    count = len(prompts)
    if count < 2:
        return Share(value, 0.0, 1.0, int(used.sum()), count)
    # Laplace's two imagined votes keep an interval open when all votes were predicted.
    error = math.sqrt(count / (count - 1) * (excess**2).sum() + 0.5) / used.sum()
    half = float(t.ppf(0.975, count - 1)) * error
    return Share(value, max(0.0, value - half), min(1.0, value + half), int(used.sum()), count)


def predictions_in_order(features: Floats, sizes: Sequence[int], table: Table) -> Floats:
    """The margin `[n]` of every vote by a taste of the votes before its block, on other prompts; 0 in the first block.

    Nothing that comes later changes it: neither space, penalty nor folds.
    """
    margins, penalty, chosen_at = np.zeros(len(table)), 0.1, 0
    for start, end in _blocks(len(table)):
        before = np.arange(len(table)) < start
        if len(set(table.prompt[before & (table.said != 0)])) < 2:
            continue
        past = table.first(start)
        space = Space.of(features[past.clips], sizes)
        design = space.differences(features, table.first(end))
        if start >= 2 * chosen_at:
            penalty, chosen_at = choose_penalty(design[:start], past), start
        block = np.arange(start, end)
        for fold in set(table.fold[block]):
            weight = np.where(past.fold == fold, 0.0, past.weight)
            if weight.any():
                some = block[table.fold[block] == fold]
                margins[some] = design[some] @ _head(design[:start], past, penalty, weight)
    return margins


def _blocks(count: int) -> Iterator[tuple[int, int]]:
    """Blocks that grow by an eighth of what is before them, ten votes at least; the last is cut."""
    start = FIRST_BLOCK
    while start < count:
        end = start + max(10, start // 8)
        yield start, min(end, count)
        start = end


@dataclass(frozen=True, slots=True)
class Bets:
    """What is bet on: `right` `[m]` is 1 for a vote that was predicted and 0 for one that was not, `certainty` `[m]` is
    how sure the taste was before it, 0 to 1, and `prompt` `[m]` numbers the prompts.
    """

    right: Floats
    certainty: Floats
    prompt: Places

    @classmethod
    def of(cls, margins: Floats, table: Table) -> Bets:
        """From margins told before the votes; ties and what was not predicted are left out."""
        right = _right(margins, table)
        used = ~np.isnan(right) & (margins != 0)
        return cls(right[used], np.tanh(np.abs(margins[used])), np.unique(table.prompt[used], return_inverse=True)[1])

    def wealth(self, mean: float = 0.5) -> float:
        """Of a stake of 1, after bets that the share of votes predicted is above `mean`, mixed over shares staked.

        A bet is the larger the surer the taste was, and the votes on one prompt are one bet. If the claim is false the
        wealth is expected to stay at 1 or fall, and ever reaches c with a chance of 1 / c at most (Ville, 1939).
        """
        excess = self.certainty * (self.right - mean) / mean
        of_prompts = np.bincount(self.prompt, excess) / np.maximum(1, np.bincount(self.prompt))
        gains = np.log1p(STAKES[:, None] * of_prompts).sum(axis=1)
        return float(np.exp(gains - gains.max()).mean() * np.exp(min(float(gains.max()), 700.0)))

    def lower_bound(self) -> float:
        """The largest share of votes, weighed by how sure the taste was, that the bets rule out: the true one is below
        it with a chance of 1 in 20 at most, whenever somebody looks.
        """
        ruled_out = (mean for mean in np.arange(0.99, 0.0, -0.01) if self.wealth(mean) >= 1 / ERROR)
        return float(next(ruled_out, 0.0))


def _votes_wanted(wealth: float, accuracy: Share, table: Table) -> int | None:
    """More votes that probably open the gate, from how fast the wealth grows at this accuracy; None if it does not."""
    if wealth >= 1 / ERROR:
        return 0
    chance = min(accuracy.value, 0.9)
    if chance < 0.53:
        return None
    growth = chance * math.log(2 * chance) + (1 - chance) * math.log(2 * (1 - chance))
    bets_per_vote = accuracy.prompts / max(1, len(table))
    missing = (math.log(1 / ERROR) - math.log(max(wealth, 0.1))) / (growth * max(bets_per_vote, 0.2))
    return 10 * math.ceil(missing / 10) if missing < 2000 else None


def _agreements(design: Floats, table: Table, penalty: float) -> Iterator[Agreement]:
    """Of every two raters with enough votes, how well the taste of the one predicts the other, on other prompts."""
    raters = table.busy_raters()
    for rater in raters:
        margins = out_of_fold(design, _only(table, table.rater == rater), penalty)
        for other in raters:
            if other != rater:
                share = _share(margins, table, table.rater == other)
                yield Agreement(table.rater_names[rater], table.rater_names[other], share)


def _only(table: Table, kept: npt.NDArray[np.bool_]) -> Table:
    return replace(table, weight=np.where(kept, table.weight, 0.0))
