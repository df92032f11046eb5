"""Hearts through the API."""

from __future__ import annotations

import uuid

import pytest
from django.utils import timezone

from generation.models import Favorite
from generation.tests.factories import AudioSampleFactory, FavoriteFactory, PromptFactory
from text2song.tests.clients import caller

pytestmark = pytest.mark.django_db
URL = "/api/v1/favorites/"


@pytest.fixture
def api(user):
    return caller(user)


def test_setting_hearts(api, user):
    prompt, sample = PromptFactory(), AudioSampleFactory(stored=False)
    answer = api.post(URL, {"prompt": str(prompt.pk), "note": "for later"})
    assert answer.status_code == 201, answer.content
    assert answer.json()["type"] == "prompt" and answer.json()["note"] == "for later"
    answer = api.post(URL, {"sample": str(sample.pk)})
    assert answer.status_code == 201 and answer.json()["sample"]["stream_url"]
    assert answer.json()["prompt"]["id"] == str(sample.job.prompt_id), "a sample comes with its source prompt"
    assert Favorite.objects.filter(user=user).count() == 2


def test_a_second_heart_conflicts(api):
    sample = AudioSampleFactory(stored=False)
    assert api.post(URL, {"sample": str(sample.pk)}).status_code == 201
    answer = api.post(URL, {"sample": str(sample.pk)})
    assert answer.status_code == 409 and answer.json()["code"] == "favorite_exists"


def test_unknown_targets_are_not_found(api):
    gone = AudioSampleFactory(stored=False, deleted_at=timezone.now())
    for body in ({"prompt": str(uuid.uuid4())}, {"sample": str(uuid.uuid4())}, {"sample": str(gone.pk)}):
        assert api.post(URL, body).status_code == 404


def test_wrong_bodies_are_refused(api):
    prompt, sample = str(PromptFactory().pk), str(AudioSampleFactory(stored=False).pk)
    for body in (
        {},
        {"prompt": prompt, "sample": sample},
        {"prompt": "x"},
        {"sample": sample, "note": "n" * 501},
        {"sample": sample, "stars": 5},
        {"sample": sample, "note": None},
    ):
        assert api.post(URL, body).status_code == 400, body
    assert not Favorite.objects.exists()


def test_listing_mine_by_type(api, user):
    heart = FavoriteFactory(user=user)
    word = FavoriteFactory(user=user, sample=None, prompt=PromptFactory())
    FavoriteFactory()
    listed = {
        query: [f["id"] for f in api.get(URL, query and {"type": query}).json()["results"]]
        for query in ("", "prompt", "audio")
    }
    assert listed == {"": [str(word.pk), str(heart.pk)], "prompt": [str(word.pk)], "audio": [str(heart.pk)]}
    for favorite in api.get(URL).json()["results"]:  # what is answered is what is asked for
        assert favorite["id"] in listed[favorite["type"]]
    for wrong in ("films", "prompts"):
        assert "say prompt or audio" in api.get(URL, {"type": wrong}).json()["detail"]


def test_the_note_can_be_changed(api, user):
    heart = FavoriteFactory(user=user, note="old")
    answer = api.patch(f"{URL}{heart.pk}/", {"note": "n" * 500})
    assert answer.status_code == 200 and answer.json()["note"] == "n" * 500
    assert api.patch(f"{URL}{heart.pk}/", {}).json()["note"] == "n" * 500
    assert api.patch(f"{URL}{heart.pk}/", {"note": ""}).json()["note"] == ""
    for body in ({"note": "n" * 501}, {"note": "x", "sample": str(uuid.uuid4())}):
        assert api.patch(f"{URL}{heart.pk}/", body).status_code == 400


def test_taking_a_heart_away(api, user):
    heart = FavoriteFactory(user=user)
    assert api.delete(f"{URL}{heart.pk}/").status_code == 204
    assert api.delete(f"{URL}{heart.pk}/").status_code == 404


def test_hearts_of_others_are_not_found(api):
    heart = FavoriteFactory(note="private")
    assert api.get(f"{URL}{heart.pk}/").status_code == 404
    assert api.patch(f"{URL}{heart.pk}/", {"note": "mine now"}).status_code == 404
    assert api.delete(f"{URL}{heart.pk}/").status_code == 404


def test_a_list_takes_the_same_queries_however_long(api, user, django_assert_max_num_queries):
    for sample in AudioSampleFactory.create_batch(2, stored=False):
        FavoriteFactory(user=user, sample=sample)
    with django_assert_max_num_queries(3) as few:
        api.get(URL)
    for sample in AudioSampleFactory.create_batch(6, stored=False):
        FavoriteFactory(user=user, sample=sample)
    with django_assert_max_num_queries(len(few)):
        api.get(URL)
