"""One rater, one voice per pair, through whatever door it comes; and what clips of several jobs are called."""

from __future__ import annotations

import threading
from itertools import permutations

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from datasets_app.building.filters import FilterSpec
from datasets_app.building.selection import judged_pairs
from feedback.exceptions import JudgedBlind
from feedback.judgements.summaries import statistics, summaries_of_samples
from feedback.listening_tests.services.lifecycle import close_test
from feedback.listening_tests.services.trials import next_trial
from feedback.listening_tests.tests.listening import answer, running
from feedback.models import Preference, Ranking
from feedback.models.judgements import set_key
from feedback.services import delete_feedback, prefer, rank
from generation.models import AudioSample
from generation.tests.factories import AudioSampleFactory, GenerationJobFactory
from text2song.tests.clients import caller
from text2song.tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def four():
    job = GenerationJobFactory(completed=True)
    return [AudioSampleFactory(job=job, stored=False) for _ in range(4)]


def by_page(page, rater, winner, loser):
    sent = {"among": [winner.pk, loser.pk], "sample_a": winner.pk, "sample_b": loser.pk, "winner": "a"}
    assert page.post(reverse("feedback-prefer"), sent).status_code == 302


def by_ranking_page(page, rater, winner, loser):
    more = AudioSampleFactory(job=winner.job, stored=False)
    sent = {"among": [winner.pk, loser.pk, more.pk]}
    sent |= {f"place-{sample.pk}": place for place, sample in enumerate((winner, loser, more), 1)}
    assert page.post(reverse("feedback-rank"), sent).status_code == 302


def by_api(page, rater, winner, loser):
    body = {"kind": "preference", "sample_a": str(loser.pk), "sample_b": str(winner.pk), "winner": "b"}
    assert caller(rater).post("/api/v1/feedback/", body).status_code in (200, 201)


def by_ranking_api(page, rater, winner, loser):
    body = {"kind": "ranking", "samples": [str(winner.pk), str(loser.pk)]}
    assert caller(rater).post("/api/v1/feedback/", body).status_code in (200, 201)


def by_service(page, rater, winner, loser):
    prefer(sample_a=winner, sample_b=loser, winner="a", rater=rater)


DOORS = [by_page, by_ranking_page, by_api, by_ranking_api, by_service]


@pytest.mark.parametrize(("first", "then"), [*permutations(DOORS, 2), *((door, door) for door in DOORS)])
def test_what_is_said_later_of_a_pair_replaces_what_was_said_before(page, user, four, first, then):
    a, b = four[:2]
    first(page, user, a, b)
    then(page, user, b, a)
    (voice,) = Preference.objects.filter(pair_key=set_key((a.pk, b.pk)))
    assert {voice.winner: voice.sample_a_id, "b": voice.sample_b_id}[voice.winner] == b.pk
    assert not Ranking.objects.filter(preferences__isnull=True).exists()
    (pair,) = (row for row in judged_pairs(FilterSpec()) if {row["low"], row["high"]} == {a.pk, b.pk})
    assert pair["low_votes"] + pair["high_votes"] == 1
    said = Preference.objects.count()
    figures = statistics(reader=user)["preferences"]
    assert figures["total"] == figures["pairs"] == said
    of_b = next(row for row in figures["win_rates"] if row["sample"] == b.pk)
    assert of_b["losses"] == 0 and of_b["wins"] == summaries_of_samples(reader=user, ids=[b.pk])[b.pk].wins


def test_three_raters_who_say_it_often_are_three_votes(four):
    for rater in (UserFactory() for _ in range(3)):
        prefer(sample_a=four[0], sample_b=four[1], winner="a", rater=rater)
        rank(samples=four[:3], rater=rater)
        rank(samples=four, rater=rater)
        prefer(sample_a=four[1], sample_b=four[0], winner="b", rater=rater)
    pairs = list(judged_pairs(FilterSpec()))
    assert [row["low_votes"] + row["high_votes"] for row in pairs] == [3] * 6


