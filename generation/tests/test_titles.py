"""What clips are called, and by whom."""

from __future__ import annotations

from io import BytesIO

import mutagen
import pytest
from django.urls import reverse

from generation.models import AudioSample
from generation.models.samples import first_words
from generation.tests.factories import AudioSampleFactory, GenerationJobFactory
from text2song.tests.clients import caller
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


# -- the other doors -------------------------------------------------------------------------------------------------


def address(sample):
    return reverse("api-audio-detail", args=[sample.pk])


def change(user, sample, body):
    return caller(user).patch(address(sample), body, format="json")


def test_the_api_gives_a_title_by_the_same_rule(sample, user, curator):
    answer = change(user, sample, {"title": "  Sunday \n rain "})
    assert answer.status_code == 200 and answer.json()["title"] == "Sunday rain"
    assert change(user, sample, {}).json()["title"] == "Sunday rain"
    assert change(UserFactory(), sample, {"title": "Mine"}).status_code == 403
    sample.refresh_from_db()
    assert sample.title == "Sunday rain"
    assert change(curator, sample, {"title": ""}).json()["title"] == ""


@pytest.mark.parametrize(
    ("body", "field"),
    [({"title": "x" * 101}, "title"), ({"title": 3}, "title"), ({"title": None}, "title"), ({"seed": 1}, "seed")],
)
def test_the_api_names_what_is_wrong_and_changes_nothing(sample, user, body, field):
    answer = change(user, sample, body)
    assert answer.status_code == 400 and field in answer.text
    sample.refresh_from_db()
    assert sample.title == ""


def test_curators_find_it_by_its_title(sample, curator_page):
    AudioSample.objects.filter(pk=sample.pk).update(title="Sunday rain")
    other = AudioSampleFactory(stored=False)
    found = curator_page.get(reverse("admin:generation_audiosample_changelist"), {"q": "sunday"}).text
    assert "Sunday rain" in found and str(sample.pk) in found and str(other.pk) not in found
    page = curator_page.get(reverse("admin:generation_audiosample_change", args=[sample.pk])).text
    assert "Sunday rain" in page and 'name="title"' not in page, "it is renamed on its page"


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Sunday rain", 'filename="sunday-rain-{id}-A.flac"'),
        ("a\"; b='c", 'filename="a-bc-{id}-A.flac"'),
        ("Pluie d’été", "filename=\"pluie-dete-{id}-A.flac\"; filename*=utf-8''pluie-d%C3%A9t%C3%A9-{id}-A.flac"),
        ("夜の雨", "filename=\"{id}-A.flac\"; filename*=utf-8''%E5%A4%9C%E3%81%AE%E9%9B%A8-{id}-A.flac"),
    ],
)
def test_a_download_is_named_by_its_title(page, title, name):
    sample = AudioSampleFactory(title=title)
    answer = page.get(reverse("audio-download", args=[sample.pk, "flac"]))
    assert answer["Content-Disposition"] == f"attachment; {name.format(id=sample.job.short_id)}"
    assert mutagen.File(BytesIO(answer.content)).tags["title"] == [title]
