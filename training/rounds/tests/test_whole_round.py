"""A whole round on the bundled model, every stage real: a declared synthetic rater votes, up to the decision."""

from __future__ import annotations

import io
from dataclasses import asdict

import pytest
import soundfile

from datasets_app.tasks import build_datasets
from feedback.listening_tests.clips import trial_wav
from feedback.listening_tests.pairs import collect_pairs
from feedback.listening_tests.services.trials import next_trial
from feedback.listening_tests.services.votes import vote as vote_blind
from feedback.models import Trial
from generation.base_models.catalogue import sync_catalogue
from generation.engine import EngineCache
from generation.jobs import worker as generation_worker
from generation.models import GenerationJob
from generation.sound.files import load_audio_bytes
from generation.sound.processing import read_flac
from prompts.services import create_prompt
from text2song.workers import presence
from training.config import FEW_VOTES, PRESETS
from training.demo.loop import synthetic_rater
from training.demo.prompts import draw_prompts
from training.demo.tastes import TASTES
from training.models import Round
from training.promotion.services import decide_waiting
from training.rounds.pairs import next_pair
from training.rounds.progress import sweep
from training.rounds.services import go_on, start_round, vote
from training.runs import worker as training_worker
from training.tastes.fitting import fit_waiting

pytestmark = [pytest.mark.django_db, pytest.mark.worker, pytest.mark.slow]
LIKES = TASTES["brightness"].measure


@pytest.fixture
def rater(monkeypatch, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    sync_catalogue()
    for name, value in {"max_steps": 2, "only_if_better": False}.items():
        monkeypatch.setitem(PRESETS[FEW_VOTES], name, value)
    return synthetic_rater()


def work() -> Round:
    """What all workers do until nothing is left, and then the sweep."""
    engines = EngineCache()
    with presence("command") as name:
        generation_worker.drain(engines, name)
        fit_waiting(engines, name)
        build_datasets("")
        training_worker.drain(name)
        decide_waiting(name)
    sweep()
    return Round.objects.with_context().get()


def judge_openly(round_: Round) -> None:
    while round_.step == "judging" and (pair := next_pair(round_)):
        first, second = (LIKES(*read_flac(load_audio_bytes(clip))) for clip in pair.samples)
        winner = "a" if first > second else "b"
        round_ = vote(actor=round_.owner, round_=round_, first=pair.first.pk, second=pair.second.pk, winner=winner)


def judge_blind(round_: Round) -> None:
    test = round_.promotion.test
    collect_pairs(test)
    test.refresh_from_db()
    while test.is_open and (trial := next_trial(rater=round_.owner, test=test)):
        liked = []
        for first in (True, False):
            audio, rate = soundfile.read(io.BytesIO(trial_wav(trial, first=first)), dtype="float32", always_2d=True)
            liked.append(LIKES(audio.T, rate))
        choice = Trial.Choice.FIRST if liked[0] > liked[1] else Trial.Choice.SECOND
        vote_blind(rater=round_.owner, token=trial.token, choice=choice)
        test.refresh_from_db()


def test_a_round_comes_to_its_decision(rater):
    prompts = [create_prompt(actor=rater, **asdict(values)) for values in draw_prompts(10, seed=3)]
    start_round(actor=rater, prompts=prompts, votes_wanted=16, clips_per_prompt=4, seconds=2)
    steps = []
    for _ in range(20):
        round_ = work()
        steps.append((round_.step, round_.state))
        assert round_.state != "failed", round_.told
        if not round_.is_unfinished:
            break
        if round_.step == "judging":
            judge_openly(round_)
        elif round_.state == "waiting":
            assert round_.step == "understood" and round_.taste and not round_.taste.is_usable
            go_on(actor=rater, round_=round_, trains_on="votes")
        elif round_.step == "testing" and round_.promotion and not GenerationJob.objects.unfinished().exists():
            judge_blind(round_)
    print(steps, round_.told)
    assert (round_.step, round_.state) == ("decided", "completed")
    assert round_.promotion.outcome in ("declined", "promoted") and "program" in round_.told
    assert round_.taste.raters == [rater.get_username()] and round_.dataset.filters["raters"] == [rater.get_username()]
    assert round_.dataset.created_by is None, "the rater is no curator: the studio built it, of their votes alone"
    assert round_.adapter.run == round_.run and round_.promotion.guards
