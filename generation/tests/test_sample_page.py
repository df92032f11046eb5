"""The page of one sample: everything known about it, making it again, going on from it, deleting it."""

from __future__ import annotations

import json
import shlex
import uuid
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.management import load_command_class
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from generation.listening.replay import replay_body, replay_command, replay_warnings
from generation.models import AudioSample, Favorite, GenerationJob
from generation.tests.factories import (
    AudioSampleFactory,
    FavoriteFactory,
    GenerationJobFactory,
    PromptFactory,
)
from prompts.models import Prompt

pytestmark = pytest.mark.django_db


@pytest.fixture
def sample(user: Any) -> AudioSample:
    prompt = PromptFactory(
        text='it\'s "calm" $HOME; rm -rf *\nsecond line',
        style="jazz",
        mood="dark",
        tempo=92,
        primary_instruments=["cello", "harp"],
        secondary_instruments=["shaker"],
    )
    job = GenerationJobFactory(
        completed=True,
        requested_by=user,
        prompt=prompt,
        seed=500,
        temperature=0.85,
        top_k=150,
        top_p=0.9,
        guidance_scale=3.5,
    )
    return AudioSampleFactory(job=job, index=2)


def show(page: Any, sample: AudioSample) -> Any:
    return page.get(reverse("sample-detail", args=[sample.pk]))


def test_everything_known_is_on_the_page(page, sample):
    response = show(page, sample)
    assert response.status_code == 200
    for words in (
        f"<h1>{escape(sample.name)}</h1>",
        escape(sample.rendered_text),
        "1.00 s",
        "8000 Hz",
        "-16.0 LUFS",
        "-1.2 dBTP",
        "4 × 50",
        sample.sha256,
        "502",
        "0.85",
        "test-revision",
        sample.job.base_model.display_name,
        reverse("audio-stream", args=[sample.pk]),
        reverse("audio-spectrogram", args=[sample.pk]),
        reverse("job-detail", args=[sample.job.pk]),
        reverse("prompt-detail", args=[sample.job.prompt.pk]),
    ):
        assert words in response.text, words
    for file_format in ("wav", "flac", "mp3"):
        assert reverse("audio-download", args=[sample.pk, file_format]) in response.text


def test_no_audio_is_fetched_before_play(page, sample):
    text = show(page, sample).text
    assert text.count("<audio") == text.count('preload="none"') == 2, "its own controls, and the bar"


@pytest.mark.parametrize("broken", ["codes", "silence"])
def test_what_is_missing_is_said(page, sample, broken):
    if broken == "codes":
        default_storage.delete(sample.codes_file.name)
    else:
        AudioSample.objects.filter(pk=sample.pk).update(loudness_lufs=None, true_peak_db=None)
    response = show(page, sample)
    assert response.status_code == 200
    assert {"codes": "cannot be read from the store", "silence": "silence"}[broken] in response.text


def test_unknown_and_deleted_samples_are_404(page, sample):
    assert page.get(reverse("sample-detail", args=[uuid.uuid4()])).status_code == 404
    sample.deleted_at = timezone.now()
    sample.save()
    for name in ("sample-detail", "sample-delete"):
        assert page.get(reverse(name, args=[sample.pk])).status_code == 404
    for name in ("sample-extend", "sample-vary", "sample-delete"):
        assert page.post(reverse(name, args=[sample.pk])).status_code == 404


def test_the_number_of_queries_does_not_grow_with_the_relatives(page, sample):
    def add_relatives() -> None:
        AudioSampleFactory(job=sample.job, index=sample.job.samples.count() + 2, stored=False)
        child = GenerationJobFactory(
            completed=True, source_sample=sample, kind="variation", prefix_seconds=0.5, prompt=sample.job.prompt
        )
        AudioSampleFactory(job=child, index=0, stored=False)

    add_relatives()
    show(page, sample)
    with CaptureQueriesContext(connection) as few:
        show(page, sample)
    for _ in range(3):
        add_relatives()
    with CaptureQueriesContext(connection) as many:
        show(page, sample)
    assert len(many) == len(few)


