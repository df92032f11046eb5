"""Samples through the API."""

from __future__ import annotations

import io
import uuid
from datetime import timedelta

import numpy as np
import pytest
from django.utils import timezone

from generation.models import AudioSample, Favorite, GenerationJob
from generation.tests.factories import (
    AudioSampleFactory,
    BaseModelFactory,
    FavoriteFactory,
    GenerationJobFactory,
    PromptFactory,
)
from text2song.tests.clients import caller, caller_with_key

pytestmark = pytest.mark.django_db
URL = "/api/v1/audio/"


@pytest.fixture
def api(user):
    return caller(user)


def ids(answer):
    assert answer.status_code == 200, answer.content
    return [sample["id"] for sample in answer.json()["results"]]


def test_a_sample_tells_what_it_is(api):
    sample = AudioSampleFactory(index=1)
    body = api.get(f"{URL}{sample.pk}/").json()
    assert (body["label"], body["job"], body["seed"]) == ("B", str(sample.job_id), sample.seed)
    assert body["prompt"]["text"] == sample.job.prompt.text and body["rendered_text"] == sample.rendered_text
    assert body["model"]["key"] == sample.job.base_model.key and body["base_revision"] == "test-revision"
    assert body["settings"]["temperature"] == sample.job.temperature
    assert (body["loudness_lufs"], body["true_peak_db"], body["sha256"]) == (-16.0, -1.2, sample.sha256)
    assert set(body["download_urls"]) == {"wav", "flac", "mp3"} and body["adapter"] is None
    assert body["stream_url"].endswith(f"{URL}{sample.pk}/stream/")


def test_samples_are_found(api, user):
    quiet = AudioSampleFactory(
        stored=False,
        created_at=timezone.now() - timedelta(hours=1),
        job__prompt=PromptFactory(text="quiet harp", style="ambient", mood="peaceful"),
    )
    loud = AudioSampleFactory(stored=False, job__prompt=PromptFactory(text="loud guitars", style="rock"))
    gone = AudioSampleFactory(stored=False, deleted_at=timezone.now())
    FavoriteFactory(user=user, sample=quiet)
    FavoriteFactory(sample=loud)
    assert ids(api.get(URL)) == [str(loud.pk), str(quiet.pk)], "newest first, deleted ones left out"
    assert gone.pk not in ids(api.get(URL))
    for query in (
        {"q": "harp"},
        {"prompt": str(quiet.job.prompt_id)},
        {"job": str(quiet.job_id)},
        {"model": quiet.job.base_model.key},
        {"style": "ambient"},
        {"mood": "peaceful"},
        {"favorites": "true"},
    ):
        assert ids(api.get(URL, query)) == [str(quiet.pk)], query
    assert [sample["is_favorite"] for sample in api.get(URL).json()["results"]] == [False, True]


@pytest.mark.parametrize(
    "query", [{"style": "polka-core"}, {"job": "x"}, {"model": "nowhere"}, {"favorites": "some"}, {"size": "big"}]
)
def test_unknown_filters_are_refused(api, query):
    assert api.get(URL, query).status_code == 400


def test_a_list_takes_the_same_queries_however_long(api, django_assert_max_num_queries):
    AudioSampleFactory.create_batch(2, stored=False)
    with django_assert_max_num_queries(4) as few:
        api.get(URL)
    AudioSampleFactory.create_batch(8, stored=False)
    with django_assert_max_num_queries(len(few)):
        api.get(URL)


def test_deleting(api, user, curator):
    mine = AudioSampleFactory(job__requested_by=user)
    FavoriteFactory(sample=mine)
    theirs = AudioSampleFactory()
    assert api.delete(f"{URL}{theirs.pk}/").status_code == 403
    assert api.delete(f"{URL}{mine.pk}/").status_code == 204
    assert api.get(f"{URL}{mine.pk}/").status_code == 404
    assert not Favorite.objects.exists()
    assert caller(curator).delete(f"{URL}{theirs.pk}/").status_code == 204
    assert AudioSample.objects.count() == 2, "the rows and files stay"


def test_codes(api):
    sample = AudioSampleFactory()
    answer = api.get(f"{URL}{sample.pk}/codes/", headers={"Accept": "application/zip"})
    assert answer.status_code == 200 and str(sample.pk) in answer["Content-Disposition"]
    with np.load(io.BytesIO(answer.content), allow_pickle=False) as archive:
        assert archive["codes"].shape == (4, 50) and archive["codes"].dtype == np.int16


def test_a_missing_file_is_told_in_the_error_shape(api):
    sample = AudioSampleFactory(stored=False)
    for path, status in (("codes/", 503), ("stream/", 404), ("download/wav/", 503)):
        answer = api.get(f"{URL}{sample.pk}/{path}")
        assert answer.status_code == status, path
        assert set(answer.json()) == {"code", "detail"}, path