def test_a_ranking_keeps_the_pairs_that_were_not_judged_anew(page, user, four):
    ranking, _ = rank(samples=four, rater=user)
    assert (ranking.standing, ranking.pairs) == (6, 6)
    prefer(sample_a=four[0], sample_b=four[1], winner="b", rater=user)
    ranking = Ranking.objects.get()
    assert (ranking.standing, ranking.pairs, Preference.objects.count()) == (5, 6, 6)
    assert "5 of its 6 comparisons count" in page.get(reverse("feedback")).text
    assert caller(user).get("/api/v1/rankings/").json()["results"][0]["standing"] == 5
    question = page.get(reverse("feedback-delete", args=[ranking.pk])).text
    assert "5 comparisons" in question
    delete_feedback(item=ranking, actor=user)
    assert Preference.objects.get().source == "direct"
    rank(samples=four, rater=user)
    assert Preference.objects.count() == 6 and set(Preference.objects.values_list("source", flat=True)) == {"ranking"}


def test_a_ranking_of_which_nothing_stands_is_gone(user, four):
    rank(samples=four[:3], rater=user)
    larger, _ = rank(samples=four[::-1], rater=user)
    assert list(Ranking.objects.all()) == [larger]
    rank(samples=four[:2], rater=user)
    assert sorted((r.pairs, r.standing) for r in Ranking.objects.all()) == [(1, 1), (6, 5)]


def test_others_voices_stay(user, four):
    other = UserFactory()
    rank(samples=four, rater=other)
    rank(samples=four[::-1], rater=user)
    prefer(sample_a=four[0], sample_b=four[1], winner="tie", rater=user)
    assert Preference.objects.filter(rater=other).count() == Preference.objects.filter(rater=user).count() == 6


# -- blind and open --------------------------------------------------------------------------------------------------


def test_a_blind_vote_replaces_what_was_said_openly_and_nothing_replaces_it(user):
    test = running(prompts=1)
    trial = next_trial(rater=user, test=test)
    x, y = trial.pair.sample_x, trial.pair.sample_y
    rank(samples=[x, y], rater=user)
    answer(trial, "first" if trial.x_is_first else "second")
    (voice,) = Preference.objects.all()
    assert (voice.source, voice.winner) == ("trial", "a") and not Ranking.objects.exists()
    close_test(actor=test.created_by, test=test)
    with pytest.raises(JudgedBlind, match="that vote stands"):
        prefer(sample_a=x, sample_b=y, winner="b", rater=user)
    with pytest.raises(JudgedBlind):
        rank(samples=[y, x], rater=user)
    body = {"kind": "preference", "sample_a": str(x.pk), "sample_b": str(y.pk), "winner": "b"}
    refused = caller(user).post("/api/v1/feedback/", body)
    assert (refused.status_code, refused.json()["code"]) == (409, "judged_blind")
    third = AudioSampleFactory(job=x.job, index=7, stored=False)
    ranking, _ = rank(samples=[y, third, x], rater=user)
    assert (ranking.standing, ranking.pairs) == (2, 3)
    assert Preference.objects.get(pair_key=voice.pair_key) == voice
    prefer(sample_a=x, sample_b=y, winner="b", rater=UserFactory())


def test_a_pair_judged_blind_is_not_offered_again(user, page):
    test = running(prompts=1)
    trial = next_trial(rater=user, test=test)
    x, y = trial.pair.sample_x, trial.pair.sample_y
    answer(trial, "first")
    close_test(actor=test.created_by, test=test)

    def shown(client, *samples):
        return client.get(reverse("compare"), {"ids": [sample.pk for sample in samples]}).text

    two = shown(page, x, y)
    assert "You have judged these two in a blind listening test" in two and "prefer-a" not in two
    third = AudioSampleFactory(job=x.job, index=7, stored=False)
    three = shown(page, x, y, third)
    offered = [f'value="{sample.pk}" selected' in three for sample in (x, y, third)]
    assert "prefer-a" in three and offered == [True, False, True], "the first pair that is open"
    browser = Client()
    browser.force_login(UserFactory())
    assert "prefer-a" in shown(browser, x, y)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_many_tabs_leave_one_voice():
    if connection.vendor != "postgresql":
        pytest.skip("run with TEST_DATABASE=postgres")
    job = GenerationJobFactory(completed=True)
    samples = [AudioSampleFactory(job=job, stored=False) for _ in range(3)]
    rater = UserFactory()
    errors = []

    def say(number):
        try:
            if number % 2:
                rank(samples=samples[:: 1 if number % 4 == 1 else -1], rater=rater)
            else:
                prefer(sample_a=samples[0], sample_b=samples[number % 3 or 1], winner="a", rater=rater)
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=say, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert not errors
    assert Preference.objects.count() == 3
    assert not Ranking.objects.filter(preferences__isnull=True).exists()


