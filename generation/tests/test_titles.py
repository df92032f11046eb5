"""What clips are called, and by whom."""

from __future__ import annotations

import pytest

from generation.models import AudioSample
from generation.models.samples import first_words
from generation.tests.factories import AudioSampleFactory, GenerationJobFactory
from text2song.tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def sample(user):
    return AudioSampleFactory(job=GenerationJobFactory(completed=True, requested_by=user), stored=False)


def test_without_a_title_it_is_called_by_its_prompt(sample):
    assert sample.name == f"{first_words(sample.job.prompt.text)}, take {sample.label}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Calm piano", "Calm piano"),
        ("Calm\npiano", "Calm piano"),
        ("a" * 60, "a" * 48 + "…"),
        ("word " * 20, "word word word word word word word word word…"),
    ],
)
def test_first_words_end_between_words(text, shown):
    assert first_words(text) == shown


def test_its_maker_and_curators_rename_it_and_search_finds_it(client, sample, user, curator):
    url = f"/samples/{sample.pk}/rename/"
    client.force_login(user)
    assert client.post(url, {"title": "  Sunday \n rain "}).status_code == 302
    sample.refresh_from_db()
    assert sample.title == sample.name == "Sunday rain"
    assert list(AudioSample.objects.matching(["sunday"])) == [sample]
    client.force_login(UserFactory())
    assert client.post(url, {"title": "Mine"}).status_code == 403
    client.force_login(curator)
    assert client.post(url, {"title": ""}).status_code == 302
    sample.refresh_from_db()
    assert sample.title == ""


def test_a_title_of_more_than_100_characters_is_refused(client, sample, user):
    client.force_login(user)
    client.post(f"/samples/{sample.pk}/rename/", {"title": "x" * 101})
    sample.refresh_from_db()
    assert sample.title == ""
