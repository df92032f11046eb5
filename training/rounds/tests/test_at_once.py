"""Sweeps, votes and workers that bring a round on at the same moment make nothing twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from adapters.tests.factories import AdapterFactory
from datasets_app.models import Dataset
from feedback.models import ListeningTest
from feedback.services import prefer
from generation.models import GenerationJob
from generation.tests.factories import AudioSampleFactory
from text2song.tests.together import at_once
from training.models import Experiment, Promotion, Round, TasteFit, TrainingRun
from training.rounds.pairs import next_pair
from training.rounds.progress import advance, sweep
from training.rounds.services import vote
from training.rounds.tests.factories import at, begun, complete, end, taste_of

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
MADE = (GenerationJob, TasteFit, Dataset, Experiment, TrainingRun, Promotion, ListeningTest)
CALLERS = 6


@pytest.fixture(autouse=True)
def many_connections() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("run with TEST_DATABASE=postgres")


def made() -> dict[str, int]:
    return {model.__name__: model._base_manager.count() for model in MADE}


def look(round_: Round) -> None:
    """Sweeps, and with them those who may have brought it further, look at it; none of them breaks."""
    callers: list[Callable[[], Any]] = [sweep, lambda: advance(round_.pk)] * (CALLERS // 2)
    answers = at_once(lambda call: call(), callers)
    assert not [answer for answer in answers if isinstance(answer, Exception)], answers


def test_many_who_look_at_once_make_everything_once(user: Any) -> None:
    round_ = begun(user)
    round_.jobs.clear()
    GenerationJob.objects.all().delete()
    look(round_)
    jobs = list(at(round_, "making").jobs.all())
    assert len(jobs) == 4 == len({job.prompt_id for job in jobs}) == made()["GenerationJob"]

    for job in jobs:
        for index in range(job.num_samples):
            AudioSampleFactory(job=job, index=index)
        complete(job)
    look(round_)
    at(round_, "judging")

    for _ in range(4):
        pair = next_pair(round_)
        prefer(sample_a=pair.first, sample_b=pair.second, winner="a", rater=user)
    look(round_)
    assert at(round_, "fitting").fit is not None and made()["TasteFit"] == 1

    end(at(round_, "fitting").fit, state="completed", taste=taste_of(round_))
    look(round_)
    assert at(round_, "building").dataset is not None and made()["Dataset"] == 1

    ready = {"state": "ready", "built_at": timezone.now(), "content_hash": "0" * 64, "train_rows": 4}
    end(at(round_, "building").dataset, **ready)
    look(round_)
    run = at(round_, "training").run
    assert run is not None and (made()["TrainingRun"], made()["Experiment"]) == (1, 1)

    adapter = AdapterFactory(base_model=round_.base_model)
    end(run, state="completed", step=3, total_steps=3, finished_at=timezone.now(), adapter=adapter)
    before = made()["GenerationJob"]
    look(round_)
    promotion = at(round_, "testing").promotion
    assert promotion is not None and (made()["Promotion"], made()["ListeningTest"]) == (1, 1)
    test_jobs = made()["GenerationJob"] - before
    assert test_jobs == promotion.test.arms.count() * round_.suite.items.count()

    end(promotion, state="decided", outcome="declined", reason="Too few.", decided_at=timezone.now())
    look(round_)
    at(round_, "decided", "completed")
    assert list(made().values())[1:] == [1] * 6


def test_a_last_vote_that_is_sent_twice_begins_one_fit(user: Any) -> None:
    round_ = begun(user)
    for job in round_.jobs.all():
        for index in range(job.num_samples):
            AudioSampleFactory(job=job, index=index)
        complete(job)
    advance(round_.pk)
    for _ in range(3):
        pair = next_pair(round_)
        vote(actor=user, round_=round_, first=pair.first.pk, second=pair.second.pk, winner="a")
    pair = next_pair(round_)
    sent = {"actor": user, "round_": round_, "first": pair.first.pk, "second": pair.second.pk, "winner": "b"}
    answers = at_once(lambda _: vote(**sent), range(CALLERS))
    assert {answer.step for answer in answers if isinstance(answer, Round)} == {"fitting"}, answers
    assert made()["TasteFit"] == 1 and at(round_, "fitting").fit is not None
