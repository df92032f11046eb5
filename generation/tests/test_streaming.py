"""Streaming a sample from local files and from a real S3 server: the same bytes by the same requests."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from generation.sound.files import load_audio_bytes
from generation.tests.factories import AudioSampleFactory, PromptFactory

pytestmark = pytest.mark.django_db

SECRET_WORDS = "zither under water"


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


def play(page: Client, sample: Any, method: str = "GET", **headers: str) -> Answer:
    """Ask for the audio as a player does, following the redirect to the store where there is one."""
    response = page.generic(method, reverse("audio-stream", args=[sample.pk]), headers=headers)
    if response.status_code == 302:
        return _fetch(response["Location"], method, headers)
    body = b"".join(response) if response.streaming else response.content
    return Answer(response.status_code, {k.lower(): v for k, v in response.headers.items()}, body)


def _fetch(url: str, method: str, headers: dict[str, str]) -> Answer:
    request = urllib.request.Request(url, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return Answer(response.status, {k.lower(): v for k, v in response.headers.items()}, response.read())
    except urllib.error.HTTPError as error:
        return Answer(error.code, {k.lower(): v for k, v in error.headers.items()}, error.read())


@pytest.fixture
def sample(db: None, storage_backend: str) -> Any:
    return AudioSampleFactory(job__prompt=PromptFactory(text=SECRET_WORDS))


def test_the_whole_file_is_the_stored_one(page, sample):
    answer = play(page, sample)
    assert answer.status == 200
    assert answer.body == load_audio_bytes(sample)
    assert answer.headers["content-type"] == "audio/flac"
    assert answer.headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-0", slice(0, 1)),
        ("bytes=10-99", slice(10, 100)),
        ("bytes=500-", slice(500, None)),
        ("bytes=-64", slice(-64, None)),
        ("bytes=100-99999999", slice(100, None)),
    ],
)
def test_a_range_gets_206_with_exactly_those_bytes(page, sample, asked, part):
    whole = load_audio_bytes(sample)
    answer = play(page, sample, Range=asked)
    assert answer.status == 206
    assert answer.body == whole[part]
    first = part.indices(len(whole))[0]
    assert answer.headers["content-range"] == f"bytes {first}-{first + len(answer.body) - 1}/{len(whole)}"


def test_a_range_past_the_end_gets_416(page, sample):
    assert play(page, sample, Range="bytes=99999999-").status == 416


def test_head_gives_the_length_without_the_bytes(page, sample):
    answer = play(page, sample, "HEAD")
    assert answer.status == 200
    assert answer.body == b""
    assert int(answer.headers["content-length"]) == len(load_audio_bytes(sample))


def test_nothing_in_the_answer_tells_where_the_clip_comes_from(page, sample):
    job = sample.job
    first = page.get(reverse("audio-stream", args=[sample.pk]))
    told = " ".join([*map(str, first.headers.items()), *map(str, play(page, sample).headers.items())])
    for secret in (job.base_model.key, job.base_model.display_name, str(job.pk), str(job.seed), "zither"):
        assert secret not in told
    assert 'filename="clip.flac"' in play(page, sample).headers["content-disposition"]


def test_caches_shared_between_people_keep_nothing(page, sample):
    assert "private" in page.get(reverse("audio-stream", args=[sample.pk]))["Cache-Control"]


def test_unknown_and_deleted_samples_are_404(page, sample):
    assert page.get(reverse("audio-stream", args=[uuid.uuid4()])).status_code == 404
    sample.deleted_at = timezone.now()
    sample.save()
    assert page.get(reverse("audio-stream", args=[sample.pk])).status_code == 404


def test_a_sample_of_a_deleted_job_is_404(page, sample):
    sample.job.deleted_at = timezone.now()
    sample.job.save()
    assert page.get(reverse("audio-stream", args=[sample.pk])).status_code == 404


def test_a_file_that_is_gone_is_404_and_no_crash(page, sample):
    sample.audio_file.storage.delete(sample.audio_file.name)
    assert play(page, sample).status == 404


def test_only_people_who_signed_in_hear_it(client, sample):
    response = client.get(reverse("audio-stream", args=[sample.pk]))
    assert response.status_code == 302
    assert reverse("sign-in") in response["Location"]


def test_it_cannot_be_posted_to(page, sample):
    assert page.post(reverse("audio-stream", args=[sample.pk])).status_code == 405


class TestLocalFiles:
    """What only this server answers itself."""

    @pytest.fixture
    def storage_backend(self) -> str:
        return "local"

    def test_416_names_the_size(self, page, sample):
        answer = play(page, sample, Range="bytes=99999999-")
        assert answer.headers["content-range"] == f"bytes */{len(load_audio_bytes(sample))}"

    @pytest.mark.parametrize("header", ["bytes=5-1", "bytes=x-y", "pages=1-2", "bytes=0-1,4-5"])
    def test_a_range_that_is_none_is_ignored(self, page, sample, header):
        answer = play(page, sample, Range=header)
        assert answer.status == 200
        assert answer.body == load_audio_bytes(sample)

    def test_the_etag_is_the_hash_of_the_audio(self, page, sample):
        etag = play(page, sample).headers["etag"]
        assert etag == f'"{sample.sha256}"'
        assert play(page, sample, **{"If-None-Match": etag}).status == 304
        assert play(page, sample, **{"If-Range": etag, "Range": "bytes=0-9"}).status == 206
        assert play(page, sample, **{"If-Range": '"older"', "Range": "bytes=0-9"}).status == 200

    def test_a_missing_file_says_so(self, page, sample):
        Path(sample.audio_file.path).unlink()
        assert b"missing from the audio store" in play(page, sample).body

    def test_a_store_that_cannot_be_read_is_503(self, page, sample):
        path = Path(sample.audio_file.path)
        path.unlink()
        path.mkdir()
        answer = play(page, sample)
        assert answer.status == 503
        assert b"Settings" in answer.body

    def test_a_sample_without_a_file_is_404(self, page, db):
        assert play(page, AudioSampleFactory(stored=False)).status == 404


@pytest.mark.s3
class TestObjectStore:
    """What belongs to presigned links."""

    @pytest.fixture
    def storage_backend(self, s3_storage: str) -> str:
        return "s3"

    def test_it_redirects_to_the_store(self, page, sample):
        response = page.get(reverse("audio-stream", args=[sample.pk]))
        assert response.status_code == 302
        assert "X-Amz-Signature" in response["Location"]
        assert "X-Amz-Expires=300" in response["Location"]
        assert response["Cache-Control"] == "private, no-store"

    def test_the_link_soon_expires(self, page, sample, settings):
        settings.AUDIO_URL_SECONDS = 1
        url = page.get(reverse("audio-stream", args=[sample.pk]))["Location"]
        assert _fetch(url, "GET", {}).status == 200
        time.sleep(2.5)
        assert _fetch(url, "GET", {}).status == 403

    def test_the_link_without_its_signature_opens_nothing(self, page, sample):
        url = page.get(reverse("audio-stream", args=[sample.pk]))["Location"]
        assert _fetch(url.partition("?")[0], "GET", {}).status == 403
