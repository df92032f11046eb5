"""Whatever the library can be narrowed by, the API's list can: the same question finds the same clips through both."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import reverse

from feedback.tests.factories import NoteFactory, RatingFactory, SampleTagFactory, TagFactory
from generation.listening.library import FURTHER_FILTERS
from generation.models import AudioSample, Collection
from generation.services import collect, make_collection
from generation.tests.factories import AudioSampleFactory, GenerationJobFactory
from text2song.tests.clients import caller
from text2song.tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def samples(user: Any) -> list[AudioSample]:
    """Three of the reader's, of which one is judged by them and one by somebody else, and one of another's."""
    job = GenerationJobFactory(completed=True, requested_by=user)
    made = [AudioSampleFactory(job=job, index=index) for index in range(3)]
    made.append(AudioSampleFactory(job=GenerationJobFactory(completed=True, requested_by=UserFactory(username="olga"))))
    catchy = TagFactory(name="catchy")
    for sample, rater in ((made[0], user), (made[1], UserFactory())):
        RatingFactory(sample=sample, rater=rater, score=4)
        SampleTagFactory(sample=sample, rater=rater, tag=catchy)
        NoteFactory(sample=sample, rater=rater, text="A splendid ending.")
    collect(collection=make_collection(actor=user, name="Mornings"), samples=made[2:], actor=user)
    return made


QUESTIONS: list[tuple[dict[str, Any], set[int]]] = [
    ({"stars": 4}, {0}),
    ({"stars": 5}, set()),
    ({"tag": "catchy"}, {0}),
    ({"note": "splendid"}, {0}),
    ({"feedback": "none"}, {2, 3}),
    ({"feedback": "for_me"}, {1, 2}),
    ({"feedback": "mine"}, {0}),
    ({"feedback": "not_mine"}, {1, 2, 3}),
    ({"person": "olga"}, {3}),
    ({"collection": "Mornings"}, {2, 3}),
    ({"collection": "Mornings", "person": "olga"}, {3}),
]


@pytest.mark.parametrize(("asked", "found"), QUESTIONS, ids=[urlencode(asked) for asked, _ in QUESTIONS])
def test_both_find_the_same(samples: list[AudioSample], user: Any, page: Client, asked: dict, found: set[int]):
    query = dict(asked)
    if "collection" in query:
        query["collection"] = Collection.objects.get(name=query["collection"]).pk
    told = caller(user).get("/api/v1/audio/", query).json()["results"]
    shown = re.findall(r'data-player="([^"]+)"', page.get(reverse("library"), query).text)
    assert {sample["id"] for sample in told} == set(shown) == {str(samples[index].pk) for index in found}


@pytest.mark.parametrize(
    "query",
    [
        {"stars": 6},
        {"stars": "many"},
        {"tag": "unheard of"},
        {"feedback": "some"},
        {"person": "nobody"},
        {"collection": "Mornings"},
    ],
    ids=urlencode,
)
def test_a_wrong_value_is_named(samples: list[AudioSample], user: Any, query: dict):
    answer = caller(user).get("/api/v1/audio/", query)
    assert answer.status_code == 400 and next(iter(query)) in answer.json()["detail"]


def test_nobody_elses_private_collection_is_there(samples: list[AudioSample]):
    collection = Collection.objects.get(name="Mornings")
    assert caller(UserFactory()).get("/api/v1/audio/", {"collection": str(collection.pk)}).status_code == 400


def test_every_further_filter_is_asked_here():
    assert set(FURTHER_FILTERS) <= {name for asked, _ in QUESTIONS for name in asked}
