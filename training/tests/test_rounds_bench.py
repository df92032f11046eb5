"""`bench.rounds` in small: two rounds beside one, every stage real, both judged against the first base."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest

from bench import rounds
from bench.rounds import ONE, THREE, Size, Walk, Won, is_won, played, table
from feedback.models import ClipPair, Preference, RaterProfile, Trial
from generation.base_models.catalogue import sync_catalogue
from training.config import FEW_VOTES, PRESETS
from training.models import Promotion, Round

TINY = Size(
    rounds=2, prompts=8, clips=3, votes=24, seconds=1, test_prompts=3, held_prompts=3, held_clips=2, error_rate=0.0
)


@pytest.fixture
def walk(monkeypatch, settings, tmp_path, curator):
    settings.DATA_DIR = tmp_path
    sync_catalogue()
    monkeypatch.setitem(PRESETS[FEW_VOTES], "max_steps", 2)
    return Walk(seed=3, taste="brightness", size=TINY, curator=curator)


@pytest.mark.django_db
@pytest.mark.worker
@pytest.mark.slow
def test_both_ways_are_walked_and_judged(walk, monkeypatch):
    monkeypatch.setattr(rounds, "is_won", lambda promotion: True)  # of twelve votes it is luck
    row = walk.run()
    (one,) = Round.objects.filter(owner__username="one-round")
    first, second = Round.objects.filter(owner__username="three-rounds").order_by("number")
    assert {r.state for r in (one, first, second)} == {"completed"}
    assert one.goes_on_from is None and first.goes_on_from is None, "the one round promoted nothing"
    assert second.goes_on_from == first.adapter and second.adapter.parent == first.adapter and second.adapter.is_default

    texts = [set(r.prompts.values_list("text_key", flat=True)) for r in (first, second)]
    assert not texts[0] & texts[1] and texts[0] | texts[1] == set(one.prompts.values_list("text_key", flat=True))
    assert sum(r.prompts.count() * r.clips_per_prompt for r in (first, second)) == 8 * 3 == one.clips_wanted
    votes = Preference.objects.filter(source="direct")
    assert votes.filter(rater=one.owner).count() == votes.filter(rater=first.owner).count() == TINY.votes
    assert set(RaterProfile.objects.filter(user__trials__isnull=False).values_list("kind", flat=True)) == {"synthetic"}
    gold = Trial.objects.voted().filter(pair__kind=ClipPair.Kind.GOLD)
    assert gold.exists() and all(trial.winner == "x" for trial in gold), "nobody likes a broken clip"

    assert [told["votes"] for told in row["rounds"][THREE]] == [12, 24], "of a rater's taste no vote is lost"
    assert row["rounds"][THREE][1]["from"] == first.adapter.label and row["rounds"][ONE][0]["from"] == "base"
    assert len(row["between"]) == 1 and len(row["direct"]["by_prompt"]) == 3
    assert all(0 <= row[way]["win"] <= 1 and row[way]["noise"] > 0 and row[way]["drift"] > 0 for way in (ONE, THREE))
    assert any("2 of 2" in line and THREE in line for line in table([row]))


@pytest.mark.parametrize(
    ("evidence", "low", "hold", "won"),
    [(60, 0.51, True, True), (59, 0.51, True, False), (60, 0.5, True, False), (60, 0.51, False, False)],
)
def test_a_round_is_won_if_only_the_program_stands_against_it(monkeypatch, evidence, low, hold, won):
    monkeypatch.setattr("feedback.listening_tests.evidence.evidence", lambda test: evidence)
    assert is_won(SimpleNamespace(win_rate_low=low, guards={"hold": hold}, test=None)) is won


def test_a_round_without_a_test_is_not_won():
    assert not is_won(None) and not is_won(Promotion())


def test_what_is_played_in_the_end_is_what_was_promoted_last():
    row = {"between": [{"win": 0.6}, {"win": 0.7}], THREE: {"win": 0.8}, ONE: {"win": 0.9}}
    for won, plays in (((1, 1, 0), 0.7), ((1, 0, 1), 0.8), ((0, 0, 0), 0.5)):
        told = {THREE: [{"won": bool(one)} for one in won], ONE: [{"won": bool(won[0])}]}
        assert played(row | {"rounds": told}, THREE) == plays
        assert played(row | {"rounds": told}, ONE) == (0.9 if won[0] else 0.5)


def test_every_clip_is_compared_with_every_other_of_its_prompt():
    won = Won.of({1: [3.0, 1.0], 2: [5.0]}, {1: [2.0, 1.0], 2: [4.0]})
    assert won.by_prompt == [(1 + 1 + 0 + 0.5) / 4, 1.0]
    told = won.to_mapping()
    assert told["win"] == pytest.approx(0.8125) and told["low"] < 0.8125 < told["high"]
    assert math.isclose(Won.of({1: [1.0], 2: [0.0]}, {1: [0.0], 2: [1.0]}).to_mapping()["win"], 0.5)
