"""Two heads side by side: which of them is believed, and that neither is misled by the other."""

from __future__ import annotations

import numpy as np
import pytest

from training.trainer.heads import SLOPE, Recipe, Single, Space, out_of_fold
from training.trainer.votes import Table, Vote

SIZES = (60, 40)
PROMPTS, CLIPS = 80, 4


class Listener:
    """Clips `[PROMPTS x CLIPS, 100]`, and somebody who likes them by `liking` and errs in a tenth of the votes."""

    def __init__(self, weights: np.ndarray, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.features = self.rng.standard_normal((PROMPTS * CLIPS, sum(SIZES))) @ self._mixed(seed)
        self.liking = self.features @ weights

    @staticmethod
    def _mixed(seed: int) -> np.ndarray:
        """Features have much in common, as those of sound have."""
        return np.eye(sum(SIZES)) + 0.1 * np.random.default_rng(1000 + seed).standard_normal((sum(SIZES),) * 2)

    def table(self, count: int) -> Table:
        votes = []
        for number in range(count):
            prompt = number % PROMPTS
            left, right = (int(clip) for clip in prompt * CLIPS + self.rng.choice(CLIPS, 2, replace=False))
            better = (self.liking[left] > self.liking[right]) != (self.rng.random() < 0.1)
            votes.append(Vote(left, right, 0.75 if better else 0.25, prompt, "anna"))
        return Table.of(votes)

    def right(self, scores: np.ndarray) -> float:
        pairs = np.arange(PROMPTS * CLIPS).reshape(PROMPTS, CLIPS)
        signs = [np.sign(values[pairs[:, 0]] - values[pairs[:, 1]]) for values in (scores, self.liking)]
        return float((signs[0] == signs[1]).mean())


def one_statistic(place: int = 7) -> np.ndarray:
    return np.eye(sum(SIZES))[place]


def a_little_of_everything(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(sum(SIZES))


def learned(listener: Listener, count: int) -> dict[str, float]:
    """How right the sum and each of its heads are."""
    table = listener.table(count)
    space = Space.of(listener.features, SIZES)
    design, points = space.differences(listener.features, table), space.points(listener.features)
    recipe = Recipe.chosen(design, space.components, table)
    parts = {"both": (recipe.broad, recipe.narrow), "broad": (1.0, 0.0), "narrow": (0.0, 1.0)}
    rights = {}
    for name, shares in parts.items():
        head = Recipe(recipe.penalty, *shares).head(design, space.components, table)
        rights[name] = listener.right(points @ head)
    return rights


def test_a_taste_for_one_thing_is_told_by_few_votes():
    rights = [learned(Listener(one_statistic(), seed), 50) for seed in range(6)]
    means = {name: np.mean([right[name] for right in rights]) for name in rights[0]}
    assert means["both"] > means["broad"] + 0.1
    assert means["both"] > 0.75


def test_a_taste_for_a_little_of_everything_loses_nothing():
    rights = [learned(Listener(a_little_of_everything(seed), seed), 200) for seed in range(6)]
    means = {name: np.mean([right[name] for right in rights]) for name in rights[0]}
    assert means["both"] > means["broad"] - 0.02
    assert means["broad"] > means["narrow"] + 0.05


def test_votes_say_which_of_the_two_is_believed():
    def narrow_share(weights: np.ndarray) -> float:
        listener = Listener(weights)
        table = listener.table(200)
        space = Space.of(listener.features, SIZES)
        design = space.differences(listener.features, table)
        head = Recipe.chosen(design, space.components, table).head(design, space.components, table)
        broad, narrow = design[:, : space.components], design[:, space.components :]
        spreads = (broad @ head[: space.components]).std(), (narrow @ head[space.components :]).std()
        return float(spreads[1] / sum(spreads))

    assert narrow_share(one_statistic()) > 0.5
    assert narrow_share(a_little_of_everything(0)) < 0.3


def test_the_statistic_that_was_liked_is_the_likeliest():
    listener = Listener(one_statistic(31))
    table = listener.table(80)
    space = Space.of(listener.features, SIZES)
    single = Single.of(space.differences(listener.features, table)[:, space.components :], table)
    assert single.chance.argmax() == 31
    assert single.chance.sum() == pytest.approx(1)
    assert single.slope[31] > 0


def test_the_evidence_of_a_statistic_is_what_an_integral_gives():
    """By hand: the likelihood of the votes times the prior, over all slopes."""
    listener = Listener(one_statistic())
    table = listener.table(60)
    design = Space.of(listener.features, SIZES).differences(listener.features, table)[:, -SIZES[0] :]
    single = Single.of(design, table)
    slopes = np.linspace(-4, 4, 4001)
    logs = []
    for place in (7, 8, 9):
        margins = design[:, [place]] * slopes
        likelihood = (table.preference[:, None] * margins - np.logaddexp(0, margins)).sum(0)
        logs.append(np.log(np.exp(likelihood - slopes**2 / (2 * SLOPE**2)).sum()))
    found = np.log(single.chance[[7, 8, 9]])
    np.testing.assert_allclose(found - found[0], np.array(logs) - logs[0], atol=0.05)


def test_no_vote_has_a_say_in_what_is_foretold_of_its_prompt():
    """Turn every vote on the prompts of one fold: what is foretold there stays as it was."""
    listener = Listener(one_statistic())
    table = listener.table(100)
    space = Space.of(listener.features, SIZES)
    design = space.differences(listener.features, table)
    turned = np.where(table.fold == 2, 1 - table.preference, table.preference)
    foretold = []
    for preference in (table.preference, turned):
        said = Table(table.left, table.right, preference, *(getattr(table, name) for name in REST))
        head = lambda weight, said=said: Recipe().head(design, space.components, said, weight)  # noqa: E731
        foretold.append(out_of_fold(head, design, said)[table.fold == 2])
    np.testing.assert_allclose(foretold[0], foretold[1])


REST = ("weight", "prompt", "rater", "rater_names", "groups")


def test_statistics_that_never_differ_and_votes_of_no_weight_harm_nothing():
    listener = Listener(one_statistic())
    listener.features[:, 3] = 1.0
    table = listener.table(40)
    space = Space.of(listener.features, SIZES)
    design = space.differences(listener.features, table)
    assert np.isfinite(Recipe.chosen(design, space.components, table).head(design, space.components, table)).all()
    nothing = Single.of(design[:, space.components :], table, np.zeros(len(table)))
    assert not nothing.head.any()
    assert nothing.chance == pytest.approx(np.full(SIZES[0], 1 / SIZES[0]))