class TestReplay:
    def arguments(self, sample: AudioSample) -> dict[str, Any]:
        """What the command understands of what the page shows, through a shell's eyes."""
        words = shlex.split(replay_command(sample))
        at = words.index("manage.py")
        assert words[at + 1] == "generate"
        parser = load_command_class("generation", "generate").create_parser("manage.py", "generate")
        return vars(parser.parse_args(words[at + 2 :]))

    def test_the_command_names_everything_that_decides_the_codes(self, sample):
        given = self.arguments(sample)
        prompt = sample.job.prompt
        assert given["text"] == prompt.text
        assert (given["style"], given["mood"], given["tempo"]) == ("jazz", "dark", 92)
        assert given["instrument"] == ["cello", "harp"] and given["secondary_instrument"] == ["shaker"]
        assert (given["samples"], given["seed"], given["duration"]) == (1, 502, 8)
        assert (given["temperature"], given["top_k"], given["top_p"]) == (0.85, 150, 0.9)
        assert given["guidance_scale"] == 3.5
        assert given["model"] == sample.job.base_model.key
        assert given["long_form"] is False and given["source_sample"] is None

    def test_the_command_renders_the_same_text(self, sample):
        given = self.arguments(sample)
        again = Prompt(
            text=given["text"],
            style=given["style"],
            mood=given["mood"],
            tempo=given["tempo"],
            primary_instruments=given["instrument"],
            secondary_instruments=given["secondary_instrument"],
        )
        again.full_clean(exclude=["author"])
        assert again.rendered_text == sample.rendered_text

    @pytest.mark.parametrize("text", ["--help me sleep", "-5 dB", "-"])
    def test_a_text_that_looks_like_an_option_is_none(self, text):
        sample = AudioSampleFactory(job__prompt=PromptFactory(text=text), stored=False)
        assert self.arguments(sample)["text"] == text

    @pytest.mark.parametrize("value", [0.1, 1 / 3, 0.7000000000000001, 2.0])
    def test_numbers_come_through_exactly(self, value):
        job = GenerationJobFactory(completed=True, temperature=value)
        assert self.arguments(AudioSampleFactory(job=job, stored=False))["temperature"] == value

    def test_relatives_name_their_source(self, sample):
        job = GenerationJobFactory(
            completed=True,
            kind="extension",
            source_sample=sample,
            prefix_seconds=1.0,
            duration=40,
            long_form=True,
            base_model=sample.job.base_model,
        )
        child = AudioSampleFactory(job=job, stored=False)
        given = self.arguments(child)
        assert given["source_sample"] == str(sample.pk)
        assert (given["kind"], given["prefix_seconds"], given["long_form"]) == ("extension", 1.0, True)
        body = json.loads(replay_body(child))
        assert body["source_sample"] == str(sample.pk)
        assert (body["kind"], body["prefix_seconds"], body["long_form"]) == ("extension", 1.0, True)

    def test_the_body_posted_to_the_api_sends_the_same_settings(self, page, sample):
        response = page.post("/api/v1/generate/", replay_body(sample), content_type="application/json")
        assert response.status_code == 202, response.text
        job = GenerationJob.objects.exclude(pk=sample.job.pk).get()
        assert job.sample_seed(0) == sample.seed
        assert job.num_samples == 1
        for name in ("prompt_id", "base_model_id", "duration", "long_form", "temperature", "top_k", "top_p"):
            assert getattr(job, name) == getattr(sample.job, name), name
        assert job.guidance_scale == sample.job.guidance_scale

    def test_the_body_of_a_relative_is_taken_by_the_api_too(self, page, sample):
        job = GenerationJobFactory(
            completed=True,
            kind="variation",
            source_sample=sample,
            prefix_seconds=0.5,
            prompt=sample.job.prompt,
            base_model=sample.job.base_model,
        )
        child = AudioSampleFactory(job=job, stored=False)
        response = page.post("/api/v1/generate/", replay_body(child), content_type="application/json")
        assert response.status_code == 202, response.text
        sent = GenerationJob.objects.order_by("-created_at").first()
        assert (sent.kind, sent.source_sample_id, sent.prefix_seconds) == ("variation", sample.pk, 0.5)

    def test_both_stand_on_the_page_with_a_copy_button(self, page, sample):
        text = show(page, sample).text
        assert escape(replay_command(sample)) in text
        assert escape(replay_body(sample)) in text
        assert 'data-copy-from="#replay-command"' in text and 'data-copy-from="#replay-body"' in text

    def test_what_would_sound_different_is_said_beforehand(self, sample):
        assert replay_warnings(sample) == []
        sample.base_revision = "older"
        assert "other files" in replay_warnings(sample)[0]
        sample.job.prompt.deleted_at = timezone.now()
        assert "only the command" in replay_warnings(sample)[1]


