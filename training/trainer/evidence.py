"""What opens a taste's gate: bets that what it foretold before each vote is no chance.

Votes are taken in the order in which they were given, and each is predicted by a taste of the votes before it, on other
prompts. Against the claim that this is no better than chance a wealth is bet (Waudby-Smith & Ramdas, 2024, J. R. Stat.
Soc. B 86, 1-27), one bet a prompt, and 20 times the stake is asked for. With a taste that knows nothing this happens
with a chance of 1 in 20 at most, however often somebody looks.

numpy alone; neither torch nor Django.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from training.trainer.heads import Recipe, Space
from training.trainer.votes import Floats, Places, Table

ERROR = 0.05
FIRST_BLOCK = 10
"""Votes after which the first prediction is made."""
STAKES = np.linspace(0.1, 0.95, 10)
"""Shares of the wealth that a certain taste stakes."""


def foretold(margins: Floats, table: Table) -> Floats:
    """1 for a vote that was predicted, 0 for one that was not, 0.5 where the taste knew no better; NaN for ties."""
    found: Floats = np.where(table.said == 0, np.nan, 0.5 + 0.5 * np.sign(margins) * table.said)
    return found


def predictions_in_order(features: Floats, sizes: Sequence[int], table: Table) -> Floats:
    """The margin `[n]` of every vote by a taste of the votes before its block, on other prompts; 0 in the first block.

    Nothing that comes later changes it: neither space, recipe nor folds.
    """
    margins, recipe, chosen_at = np.zeros(len(table)), Recipe(), 0
    for start, end in _blocks(len(table)):
        before = np.arange(len(table)) < start
        if len(set(table.prompt[before & (table.said != 0)])) < 2:
            continue
        past = table.first(start)
        space = Space.of(features[past.clips], sizes)
        design = space.differences(features, table.first(end))
        if start >= 2 * chosen_at:
            recipe, chosen_at = Recipe.chosen(design[:start], space.components, past), start
        block = np.arange(start, end)
        for fold in set(table.fold[block]):
            weight = np.where(past.fold == fold, 0.0, past.weight)
            if weight.any():
                some = block[table.fold[block] == fold]
                margins[some] = design[some] @ recipe.head(design[:start], space.components, past, weight)
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
        right = foretold(margins, table)
        used = ~np.isnan(right) & (margins != 0)
        return cls(right[used], np.tanh(np.abs(margins[used])), np.unique(table.prompt[used], return_inverse=True)[1])

    def wealth(self, mean: float = 0.5) -> float:
        """Of a stake of 1, after bets that the share of votes predicted is above `mean`, mixed over shares staked.

        A bet is the larger the surer the taste was, and the votes on one prompt are one bet. If the claim is false the
        wealth is expected to stay at 1 or fall, and ever reaches c with a chance of 1 / c at most (Ville, 1939). That
        is a theorem where each prompt has one vote; where more come later, on as many prompts in turn or all at once,
        alike within a prompt or not, chance reached 20 in 2.4 % of runs at most (1,500 each, a look every ten votes).
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
