"""Step by step or by itself, paused, cancelled, and within a budget."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from datasets_app.models import Dataset
from training.models import Promotion, Round, TrainingRun
from training.rounds.budget import require_minutes, spent
from training.rounds.exceptions import OverBudget
from training.rounds.progress import sweep
from training.rounds.services import cancel_round, give_more_votes, go_on, pause_round
from training.rounds.tests.factories import (
    at,
    begun,
    built,
    end,
    fitted,
    judge,
    make_clips,
    trained,
)

pytestmark = pytest.mark.django_db


def test_step_by_step_it_asks_before_each(user):
    round_ = judge(make_clips(begun(user, by_itself=False)))
    assert at(round_, "fitting", "waiting").fit is None
    sweep()
    assert at(round_, "fitting", "waiting").fit is None
    go_on(actor=user, round_=round_)
    fitted(round_)
    at(round_, "understood", "waiting")
    go_on(actor=user, round_=round_, trains_on="taste")
    assert at(round_, "building").dataset
    built(round_)
    assert at(round_, "training", "waiting").run is None
    go_on(actor=user, round_=round_)
    trained(round_)
    assert at(round_, "testing", "waiting").promotion is None
    go_on(actor=user, round_=round_)
    assert at(round_, "testing").promotion


def test_a_pause_begins_nothing_and_what_was_under_way_is_found(user, judged):
    pause_round(actor=user, round_=judged)
    fitted(judged)
    assert at(judged, "fitting", "paused").dataset is None
    go_on(actor=user, round_=judged)
    assert at(judged, "building").dataset


def test_cancelling_stops_jobs_and_keeps_what_was_made(user):
    round_ = begun(user)
    done = round_.jobs.first()
    end(done, state="completed", finished_at=timezone.now())
    cancel_round(actor=user, round_=round_)
    assert at(round_, "making", "cancelled").finished_at
    assert sorted(round_.jobs.values_list("state", flat=True)) == ["cancelled"] * 3 + ["completed"]
    sweep()
    at(round_, "making", "cancelled")


def test_cancelling_stops_training(user, understood):
    built(understood)
    cancel_round(actor=user, round_=understood)
    assert TrainingRun.objects.get().state == "cancelled" and Dataset.objects.get().is_ready


def test_time_that_is_used_up_stops_training_which_goes_on_with_more(user, understood):
    run = at(built(understood), "training").run
    end(run, seconds=3 * 3600.0, checkpoints={"last": "x"})
    Round.objects.filter(pk=understood.pk).update(max_minutes=60)
    sweep()
    round_ = at(understood, "training", "paused")
    assert "60 minutes" in round_.told and TrainingRun.objects.get().state == "cancelled"
    go_on(actor=user, round_=round_)
    at(understood, "training", "paused")
    go_on(actor=user, round_=round_, max_minutes=600)
    at(understood, "training")
    assert TrainingRun.objects.get().state == "queued", "it is resumed"


def test_clips_past_the_budget_are_not_made(user, judged):
    fitted(judged, usable=False)
    Round.objects.filter(pk=judged.pk).update(max_clips=10)
    give_more_votes(actor=user, round_=judged, votes=10)
    round_ = at(judged, "making", "paused")
    assert "may make 10" in round_.told and round_.jobs.count() == 4
    go_on(actor=user, round_=round_, max_clips=100)
    assert at(judged, "making").jobs.count() == 8


def test_a_test_past_the_budget_is_not_opened(user, understood):
    Round.objects.filter(pk=understood.pk).update(max_clips=20)
    trained(built(understood))
    assert "The blind test takes 48 more clips" in at(understood, "testing", "paused").told
    assert not Promotion.objects.exists()
    go_on(actor=user, round_=understood, max_clips=100)
    assert at(understood, "testing").promotion


def test_jobs_that_run_at_once_count_once(user):
    round_ = begun(user)
    now = timezone.now()
    round_.jobs.update(state="completed", started_at=now - timedelta(minutes=30), finished_at=now)
    assert spent(round_).minutes == pytest.approx(30)
    round_.max_minutes = 30
    with pytest.raises(OverBudget, match="used up"):
        require_minutes(round_)