class TestGoingOn:
    def test_extend_sends_a_job_that_begins_with_the_clip(self, page, sample):
        response = page.post(reverse("sample-extend", args=[sample.pk]), {"seconds": 4, "num_samples": 2})
        job = GenerationJob.objects.get(kind="extension")
        assert response.url == reverse("job-detail", args=[job.pk])
        assert (job.source_sample, job.prefix_seconds, job.duration) == (sample, sample.duration, 5)
        assert (job.num_samples, job.temperature, job.state) == (2, 0.85, "queued")

    def test_vary_sends_a_job_that_keeps_the_beginning(self, page, sample):
        response = page.post(reverse("sample-vary", args=[sample.pk]), {"keep_seconds": "0.4", "num_samples": 3})
        job = GenerationJob.objects.get(kind="variation")
        assert response.url == reverse("job-detail", args=[job.pk])
        assert (job.source_sample, job.prefix_seconds, job.duration, job.num_samples) == (sample, 0.4, 1, 3)

    @pytest.mark.parametrize(
        ("name", "values", "words"),
        [
            ("sample-extend", {"seconds": "0", "num_samples": 2}, "greater than or equal to 1"),
            ("sample-extend", {"seconds": "500", "num_samples": 2}, "1 to 119 s, not 500 s"),
            ("sample-extend", {"seconds": "4.5", "num_samples": 2}, "whole number"),
            ("sample-extend", {"seconds": "", "num_samples": 2}, "required"),
            ("sample-extend", {"seconds": "4", "num_samples": 9}, "less than or equal to 8"),
            ("sample-vary", {"keep_seconds": "0.9", "num_samples": 2}, "between 0.1 and 0.5 s"),
            ("sample-vary", {"keep_seconds": "0", "num_samples": 2}, "greater than or equal to 0.1"),
            ("sample-vary", {"keep_seconds": "nan", "num_samples": 2}, "number"),
            ("sample-vary", {"keep_seconds": "0.4", "num_samples": 0}, "greater than or equal to 1"),
        ],
    )
    def test_bad_values_are_named_and_kept_and_send_nothing(self, page, sample, name, values, words):
        response = page.post(reverse(name, args=[sample.pk]), values)
        assert response.status_code == 400
        assert words in response.text
        for value in values.values():
            assert not value or f'value="{value}"' in response.text
        assert GenerationJob.objects.count() == 1

    def test_a_model_whose_files_are_gone_is_said_above_the_form(self, page, sample):
        (sample.job.base_model.folder / "config.json").unlink()
        response = page.post(reverse("sample-extend", args=[sample.pk]), {"seconds": 4, "num_samples": 2})
        assert response.status_code == 400
        assert "not on this machine" in response.text

    def test_relatives_link_to_each_other(self, page, sample):
        job = GenerationJobFactory(
            completed=True, kind="extension", source_sample=sample, prefix_seconds=1.0, prompt=sample.job.prompt
        )
        child = AudioSampleFactory(job=job)
        assert reverse("sample-detail", args=[child.pk]) in show(page, sample).text
        assert reverse("sample-detail", args=[sample.pk]) in show(page, child).text
        AudioSample.objects.filter(pk=sample.pk).update(deleted_at=timezone.now())
        response = show(page, child)
        assert "a deleted take" in response.text
        assert reverse("sample-detail", args=[sample.pk]) not in response.text

    def test_what_is_refused_stands_in_an_open_fold(self, page, sample):
        assert "<summary>Extend and vary</summary>" in show(page, sample).text
        response = page.post(reverse("sample-vary", args=[sample.pk]), {"keep_seconds": "9", "num_samples": 2})
        assert '<details class="fold" open><summary>Extend and vary</summary>' in response.text

    def test_they_are_not_sent_by_following_a_link(self, page, sample):
        assert page.get(reverse("sample-extend", args=[sample.pk])).status_code == 405
        assert page.get(reverse("sample-vary", args=[sample.pk])).status_code == 405


class TestDeleting:
    def test_the_question_names_the_sample_and_what_goes_with_it(self, page, sample):
        unloved = page.get(reverse("sample-delete", args=[sample.pk])).context["losses"]
        FavoriteFactory(sample=sample)
        response = page.get(reverse("sample-delete", args=[sample.pk]))
        assert response.status_code == 200
        assert "Delete sample C?" in response.text
        assert "everybody's hearts and notes on it" in unloved
        assert response.context["losses"] == unloved, "it tells nothing of what others think"
        assert show(page, sample).status_code == 200

    def test_yes_hides_it_and_takes_its_hearts(self, page, sample):
        FavoriteFactory(sample=sample)
        response = page.post(reverse("sample-delete", args=[sample.pk]))
        assert response.url == reverse("library")
        assert show(page, sample).status_code == 404
        assert not Favorite.objects.exists()
        assert page.post(reverse("sample-delete", args=[sample.pk])).status_code == 404

    def test_only_its_maker_or_a_curator_may(self, page, curator_page):
        other = AudioSampleFactory(stored=False)
        url = reverse("sample-delete", args=[other.pk])
        assert url not in show(page, other).text
        assert page.get(url).status_code == page.post(url).status_code == 403
        assert curator_page.post(url).status_code == 302
