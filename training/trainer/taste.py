"""Learning a taste from votes, and telling how good it is.

The head is learned as `training.trainer.heads` says. A vote is a soft label: how likely its rater is right. How good
the taste is, is told by votes on prompts it was not fitted on, in two ways: *accuracy* is that of folds over prompts,
and *evidence* is what opens the gate (`training.trainer.evidence`).

numpy and scipy; neither torch nor Django.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from generation.sound.taste import TasteHeads
from training.trainer.evidence import ERROR, Bets, foretold, predictions_in_order
from training.trainer.heads import Recipe, Space, out_of_fold
from training.trainer.votes import FOLDS, Floats, Places, Table, Vote, require_enough

MEMBERS = 16


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
    require_enough(table)
    rng = np.random.default_rng(seed)
    space = Space.of(features[table.clips], [size for _, size in kinds])
    design = space.differences(features, table)
    recipe = Recipe.chosen(design, space.components, table)

    def learn(weight: Floats) -> Floats:
        return recipe.head(design, space.components, table, weight)

    held_out = out_of_fold(learn, design, table)
    slope = _slope(held_out, table)
    weights = slope * learn(table.weight)
    ensemble = [slope * learn(_resampled(table, rng)) for _ in range(members)]
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
            penalty=recipe.penalty,
            calibration_error=_calibration_error(slope * held_out, table),
            groups={name: _share(held_out, table, table.in_group(name)) for name in table.group_names()},
            by_rater={
                table.rater_names[rater]: _share(held_out, table, table.rater == rater) for rater in table.busy_raters()
            },
            agreements=tuple(_agreements(learn, design, table)),
        ),
    )


# -- the ensemble ----------------------------------------------------------------------------------------------------


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


def _share(margins: Floats, table: Table, among: npt.NDArray[np.bool_]) -> Share:
    """Of decided votes `among` all; votes on one prompt are alike, so the interval is over prompts (Student's t)."""
    from scipy.stats import t

    right = foretold(margins, table)
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


def _agreements(learn: Callable[[Floats], Floats], design: Floats, table: Table) -> Iterator[Agreement]:
    """Of every two raters with enough votes, how well the taste of the one predicts the other, on other prompts."""
    raters = table.busy_raters()
    for rater in raters:
        margins = out_of_fold(lambda weight: learn(np.where(table.rater == rater, weight, 0.0)), design, table)  # noqa: B023
        for other in raters:
            if other != rater:
                share = _share(margins, table, table.rater == other)
                yield Agreement(table.rater_names[rater], table.rater_names[other], share)
