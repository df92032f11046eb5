"""The one thing to do next, for this person: the rules in their order, and never what is somebody else's."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from adapters.tests.factories import AdapterFactory
from feedback.models import ListeningTest
from feedback.tests.factories import (
    ClipPairFactory,
    ListeningTestFactory,
    PreferenceFactory,
    RatingFactory,
    TrialFactory,
)
from generation.models import AudioSample, GenerationJob
from generation.tests.factories import AudioSampleFactory, GenerationJobFactory
from text2song.pages import next_step as rules
from text2song.pages.next_step import next_step
from text2song.tests.factories import UserFactory
from text2song.tests.test_no_english_left import leftovers, stored_words
from text2song.workforce import Workforce
from training.models import Round
from training.rounds.services import cancel_round
from training.rounds.tests.factories import begun, make_clips
from training.tests.factories import TrainingRunFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("workers")]


@pytest.fixture(autouse=True)
def few_answers_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "ENOUGH_ANSWERS", 4)


def step_of(user: User) -> rules.NextStep:
    return next_step(user, Workforce())


# -- what a person may find; each comes before all that stands above it ------------------------------------------------


def a_first_job(person: User) -> str:
    """It is judged, so that it asks for nothing."""
    sample = AudioSampleFactory(job=GenerationJobFactory(completed=True, requested_by=person))
    RatingFactory(sample=sample, rater=person)
    return "Try another prompt"


def an_adapter(person: User) -> str:
    return f"Try {AdapterFactory().label}"


def many_answers(person: User) -> str:
    PreferenceFactory(rater=person)
    RatingFactory.create_batch(rules.ENOUGH_ANSWERS - 1, rater=person)
    return "Make a dataset of what was said" if person.is_staff else "Let the studio learn your taste"


def a_finished_run(person: User) -> str:
    adapter = AdapterFactory()
    TrainingRunFactory(completed=True, created_by=person, adapter=adapter)
    return f"Try {adapter.label}"


def a_failed_run(person: User) -> str:
    return f"{TrainingRunFactory(failed=True, created_by=person)} failed"


def a_run_at_work(person: User) -> str:
    TrainingRunFactory(running=True, created_by=person)
    return "Watch your adapter being trained"


def a_job_at_work(person: User) -> str:
    GenerationJobFactory(running=True, requested_by=person)
    return "Watch your music being made"


def new_clips(person: User) -> str:
    AudioSampleFactory(job=GenerationJobFactory(completed=True, requested_by=person))
    return "Listen to your newest candidates"


def a_failed_job(person: User) -> str:
    GenerationJobFactory(failed=True, requested_by=person)
    return "Your newest job failed"


def a_blind_test(person: User) -> str:
    test = ListeningTestFactory(state="active", votes_wanted=10)
    ClipPairFactory.create_batch(2, test=test)
    return f"{test.blind_name} waits for your ears"


def a_round(person: User) -> str:
    make_clips(begun(person))
    return "Round 1 waits for you"


FINDS: tuple[Callable[[User], str], ...] = (
    a_first_job,
    an_adapter,
    a_finished_run,
    a_failed_run,
    many_answers,
    a_run_at_work,
    a_job_at_work,
    new_clips,
    a_failed_job,
    a_blind_test,
    a_round,
)


def test_the_most_useful_thing_comes_first(user: User):
    assert step_of(user).title == "Write your first prompt"
    for find in FINDS:
        wanted = find(user)
        assert step_of(user).title == wanted, find.__name__
    GenerationJobFactory(requested_by=UserFactory())
    cancel_round(actor=user, round_=Round.objects.get(owner=user))
    assert step_of(user).title.endswith("waits for your ears")


@pytest.mark.parametrize("find", [find for find in FINDS if find not in (an_adapter, a_blind_test)])
def test_what_is_somebody_elses_is_nobodys_next_step(user: User, find: Callable[[User], str]):
    find(UserFactory(is_staff=True))
    title = step_of(user).title
    assert title.startswith(("Write your first prompt", "Try ")), "an adapter that was made is everybody's"


@pytest.mark.parametrize("find", FINDS)
def test_every_step_is_said_in_the_readers_language(user: User, find: Callable[[User], str]):
    find(user)
    with translation.override("zh-hant"):
        step = step_of(user)
    written = "\n".join([stored_words(), *(test.blind_name for test in ListeningTest.objects.all())])
    assert not list(leftovers([step.title, step.text, step.action], written))


def test_work_that_stands_still_is_told_first(user: User, monkeypatch: pytest.MonkeyPatch):
    a_round(user)
    from text2song.models import WorkerPresence

    WorkerPresence.objects.all().delete()
    GenerationJobFactory(requested_by=user)
    step = step_of(user)
    assert step.is_notice and step.title == "Generation stands still"


@pytest.mark.parametrize("is_curator", [False, True])
def test_every_step_leads_to_a_page_that_this_person_may_open(user: User, curator: User, is_curator: bool):
    person, browser = curator if is_curator else user, Client()
    browser.force_login(person)
    for find in FINDS:
        wanted = find(person)
        assert step_of(person).title == wanted
        assert browser.get(step_of(person).url).status_code == 200, find.__name__
    assert "Round 1 waits for you" in browser.get(reverse("overview")).content.decode()


def test_an_adapter_to_try_is_chosen_on_create_and_then_no_longer_named(user: User, page: Client):
    adapter = AdapterFactory()
    url = step_of(user).url
    assert re.search(rf'<option value="{adapter.pk}"[^>]* selected>', page.get(url).content.decode())
    GenerationJobFactory(completed=True, requested_by=user, adapter=adapter, base_model=adapter.base_model)
    assert step_of(user).title == "Try another prompt"


def test_answers_of_which_nothing_can_be_learned_are_not_counted(user: User):
    trial = TrialFactory(rater=user)
    clips = {"sample_a": trial.pair.sample_x, "sample_b": trial.pair.sample_y}
    PreferenceFactory(rater=user, source="trial", trial=trial, **clips)
    RatingFactory.create_batch(rules.ENOUGH_ANSWERS - 1, rater=user)
    assert step_of(user).title == "Write your first prompt", "what is judged in tests is of suites"
    rating = RatingFactory(rater=user)
    assert step_of(user).title == "Let the studio learn your taste"
    AudioSample.objects.filter(pk=rating.sample_id).update(deleted_at=timezone.now())
    assert step_of(user).title == "Write your first prompt"


def test_an_adapter_that_cannot_be_played_here_is_not_recommended(user: User):
    adapter = AdapterFactory()
    type(adapter.base_model).objects.update(revision="other files now")
    type(adapter).objects.update(base_revision="the files it was trained on")
    assert step_of(user).title == "Write your first prompt"


def test_clips_that_one_has_judged_ask_for_nothing_more(user: User):
    new_clips(user)
    job = GenerationJob.objects.get()
    AudioSampleFactory(job=job)
    assert step_of(user).url == reverse("job-detail", args=[job.pk])
    RatingFactory(sample=job.samples.first(), rater=user)
    assert step_of(user).title == "Try another prompt", "one answer shows that they were heard"


def test_a_blind_test_one_is_through_with_waits_for_others(user: User, page: Client, curator: Any):
    a_blind_test(user)
    from feedback.listening_tests.services.trials import next_trial
    from feedback.models import ListeningTest, Trial

    test = ListeningTest.objects.get()
    while trial := next_trial(rater=user, test=test):
        Trial.objects.filter(pk=trial.pk).update(voted_at=trial.opened_at, choice="first")
    assert step_of(user).title == "Write your first prompt"
    assert step_of(curator).title.endswith("waits for your ears")


def test_the_next_step_costs_few_queries_however_much_there_is(user: User, django_assert_max_num_queries: Any):
    for find in FINDS[:-2]:
        find(user)
    with django_assert_max_num_queries(16):
        step_of(user)
    a_first_job(other := UserFactory())
    for _ in range(5):
        a_job_at_work(UserFactory())
    with django_assert_max_num_queries(18):
        step_of(other)
