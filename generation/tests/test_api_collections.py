"""Collections, share links and undo by the API keep the rules of the pages."""

from __future__ import annotations

import io
import uuid
import zipfile
from typing import Any

import pytest

from generation.models import AudioSample, Collection, CollectionItem, ShareLink
from generation.services import collect, make_collection
from generation.tests.factories import AudioSampleFactory, FavoriteFactory, GenerationJobFactory
from text2song.api.throttles import AddressThrottle
from text2song.tests.clients import caller
from text2song.tests.factories import UserFactory

pytestmark = pytest.mark.django_db
ROOT = "/api/v1/"


@pytest.fixture
def samples(user: Any) -> list[AudioSample]:
    job = GenerationJobFactory(completed=True, requested_by=user)
    return [AudioSampleFactory(job=job, index=index) for index in range(3)]


@pytest.fixture
def mornings(user: Any, samples: list[AudioSample]) -> Collection:
    collection = make_collection(actor=user, name="Mornings")
    collect(collection=collection, samples=samples, actor=user)
    return collection


@pytest.fixture
def api(user: Any) -> Any:
    return caller(user)


@pytest.fixture
def others(db: None) -> Any:
    return caller(UserFactory(username="otto"))


def ids(samples: list[AudioSample]) -> list[str]:
    return [str(sample.pk) for sample in samples]


def test_a_collection_from_its_making_to_its_end(api, samples):
    made = api.post(f"{ROOT}collections/", {"name": " Mornings "})
    assert made.status_code == 201 and made.json()["name"] == "Mornings" and made.json()["samples"] == []
    here = f"{ROOT}collections/{made.json()['id']}/"
    assert api.post(f"{here}items/", {"samples": ids(samples)}).json()["clips"] == 3
    ordered = api.post(f"{here}order/", {"samples": ids(samples[::-1])}).json()
    assert [sample["id"] for sample in ordered["samples"]] == ids(samples[::-1])
    gone = api.delete(f"{here}items/?ids={samples[0].pk}")
    assert gone.status_code == 204 and api.get(here).json()["clips"] == 2
    assert api.post(f"{ROOT}deletions/{gone['Deletion-Id']}/undo/").status_code == 204
    assert [sample["id"] for sample in api.get(here).json()["samples"]] == ids(samples[::-1])
    assert api.patch(here, {"is_shared": True}).json()["is_shared"] is True
    ended = api.delete(here)
    assert ended.status_code == 204 and api.get(here).status_code == 404
    undo = f"{ROOT}deletions/{ended['Deletion-Id']}/undo/"
    assert api.post(undo).status_code == 204 and api.post(undo).status_code == 404
    assert [sample["id"] for sample in api.get(here).json()["samples"]] == ids(samples[::-1])


def test_others_know_nothing_of_a_private_one_and_change_nothing_of_a_shared_one(others, api, mornings, samples):
    here = f"{ROOT}collections/{mornings.pk}/"
    doors = [("get", here, None), ("patch", here, {"name": "Mine"}), ("delete", here, None)]
    doors += [
        ("post", f"{here}items/", {"samples": ids(samples)}),
        ("post", f"{here}order/", {"samples": ids(samples)}),
    ]
    doors += [("delete", f"{here}items/?ids={samples[0].pk}", None), ("get", f"{here}download/flac/", None)]
    doors += [("post", f"{ROOT}share-links/", {"collection": str(mornings.pk)})]
    for method, path, body in doors:
        assert getattr(others, method)(path, body).status_code == 404, (method, path)
    api.patch(here, {"is_shared": True})
    for method, path, body in doors:
        reading = method == "get"
        assert getattr(others, method)(path, body).status_code == (200 if reading else 403), (method, path)
    assert CollectionItem.objects.count() == 3 and not ShareLink.objects.exists()
    assert [one["owner"] for one in others.get(f"{ROOT}collections/").json()["results"]] == ["rita"]