# -- what was stored before ------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_voices_of_earlier_releases_become_one():
    """The blind one stays, else the newest; rankings of which nothing is left go."""
    job = GenerationJobFactory(completed=True)
    a, b, c = (AudioSampleFactory(job=job, stored=False) for _ in range(3))
    rater = UserFactory()
    last = MigrationExecutor(connection).loader.graph.leaf_nodes()
    MigrationExecutor(connection).migrate([("feedback", "0002_vocabulary")])
    try:
        old = Ranking.objects.create(rater=rater, set_key="old")
        new = Ranking.objects.create(rater=rater, set_key="new")
        stale = _vote(rater, a, b, source="ranking", ranking=old)
        direct = _vote(rater, b, a)
        kept = _vote(rater, a, b, source="ranking", ranking=new)
        other = _vote(UserFactory(), a, b)
        alone = _vote(rater, a, c)
    finally:
        MigrationExecutor(connection).migrate(last)
    assert set(Preference.objects.all()) == {kept, other, alone}
    assert not {stale.pk, direct.pk} & set(Preference.objects.values_list("pk", flat=True))
    assert list(Ranking.objects.all()) == [new]
    get_user_model().objects.all().delete()
    AudioSample.objects.all().delete()


def _vote(rater, better, worse, **values):
    values = {"source": "direct", "winner": "a", "created_at": timezone.now(), **values}
    return Preference.objects.create(rater=rater, sample_a=better, sample_b=worse, **values)


# -- names -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def twins():
    """Two clips of one prompt, each the A of its job."""
    first = AudioSampleFactory(stored=False)
    other = GenerationJobFactory(completed=True, prompt=first.job.prompt)
    return [first, AudioSampleFactory(job=other, stored=False)]


def test_clips_of_several_jobs_have_names_of_their_own(page, curator_page, user, twins):
    a, b = twins
    assert a.label == b.label == "A"
    names = [f"A of Job {sample.job.short_id}" for sample in twins]
    vote, _ = prefer(sample_a=a, sample_b=b, winner="b", rater=user)
    third = AudioSampleFactory(job=a.job, stored=False)
    ranking, _ = rank(samples=[third, b], rater=user)
    assert vote.in_words == f"{names[1]} over {names[0]}" and str(vote).startswith(vote.in_words)
    order = f"B of Job {a.job.short_id} > {names[1]}"
    assert ranking.order_in_words == order
    html = page.get(reverse("feedback")).text
    assert all(f">{name}</a>" in html for name in (*names, f"B of Job {a.job.short_id}"))
    assert vote.in_words in page.get(reverse("feedback-delete", args=[vote.pk])).text
    told = caller(user).get("/api/v1/preferences/").json()["results"]
    assert {vote[side]["name"] for vote in told for side in ("sample_a", "sample_b")} >= set(names)
    rates = caller(user).get("/api/v1/feedback/stats/").json()["preferences"]["win_rates"]
    assert len({rate["name"] for rate in rates}) == len(rates) == 3
    admin = curator_page.get("/admin/feedback/ranking/").text
    assert order.replace(">", "&gt;") in admin


def test_clips_of_one_job_are_called_by_their_letters(user, four):
    vote, _ = prefer(sample_a=four[0], sample_b=four[1], winner="tie", rater=user)
    assert vote.in_words == "A and B: a tie"
