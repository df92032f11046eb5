"""Learning a taste: on features made up with a known taste in them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from generation.sound.taste import EXTREME
from training.trainer import taste
from training.trainer.evidence import ERROR, Bets, predictions_in_order
from training.trainer.heads import Space, broad_head
from training.trainer.taste import Share, fit
from training.trainer.votes import NothingToLearn, Table, Vote

KINDS = [("audio-1", 20), ("hidden-1", 10)]
CLIPS = 4


class World:
    """Clips of prompts, with features, and people who like them by a direction of their own."""

    def __init__(self, prompts: int = 60, seed: int = 0, clips: int = CLIPS) -> None:
        self.rng = np.random.default_rng(seed)
        self.prompts, self.clips = prompts, clips
        of_prompt = self.rng.standard_normal((prompts, 1, 30))
        own = self.rng.standard_normal((prompts, clips, 30))
        self.features = (0.7 * of_prompt + own).reshape(-1, 30) * np.linspace(1, 100, 30) + 5
        self.direction = self.rng.standard_normal(30)

    def liking(self, sign: float = 1.0) -> np.ndarray:
        return sign * ((self.features - 5) / np.linspace(1, 100, 30)) @ self.direction

    def votes(self, count: int, liking: np.ndarray | None, *, rater: str = "anna", errors: float = 0.1) -> list[Vote]:
        """One vote a prompt in turn; without `liking`, by a coin."""
        found = []
        for number in range(count):
            prompt = number % self.prompts
            left, right = prompt * self.clips + self.rng.choice(self.clips, 2, replace=False)
            if liking is None:
                better = self.rng.random() < 0.5
            else:
                better = (liking[left] > liking[right]) != (self.rng.random() < errors)
            found.append(Vote(int(left), int(right), 0.9 if better else 0.1, prompt, rater))
        return found


def accuracy(scores: np.ndarray, liking: np.ndarray, clips: int = CLIPS) -> float:
    """Share of pairs within prompts that are in the right order."""
    told, true = (values.reshape(-1, clips) for values in (scores, liking))
    signs = [np.sign(v[:, :, None] - v[:, None, :]) for v in (told, true)]
    apart = ~np.eye(clips, dtype=bool)
    return float((signs[0] == signs[1])[:, apart].mean())


def test_a_taste_is_learned_and_orders_clips_of_prompts_it_has_not_seen():
    world = World()
    fitted = fit(world.features, KINDS, world.votes(150, world.liking()))
    other = World(seed=1)
    other.direction = world.direction
    assert accuracy(fitted.heads.score(other.features).mean, other.liking()) > 0.8
    assert fitted.report.is_usable
    assert fitted.report.votes_wanted == 0
    assert fitted.report.lower > 0.5


def test_more_votes_teach_more():
    world = World(prompts=200)
    votes = world.votes(400, world.liking())
    few, many = (fit(world.features, KINDS, votes[:count], members=2) for count in (40, 400))
    assert accuracy(many.heads.score(world.features).mean, world.liking()) > 0.05 + accuracy(
        few.heads.score(world.features).mean, world.liking()
    )


def test_what_is_told_of_accuracy_is_true_of_prompts_not_seen():
    """The interval holds what votes on other prompts show, in 19 of 20 worlds or about so."""
    held = 0
    for seed in range(20):
        world = World(prompts=40, seed=seed)
        report = fit(world.features, KINDS, world.votes(80, world.liking()), members=1)
        other = World(prompts=300, seed=100 + seed)
        other.direction = world.direction
        right = accuracy(report.heads.score(other.features).mean, other.liking())
        shown = 0.9 * right + 0.1 * (1 - right)  # the rater errs in a tenth of the votes
        held += report.report.accuracy.low - 0.03 <= shown <= report.report.accuracy.high + 0.03
    assert held >= 18


def test_a_rater_who_votes_at_random_makes_no_taste_usable_however_often_one_looks():
    """One look in 20 worlds may be fooled: of 40 at most 5, which chance passes once in 100 times."""
    fooled = 0
    for seed in range(40):
        world = World(prompts=50, seed=seed)
        table = Table.of(world.votes(200, None))
        margins = predictions_in_order(world.features, [20, 10], table)
        looks = (Bets.of(margins[:n], table.first(n)).wealth() for n in range(20, 201, 10))
        fooled += max(looks) >= 1 / ERROR
    assert fooled <= 5


def test_raters_who_agree_by_chance_on_the_same_pairs_are_no_more_evidence_than_one():
    """Five raters with one voice: 200 votes, but no more than 40 of them are news."""
    fooled = 0
    for seed in range(30):
        world = World(prompts=40, seed=seed)
        once = world.votes(40, None)
        said = [Vote(v.left, v.right, v.preference, v.prompt, f"r{k}") for v in once for k in range(5)]
        table = Table.of(said)
        fooled += Bets.of(predictions_in_order(world.features, [20, 10], table), table).wealth() >= 20
    assert fooled <= 4


def test_no_later_vote_changes_what_was_predicted_before():
    world = World()
    votes = world.votes(120, world.liking())
    early = predictions_in_order(world.features, [20, 10], Table.of(votes[:70]))
    late = predictions_in_order(world.features, [20, 10], Table.of(votes))
    np.testing.assert_allclose(late[:60], early[:60], atol=1e-9)


def test_no_vote_predicts_another_on_its_own_prompt():
    """Were it so, votes that only repeat themselves within prompts would look like knowledge."""
    world = World(prompts=10)
    coin = world.rng.standard_normal(len(world.features))
    votes = world.votes(300, coin, errors=0.0)
    report = fit(world.features, KINDS, votes, members=1).report
    assert report.accuracy.low < 0.5 < report.accuracy.high
    assert not report.is_usable


def test_contradictory_votes_make_no_taste_usable():
    world = World()
    votes = world.votes(80, world.liking())
    against = [Vote(v.left, v.right, 1 - v.preference, v.prompt, "ben") for v in votes]
    both = [vote for pair in zip(votes, against, strict=True) for vote in pair]
    report = fit(world.features, KINDS, both, members=1).report
    assert not report.is_usable
    assert report.accuracy.value == pytest.approx(0.5, abs=0.02)


def test_two_people_of_opposite_tastes_are_told_apart():
    world = World(prompts=100)
    anna = world.votes(300, world.liking())
    ben = world.votes(300, world.liking(-1.0), rater="ben")
    common = fit(world.features, KINDS, [v for pair in zip(anna, ben, strict=True) for v in pair], members=1).report
    shares = {(each.rater, each.other): each.share for each in common.agreements}
    assert not common.is_usable
    assert shares["anna", "ben"].high < 0.5
    assert shares["ben", "anna"].high < 0.5
    for votes, sign in ((anna, 1.0), (ben, -1.0)):
        own = fit(world.features, KINDS, votes, members=1)
        assert own.report.is_usable
        assert accuracy(own.heads.score(world.features).mean, world.liking(sign)) > 0.75


def test_people_who_agree_are_told_to():
    world = World(prompts=100)
    votes = world.votes(200, world.liking()) + world.votes(200, world.liking(), rater="ben")
    report = fit(world.features, KINDS, votes, members=1).report
    assert all(each.share.low > 0.5 for each in report.agreements)
    assert set(report.by_rater) == {"anna", "ben"}


def test_groups_tell_where_it_knows_less():
    """Half of the prompts are judged by a coin."""
    world = World(prompts=100)
    known = world.votes(400, world.liking(), errors=0.0)
    votes = []
    for vote in known:
        blind = isinstance(vote.prompt, int) and vote.prompt % 2
        preference = (0.9 if world.rng.random() < 0.5 else 0.1) if blind else vote.preference
        style = "style: jazz" if blind else "style: rock"
        votes.append(Vote(vote.left, vote.right, preference, vote.prompt, "anna", groups=(style,)))
    groups = fit(world.features, KINDS, votes, members=1).report.groups
    assert groups["style: rock"].low > groups["style: jazz"].value
    assert groups["style: jazz"].low < 0.5 < groups["style: rock"].low


def test_its_certainty_is_borne_out():
    world = World(prompts=150)
    fitted = fit(world.features, KINDS, world.votes(300, world.liking(), errors=0.2))
    assert fitted.report.calibration_error < 0.1
    other = World(prompts=400, seed=9)
    other.direction = world.direction
    scores = fitted.heads.score(other.features)
    left, right = np.arange(0, 1600, 4), np.arange(1, 1600, 4)
    margin, spread = scores.margin(left, right)
    from generation.sound.taste import preference

    told = preference(np.abs(margin), spread)
    true = np.sign(margin) == np.sign(other.liking()[left] - other.liking()[right])
    observed = np.where(true, 0.8, 0.2)
    assert told.mean() == pytest.approx(observed.mean(), abs=0.08)


def test_the_head_is_where_the_penalised_loss_is_least():
    """By hand: the gradient of the soft-label loss with its penalty vanishes."""
    world = World()
    table = Table.of(world.votes(80, world.liking()))
    space = Space.of(world.features, [20, 10])
    design = space.differences(world.features, table)[:, : space.components]
    head = broad_head(design, table, 0.3)
    chance = 1 / (1 + np.exp(-design @ head))
    gradient = design.T @ (table.weight * (table.preference - chance)) - 0.3 * head
    assert np.abs(gradient).max() < 1e-3


def test_each_kind_of_features_has_the_same_say_whatever_its_units():
    world = World()
    space = Space.of(world.features, [20, 10])
    standard = np.clip((world.features - space.centre) / space.scale, -EXTREME, EXTREME)
    basis = space.basis[:, : space.components]
    first, second = standard[:, :20] @ basis[:20], standard[:, 20:] @ basis[20:]
    assert first.var(0, ddof=1).sum() == pytest.approx(0.5, rel=0.02)
    assert second.var(0, ddof=1).sum() == pytest.approx(0.5, rel=0.02)


def test_a_feature_that_never_differs_harms_nothing():
    world = World()
    world.features[:, 3] = 7.0
    fitted = fit(world.features, KINDS, world.votes(60, world.liking()), members=2)
    assert np.isfinite(fitted.heads.score(world.features).mean).all()


def test_the_same_votes_give_the_same_taste():
    world = World()
    votes = world.votes(60, world.liking())
    one, two = (fit(world.features, KINDS, votes, seed=4, members=3) for _ in range(2))
    assert one.heads.to_bytes() == two.heads.to_bytes()


def test_doubt_is_greater_where_there_were_fewer_votes():
    world = World(prompts=200)
    votes = world.votes(400, world.liking())
    few, many = (fit(world.features, KINDS, votes[:count]).heads.score(world.features) for count in (30, 400))
    assert (few.spread / np.abs(few.mean).mean()).mean() > (many.spread / np.abs(many.mean).mean()).mean()


@pytest.mark.parametrize(
    ("votes", "sentence"),
    [
        ([Vote(0, 1, 0.5, prompt, "anna") for prompt in range(20)], "ties alone"),
        ([Vote(0, 1, 0.9, "one", "anna")] * 30, "All votes are on one prompt"),
        ([Vote(0, 1, 0.9, prompt % 3, "anna") for prompt in range(30)], "on 3 prompts"),
        ([Vote(0, 1, 0.9, prompt, "anna") for prompt in range(6)], "There are 6 votes"),
    ],
)
def test_too_little_is_told_in_a_sentence(votes, sentence):
    with pytest.raises(NothingToLearn, match=sentence):
        fit(World().features, KINDS, votes)


def test_ties_are_no_evidence_and_do_no_harm():
    world = World()
    votes = world.votes(100, world.liking())
    ties = [Vote(v.left, v.right, 0.5, v.prompt, "anna") for v in world.votes(50, None)]
    assert fit(world.features, KINDS, votes + ties, members=1).report.accuracy.votes == 100


def test_a_bet_against_chance_is_fair():
    """Under a coin the wealth is 1 on average; a share that is really right is never below the bound for long."""
    rng = np.random.default_rng(0)
    ends = []
    for _ in range(4000):
        right = (rng.random(40) < 0.5).astype(float)
        ends.append(Bets(right, rng.random(40), np.arange(40)).wealth())
    assert np.mean(ends) == pytest.approx(1.0, abs=0.2)
    assert np.mean(np.array(ends) >= 20) <= 0.05
    sure = Bets((rng.random(300) < 0.8).astype(float), np.ones(300), np.arange(300))
    assert 0.65 < sure.lower_bound() < 0.8


@pytest.mark.parametrize("alike", [0.0, 1.0])
@pytest.mark.parametrize("in_turn", [True, False])
def test_chance_seldom_opens_the_gate_where_prompts_have_several_votes(alike, in_turn):
    """Four votes on each of 50 prompts, alike within a prompt or not, looked at after every ten."""
    rng = np.random.default_rng(3)
    prompt = np.tile(np.arange(50), 4) if in_turn else np.repeat(np.arange(50), 4)
    opened = 0
    for _ in range(150):
        of_prompt, of_vote = rng.random(50) < 0.5, rng.random(200) < 0.5
        right = np.where(rng.random(200) < alike, of_prompt[prompt], of_vote).astype(float)
        looks = (Bets(right[:n], np.ones(n), np.unique(prompt[:n], return_inverse=True)[1]) for n in range(10, 201, 10))
        opened += any(bets.wealth() >= 1 / ERROR for bets in looks)
    assert opened <= 13, "of 5 % of 150, chance passes 13 once in 100 times"


def test_how_many_votes_are_wanted_is_told_only_where_more_would_help():
    table = Table.of(World().votes(60, None))
    assert taste._votes_wanted(0.5, Share(0.45, 0.3, 0.6, 60, 60), table) is None
    near, far = (taste._votes_wanted(2.0, Share(value, 0.5, 0.9, 60, 60), table) for value in (0.75, 0.58))
    assert near is not None
    assert far is not None
    assert 0 < near < far
    assert not math.isnan(near)
