"""Until a rater has judged a sample, nobody else's answer on it is shown to them. Curators see everything."""

from __future__ import annotations

import pytest

from feedback.models import Note, Preference, Ranking, Rating, SampleTag
from feedback.services import prefer, rank, rate
from feedback.tests.factories import (
    NoteFactory,
    PreferenceFactory,
    RatingFactory,
    SampleTagFactory,
)
from generation.tests.factories import AudioSampleFactory, GenerationJobFactory
from text2song.tests.clients import caller
from text2song.tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def trio():
    job = GenerationJobFactory(completed=True)
    return [AudioSampleFactory(job=job, stored=False) for _ in range(3)]


@pytest.fixture
def judged(trio):
    """Somebody else's feedback of every kind on the first sample, some of it on the others too."""
    other = UserFactory(username="olga")
    rate(sample=trio[0], rater=other, scores={"overall": 5})
    SampleTagFactory(sample=trio[0], rater=other)
    NoteFactory(sample=trio[0], rater=other, text="The secret opinion.")
    rank(samples=trio, rater=other)
    prefer(sample_a=trio[0], sample_b=trio[1], winner="a", rater=other)
    return other


KINDS = (Rating, SampleTag, Note, Preference, Ranking)


def seen(reader):
    return {kind.__name__: kind.objects.visible_to(reader).count() for kind in KINDS}


NOTHING = {"Rating": 0, "SampleTag": 0, "Note": 0, "Preference": 0, "Ranking": 0}
EVERYTHING = {"Rating": 1, "SampleTag": 1, "Note": 1, "Preference": 3, "Ranking": 1}


def test_nothing_is_shown_before_the_first_judgement(judged, user, curator):
    assert seen(user) == NOTHING
    assert seen(curator) == seen(judged) == EVERYTHING


@pytest.mark.parametrize("kind", ["rating", "tag", "note", "preference"])
def test_any_kind_of_judgement_opens_that_sample_and_no_other(judged, trio, user, kind):
    if kind == "rating":
        RatingFactory(sample=trio[0], rater=user)
    elif kind == "tag":
        SampleTagFactory(sample=trio[0], rater=user)
    elif kind == "note":
        NoteFactory(sample=trio[0], rater=user)
    else:
        elsewhere = AudioSampleFactory(job=GenerationJobFactory(prompt=trio[0].job.prompt), stored=False)
        PreferenceFactory(sample_a=elsewhere, sample_b=trio[0], rater=user)
    theirs = {k.__name__: k.objects.visible_to(user).exclude(rater=user).count() for k in KINDS}
    assert theirs == NOTHING | {"Rating": 1, "SampleTag": 1, "Note": 1}


def test_an_answer_on_several_samples_is_shown_once_all_are_judged(judged, trio, user):
    RatingFactory(sample=trio[0], rater=user)
    RatingFactory(sample=trio[1], rater=user)
    assert seen(user) == {"Rating": 3, "SampleTag": 1, "Note": 1, "Preference": 1, "Ranking": 0}
    RatingFactory(sample=trio[2], rater=user)
    assert seen(user) == EVERYTHING | {"Rating": 4}


def test_taking_ones_judgement_back_closes_it_again(judged, trio, user):
    own = RatingFactory(sample=trio[0], rater=user)
    assert Note.objects.visible_to(user).exists()
    own.delete()
    assert seen(user) == NOTHING


def test_no_endpoint_tells_before_it_is_time(judged, trio, user):
    client = caller(user)
    rating, ranking = Rating.objects.get(), Ranking.objects.get()
    preference = Preference.objects.filter(source="direct").get()
    doors = ["feedback/", "preferences/", "rankings/"]
    doors += [f"feedback/?{q}" for q in (f"sample={trio[0].pk}", f"job={trio[0].job_id}", "rater=olga", "tag=catchy")]
    for door in doors:
        answer = client.get(f"/api/v1/{door}").json()
        assert answer["count"] == 0 and answer["results"] == [], door
    for door in (
        f"feedback/{rating.pk}/",
        f"preferences/{preference.pk}/",
        f"rankings/{ranking.pk}/",
    ):
        assert client.get(f"/api/v1/{door}").status_code == 404, door
    assert client.delete(f"/api/v1/feedback/{rating.pk}/").status_code == 404
    for scope in ("", f"?sample={trio[0].pk}", f"?job={trio[0].job_id}", f"?prompt={trio[0].job.prompt_id}"):
        figures = client.get(f"/api/v1/feedback/stats/{scope}").json()
        assert (figures["ratings"]["total"], figures["ratings"]["mean"]) == (0, None)
        assert (figures["preferences"]["total"], figures["preferences"]["win_rates"]) == (0, [])
        assert (figures["tags"]["total"], figures["notes"], figures["rankings"], figures["samples_judged"]) == (0,) * 4


def test_the_api_tells_afterwards(judged, trio, user):
    for sample in trio:
        RatingFactory(sample=sample, rater=user, score=1)
    client = caller(user)
    assert client.get("/api/v1/feedback/?rater=olga").json()["count"] == 1 + 1 + 1 + 3 + 1
    figures = client.get(f"/api/v1/feedback/stats/?sample={trio[0].pk}").json()
    assert (figures["ratings"]["total"], figures["ratings"]["mean"]) == (2, 3.0)