def test_wrong_bodies_are_told(api, mornings, samples):
    assert api.post(f"{ROOT}collections/", {"name": "Mornings"}).json()["code"] == "collection_name_taken"
    here = f"{ROOT}collections/{mornings.pk}/"
    unknown = str(uuid.uuid4())
    missing = api.post(f"{here}items/", {"samples": [unknown]})
    assert missing.status_code == 404 and unknown in missing.json()["detail"]
    assert api.post(f"{here}items/", {"samples": []}).status_code == 400
    assert api.delete(f"{here}items/?ids=one,two").status_code == 400
    assert api.get(f"{here}download/mp3/").status_code == 400


def test_the_archive_is_that_of_the_page(api, mornings):
    answer = api.get(f"{ROOT}collections/{mornings.pk}/download/wav/")
    archive = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    assert len(archive.namelist()) == 5 and archive.testzip() is None


def test_deletions_of_clips_and_jobs_are_undone_by_who_made_them(api, others, samples, user):
    FavoriteFactory(sample=samples[0], user=user)
    for path in (f"{ROOT}audio/{samples[0].pk}/", f"{ROOT}jobs/{samples[0].job_id}/"):
        undo = f"{ROOT}deletions/{api.delete(path)['Deletion-Id']}/undo/"
        assert api.get(path).status_code == 404 and others.post(undo).status_code == 404
        assert api.post(undo).status_code == 204
        assert api.get(path).status_code == 200 and user.favorites.count() == 1


def test_links_are_made_listed_and_revoked(api, others, client, samples, mornings):
    made = api.post(f"{ROOT}share-links/", {"sample": str(samples[0].pk), "days": 7})
    assert made.status_code == 201 and made.json()["works"] is True and made.json()["expires_at"]
    for_ever = api.post(f"{ROOT}share-links/", {"collection": str(mornings.pk), "days": None}).json()
    assert for_ever["expires_at"] is None and client.get(for_ever["url"]).status_code == 200
    assert api.get(f"{ROOT}share-links/").json()["count"] == 2
    assert others.get(f"{ROOT}share-links/").json()["count"] == 0
    here = f"{ROOT}share-links/{made.json()['id']}/"
    assert others.delete(here).status_code == 404
    assert api.delete(here).status_code == 204 and api.get(here).json()["works"] is False
    assert client.get(made.json()["url"]).status_code == 404
    assert others.post(f"{ROOT}share-links/", {"sample": str(samples[0].pk)}).status_code == 403
    for body in (
        {},
        {"sample": str(samples[0].pk), "collection": str(mornings.pk)},
        {"sample": str(samples[0].pk), "days": 5},
    ):
        assert api.post(f"{ROOT}share-links/", body).status_code == 400, body


def test_samples_are_ordered_by_title_and_stars_here_too(api, samples, user):
    from feedback.tests.factories import RatingFactory

    for sample, title, score in zip(samples, ("b", "A", "c"), (5, 1, 3), strict=True):
        AudioSample.objects.filter(pk=sample.pk).update(title=title)
        RatingFactory(sample=sample, rater=user, score=score)

    def order(by: str) -> list[str]:
        return [found["index"] for found in api.get(f"{ROOT}audio/?ordering={by}").json()["results"]]

    assert order("title") == [1, 0, 2] and order("-title") == [2, 0, 1]
    assert order("-stars") == [0, 2, 1] and order("stars") == [1, 2, 0]


def test_shared_pages_are_counted_by_address(client, api, samples, monkeypatch):
    url = api.post(f"{ROOT}share-links/", {"sample": str(samples[0].pk)}).json()["url"]
    monkeypatch.setattr(AddressThrottle, "THROTTLE_RATES", {"shared": "2/min"})
    monkeypatch.setattr(AddressThrottle, "timer", lambda self: 1_000_030.0)
    assert [client.get(url).status_code for _ in range(3)] == [200, 200, 429]
    refused = client.get(f"{url}1/audio")
    assert refused.status_code == 429 and refused["Retry-After"] == "50" and "no-store" in refused["Cache-Control"]
    assert "Too many requests from this address. Try again in 50 seconds." in client.get(url).text
    assert client.get(url, REMOTE_ADDR="192.0.2.7").status_code == 200
