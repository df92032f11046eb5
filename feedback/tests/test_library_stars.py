"""The library by stars and tags: the reader's own, and of others what is shown."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from feedback.tests.factories import NoteFactory, RatingFactory, SampleTagFactory, TagFactory
from generation.models import AudioSample
from generation.tests.factories import AudioSampleFactory, GenerationJobFactory
from text2song.tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def samples(db: None) -> list[AudioSample]:
    job = GenerationJobFactory(completed=True)
    return [AudioSampleFactory(job=job, index=index, stored=False) for index in range(4)]


def found(client: Any, **query: Any) -> list[int]:
    answer = client.get(reverse("library"), query)
    assert answer.status_code == 200, answer.context["form"].errors
    return [sample.index for sample in answer.context["page"]]


def test_ones_own_stars_come_before_the_mean_of_others_that_are_seen(page, curator_page, samples, user):
    RatingFactory(sample=samples[0], rater=user, score=3)
    RatingFactory(sample=samples[0], score=5)
    RatingFactory(sample=samples[1], score=5)
    RatingFactory(sample=samples[1], score=4)
    assert found(page, sort="stars") == [0, 3, 2, 1], "what others said of the second is not known yet"
    assert found(page, stars="3") == [0] and found(page, stars="4") == []
    NoteFactory(sample=samples[1], rater=user)
    assert found(page, sort="stars")[:2] == [1, 0] and found(page, stars="4") == [1]
    assert found(curator_page, sort="stars")[:2] == [1, 0] and set(found(curator_page, stars="4")) == {0, 1}
    assert page.get(reverse("library"), {"stars": "6"}).status_code == 400


def test_tags_are_found_where_they_are_shown(page, samples, user):
    warm = TagFactory(name="warm_strings", sign="good")
    SampleTagFactory(sample=samples[0], rater=user, tag=warm)
    SampleTagFactory(sample=samples[1], tag=warm)
    assert found(page, tag="warm_strings") == [0]
    NoteFactory(sample=samples[1], rater=user)
    assert set(found(page, tag="warm_strings")) == {0, 1}
    answer = page.get(reverse("library"), {"tag": "warm_strings"})
    assert [chip["label"] for chip in answer.context["chips"]] == ["warm strings"]
    assert page.get(reverse("library"), {"tag": "nowhere"}).status_code == 400


def test_two_readers_see_their_own_order(samples):
    for best in (0, 3):
        reader, client = UserFactory(), Client()
        client.force_login(reader)
        RatingFactory(sample=samples[best], rater=reader, score=5)
        assert found(client, sort="stars")[0] == best
