"""The whole loop on the bundled model, small: every stage real, every row where a person would look for it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from django.core.management import CommandError, call_command

from adapters.models import Adapter, Taste
from datasets_app.building import machine_labels
from feedback.models import Preference, RaterProfile, Rating, Trial
from generation.base_models.catalogue import sync_catalogue
from generation.sound.files import load_audio_bytes
from generation.sound.processing import read_flac
from prompts.models import Prompt
from text2song.management.commands.setup import FIRST_USER
from training.config import FEW_VOTES, PRESETS
from training.demo import loop
from training.demo.tastes import TASTES
from training.models import Promotion, Round, TrainingRun
from training.quality.guards import RULES
from training.trainer.taste import Report

pytestmark = [pytest.mark.django_db, pytest.mark.worker]

SMALL = loop.Size(prompts=3, samples=2, seconds=2, test_prompts=3, test_samples=2, error_rate=0.0)
FEW = replace(SMALL, prompts=6, samples=4, seconds=1, votes=10)


@pytest.fixture
def small(monkeypatch, settings, tmp_path, django_user_model):
    settings.DATA_DIR = tmp_path
    sync_catalogue()
    monkeypatch.setattr(loop, "IMITATION", {**loop.IMITATION, "max_steps": 2, "batch_size": 2})
    monkeypatch.setitem(PRESETS[FEW_VOTES], "max_steps", 2)
    return django_user_model.objects.create_superuser(FIRST_USER)


@pytest.fixture
def walk(small, tmp_path):
    """Walk the loop; returns what it tells. Of six clips it is luck whether every guard holds: then it says so."""

    def walked(*arguments):
        failed = False
        try:
            call_command("demo", *arguments)
        except CommandError:
            failed = True
        told = json.loads((tmp_path / "demo.json").read_text())
        assert failed is not told["guards"]["hold"]
        return told

    return walked


def test_the_loop_closes(walk, monkeypatch, capsys):
    monkeypatch.setattr(loop.Demo, "size", SMALL)
    told = walk("--taste", "darkness", "--seed", "3", "--learn", "votes", "--votes", "3")
    assert told["learned"] is None and not Taste.objects.exists()
    assert told["taste"] == "darkness" and told["seed"] == 3 and told["votes"] == 3
    assert told["method"] == "dpo" and told["test_votes"] == 6
    gain = told["measure"] - told["base_measure"]
    assert gain != 0 and told["gain_low"] < gain < told["gain_high"]
    assert 0 <= told["win_rate_low"] <= told["win_rate"] <= told["win_rate_high"] <= 1
    assert told["seconds"] > 0 and told["guards"]["figures"].keys() == {rule.key for rule in RULES} - {"fit"}
    promotion = Promotion.objects.get()
    assert promotion.outcome == "declined" and "program" in promotion.reason and promotion.test.state == "completed"
    assert not Adapter.objects.filter(is_default=True).exists()
    assert "Win rate against the base, blind" in capsys.readouterr().out
    run = TrainingRun.objects.get()
    assert run.state == "completed" and run.adapter == Adapter.objects.get() and run.adapter.is_active
    assert RaterProfile.objects.get(user__username="synthetic-rater-darkness").kind == RaterProfile.Kind.SYNTHETIC
    assert {p.rater.username for p in Preference.objects.all()} == {"synthetic-rater-darkness"}
    counted = Trial.objects.counted()
    assert counted.count() == 6
    held_out = {trial.pair.prompt_id for trial in counted}
    trained_on = {item.prompt_id for item in run.dataset.items.all()}
    assert held_out.isdisjoint(trained_on)
    texts = {trial.pair.prompt.rendered_text for trial in counted}
    assert texts.isdisjoint({item.text for item in run.dataset.items.all()}), "the same words under another id"
    assert held_out.isdisjoint(Prompt.objects.outside_suites().values_list("pk", flat=True))


@pytest.mark.parametrize("is_usable", [True, False])
def test_a_taste_labels_what_nobody_heard_if_it_can_be_relied_on(walk, monkeypatch, is_usable):
    monkeypatch.setattr(loop.Demo, "size", FEW)
    monkeypatch.setattr(Report, "is_usable", is_usable)  # of ten votes it is luck
    monkeypatch.setattr(machine_labels, "CERTAIN", 0.5)
    told = walk("--seed", "3", "--votes", "10")
    taste = Taste.objects.get()
    assert told["votes"] == 10 and told["learned"]["usable"] is is_usable
    assert taste.raters == ["synthetic-rater-brightness"] and taste.votes == 10
    items = TrainingRun.objects.get().dataset.items
    assert items.filter(labelled_by=None).count() == 10
    assert items.filter(labelled_by=taste).exists() is is_usable
    assert Preference.objects.filter(source="direct").count() == 10, "a taste never votes"
    round_ = Round.objects.get()
    assert (round_.state, round_.owner.username, round_.taste) == ("completed", "synthetic-rater-brightness", taste)
    assert round_.trains_on == ("taste" if is_usable else "votes")
    assert round_.adapter == Adapter.objects.get() and round_.prompts.count() == round_.jobs.count() == 6


def test_more_votes_than_there_are_clips_are_refused(small):
    with pytest.raises(CommandError, match="from 1 to 400 votes"):
        call_command("demo", "--votes", "401")


def test_the_loop_closes_on_ratings_too(walk, monkeypatch):
    monkeypatch.setattr(loop.Demo, "size", replace(SMALL, samples=8, test_samples=2))
    told = walk("--method", "sft", "--taste", "brightness")
    assert told["method"] == "sft" and told["votes"] == 24 and told["test_votes"] == 6
    run = TrainingRun.objects.get()
    assert run.training_config.method == "sft" and run.dataset.kind == "supervised" and run.adapter.is_active
    by_prompt = {}
    for rating in Rating.objects.select_related("sample__job"):
        by_prompt.setdefault(rating.sample.job.prompt_id, []).append((liking(rating.sample), rating.score))
    for rated in by_prompt.values():
        assert [score for _, score in sorted(rated, reverse=True)] == [5, 5, 2, 2, 2, 2, 2, 2]


def liking(sample):
    return TASTES["brightness"].measure(*read_flac(load_audio_bytes(sample)))


def test_a_rater_that_errs_half_the_time_says_nothing(small):
    demo = loop.Demo(actor=small, taste=TASTES["brightness"], seed=1, say=print)
    demo.size = replace(SMALL, error_rate=0.5)
    choices = [demo.choice(2.0, 1.0, "a", "b") for _ in range(400)]
    assert 140 < choices.count("a") < 260
    demo.size = SMALL
    assert {demo.choice(2.0, 1.0, "a", "b") for _ in range(20)} == {"a"}
