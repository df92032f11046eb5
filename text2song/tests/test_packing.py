"""Words travel packed, sound does not."""

from __future__ import annotations

import gzip
import re

import pytest
from django.urls import reverse

from generation.models import AudioSample, GenerationJob
from generation.tests.factories import AudioSampleFactory, GenerationJobFactory

pytestmark = pytest.mark.django_db
PACKED = {"Accept-Encoding": "gzip, br"}
CHANGES = re.compile(rb"csrf.{0,200}|name=\"token\".{0,120}|nonce.{0,60}|X-CSRFToken.{0,90}")
MOST = 30_000
"""Bytes of a fragment on its way."""


@pytest.fixture
def job(user) -> GenerationJob:
    job = GenerationJobFactory(completed=True, requested_by=user, num_samples=8)
    AudioSampleFactory.create_batch(8, job=job)
    return job


def doors(job: GenerationJob) -> dict[str, str]:
    sample = job.samples.first()
    return {
        "library": reverse("library"),
        "create": reverse("create"),
        "a card": reverse("job-card", args=[job.pk]) + "?view=detail&have=",
        "a panel": reverse("sample-feedback", args=[sample.pk]),
        "the status of the health": reverse("healthz"),
        "the API": "/api/v1/audio/",
        "an error of the API": "/api/v1/audio/?stars=x",
        "a page that is not there": "/nowhere/",
    }


def test_words_are_packed_for_who_can_unpack_them(page, job):
    for name, url in doors(job).items():
        plain, packed = page.get(url), page.get(url, headers=PACKED)
        assert "Content-Encoding" not in plain.headers, name
        if len(plain.content) < 200:
            assert packed.content == plain.content, name
            continue
        assert packed["Content-Encoding"] == "gzip" and "Accept-Encoding" in packed["Vary"], name
        assert packed.status_code == plain.status_code and int(packed["Content-Length"]) == len(packed.content), name
        assert CHANGES.sub(b"", gzip.decompress(packed.content)) == CHANGES.sub(b"", plain.content), name
        assert len(packed.content) < 0.5 * len(plain.content) or len(plain.content) < 1000, name


def test_what_the_pages_swap_in_is_small(page, job):
    htmx = {"HX-Request": "true", **PACKED}
    for name, url in doors(job).items():
        assert len(page.get(url, headers=htmx).content) < MOST, name


@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=0-99"}])
def test_sound_and_files_go_as_they_are(page, job, headers):
    sample: AudioSample = job.samples.first()
    for url in (
        reverse("audio-stream", args=[sample.pk]),
        reverse("audio-download", args=[sample.pk, "wav"]),
        f"/api/v1/audio/{sample.pk}/stream/",
    ):
        answer = page.get(url, headers={**PACKED, **headers})
        assert answer.status_code in (200, 206) and "Content-Encoding" not in answer.headers, url
        assert len(answer.getvalue()) == int(answer["Content-Length"]), url