def test_a_key_plays_and_downloads(user):
    sample = AudioSampleFactory()
    script = caller_with_key(user, "read")
    part = script.get(f"{URL}{sample.pk}/stream/", headers={"Range": "bytes=0-9", "Accept": "audio/*"})
    assert part.status_code == 206 and len(b"".join(part)) == 10
    assert script.get(f"{URL}{sample.pk}/stream/", headers={"Range": "bytes=99999999-"}).status_code == 416
    assert script.get(f"{URL}{sample.pk}/download/wav/").status_code == 200
    assert script.get(f"{URL}{sample.pk}/download/midi/").status_code == 404


# -- comparing ---------------------------------------------------------------------------------------------------


def test_comparing_samples_keeps_their_order(api, user):
    samples = AudioSampleFactory.create_batch(3, stored=False)
    FavoriteFactory(user=user, sample=samples[1])
    asked = [str(sample.pk) for sample in reversed(samples)]
    answer = api.get(f"{URL}compare/", {"ids": ",".join(asked)})
    assert answer.status_code == 200, answer.content
    assert [sample["id"] for sample in answer.json()] == asked
    assert [sample["is_favorite"] for sample in answer.json()] == [False, True, False]
    assert all(sample["stream_url"] and "adapter" in sample for sample in answer.json())


def test_no_ids_are_refused(api):
    assert api.get(f"{URL}compare/", {"ids": ""}).json()["fields"]["ids"]
    assert "2 to 10" in api.get(f"{URL}compare/", {"ids": ","}).json()["detail"]


@pytest.mark.parametrize("count", [1, 11])
def test_other_counts_are_refused(api, count):
    listed = ",".join(str(uuid.uuid4()) for _ in range(count))
    answer = api.get(f"{URL}compare/", {"ids": listed})
    assert answer.status_code == 400 and "2 to 10" in answer.json()["detail"]


def test_missing_ids_are_listed(api):
    there = AudioSampleFactory(stored=False)
    missing = [str(uuid.uuid4()), str(AudioSampleFactory(stored=False, deleted_at=timezone.now()).pk)]
    answer = api.get(f"{URL}compare/", {"ids": ",".join([str(there.pk), *missing])})
    assert answer.status_code == 404 and answer.json()["fields"]["ids"] == missing
    malformed = api.get(f"{URL}compare/", {"ids": f"{there.pk},nonsense"})
    assert malformed.status_code == 400 and "nonsense" in malformed.json()["detail"]


# -- relatives ---------------------------------------------------------------------------------------------------


def test_extending(api, user):
    sample = AudioSampleFactory(job__base_model=BaseModelFactory(max_duration=10))
    answer = api.post(f"{URL}{sample.pk}/extend/", {"seconds": 4, "num_samples": 2})
    assert answer.status_code == 202, answer.content
    job = GenerationJob.objects.get(pk=answer.json()["id"])
    assert (job.kind, job.source_sample, job.duration, job.num_samples) == ("extension", sample, 5, 2)
    assert (job.prefix_seconds, job.requested_by) == (1.0, user)
    past_the_window = api.post(f"{URL}{sample.pk}/extend/", {"seconds": 20})
    assert past_the_window.json()["long_form"] is True and past_the_window.json()["num_samples"] == 1
    for seconds in (0, 120, "long"):
        assert api.post(f"{URL}{sample.pk}/extend/", {"seconds": seconds}).status_code == 400


def test_varying(api):
    sample = AudioSampleFactory()
    answer = api.post(f"{URL}{sample.pk}/variations/", {"keep_seconds": 0.4}, headers={"Idempotency-Key": "v"})
    assert answer.status_code == 202, answer.content
    assert (answer.json()["kind"], answer.json()["prefix_seconds"], answer.json()["num_samples"]) == (
        "variation",
        0.4,
        3,
    )
    again = api.post(f"{URL}{sample.pk}/variations/", {"keep_seconds": 0.4}, headers={"Idempotency-Key": "v"})
    assert again.json()["id"] == answer.json()["id"]
    assert api.post(f"{URL}{sample.pk}/variations/").status_code == 202, "a quarter is kept when nothing is said"
    assert api.post(f"{URL}{sample.pk}/variations/", {"keep_seconds": 5}).status_code == 400
    assert api.post(f"{URL}{sample.pk}/variations/", {"num_samples": 9}).status_code == 400


def test_samples_of_deleted_jobs_are_gone(api):
    sample = AudioSampleFactory(job=GenerationJobFactory(completed=True, deleted_at=timezone.now()))
    for path in ("", "codes/", "stream/"):
        assert api.get(f"{URL}{sample.pk}/{path}").status_code == 404
    assert api.post(f"{URL}{sample.pk}/extend/").status_code == 404
