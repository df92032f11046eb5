"""Sending, polling and cancelling jobs through the API."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from django.db import connection
from django.utils import timezone
from django_q.models import OrmQ

from generation.models import GenerationJob
from generation.tests.factories import (
    AudioSampleFactory,
    BaseModelFactory,
    GenerationJobFactory,
    PromptFactory,
    UserFactory,
)
from prompts.models import Prompt
from text2song.api.throttles import SubmitThrottle
from text2song.tests.clients import caller
from text2song.tests.live_web import LiveWeb

pytestmark = pytest.mark.django_db
URL = "/api/v1/generate/"


@pytest.fixture
def model():
    return BaseModelFactory(key="tiny", display_name="Tiny", is_active=True, max_duration=10, quality=10)


@pytest.fixture
def prompt(user):
    return PromptFactory(author=user)


@pytest.fixture
def api(user):
    return caller(user)


# -- sending -----------------------------------------------------------------------------------------------------


def test_a_job_is_accepted_and_waits(api, user, prompt, model):
    answer = api.post(URL, {"prompt": str(prompt.pk)})
    assert answer.status_code == 202, answer.content
    body = answer.json()
    job = GenerationJob.objects.get(pk=body["id"])
    assert body["state"] == "queued" and body["queue_position"] == 1 and body["progress"] == 0
    assert answer["Location"] == body["url"] and body["url"].endswith(f"{URL}{job.pk}/")
    assert (body["num_samples"], body["duration"], body["model"]["key"]) == (1, 10, "tiny")
    assert job.requested_by == user
    assert OrmQ.objects.count() == 1, "a worker is woken"


def test_only_the_default_duration_is_cut_to_the_model(api, prompt):
    BaseModelFactory(key="short", display_name="Short", is_active=True, max_duration=4, recommended_duration=4)
    assert api.post(URL, {"prompt": str(prompt.pk)}).json()["duration"] == 4
    refused = api.post(URL, {"prompt": str(prompt.pk), "duration": 10})
    assert refused.status_code == 400


def test_every_setting_is_kept(api, prompt, model):
    other = BaseModelFactory(key="other", max_duration=30)
    sent = {
        "model": "other",
        "num_samples": 8,
        "duration": 120,
        "long_form": True,
        "temperature": 0.1,
        "top_k": 1000,
        "top_p": 1.0,
        "guidance_scale": 4.5,
        "seed": 7,
    }
    answer = api.post(URL, {"prompt": str(prompt.pk), **sent})
    assert answer.status_code == 202, answer.content
    job = GenerationJob.objects.get()
    assert job.base_model == other
    assert {name: getattr(job, name) for name in sent if name != "model"} == {
        name: value for name, value in sent.items() if name != "model"
    }
    assert job.preset == "custom"


def test_a_preset_sets_model_and_sampling_and_values_beside_it_win(api, prompt, model):
    best = BaseModelFactory(key="big", quality=40, max_duration=30)
    job = api.post(URL, {"prompt": str(prompt.pk), "preset": "best"}).json()
    assert (job["model"]["key"], job["temperature"], job["top_k"], job["top_p"]) == (best.key, 0.7, 150, 0.9)
    assert job["preset"] == "best"
    job = api.post(URL, {"prompt": str(prompt.pk), "preset": "best", "top_k": 99, "model": "tiny"}).json()
    assert (job["model"]["key"], job["top_k"], job["preset"]) == ("tiny", 99, "custom")
    refused = api.post(URL, {"prompt": str(prompt.pk), "preset": "loud"})
    assert refused.status_code == 400 and "draft, balanced, best" in refused.json()["detail"]


def test_a_text_is_stored_as_a_prompt(api, user, model):
    body = {"text": " slow tango ", "mood": "romantic", "tempo": 60, "primary_instruments": ["accordion"]}
    answer = api.post(URL, body)
    assert answer.status_code == 202, answer.content
    stored = Prompt.objects.get()
    assert (stored.text, stored.mood, stored.tempo, stored.author) == ("slow tango", "romantic", 60, user)
    assert answer.json()["prompt"]["rendered_text"] == stored.rendered_text


@pytest.mark.parametrize(
    "body",
    [
        {"text": "fine", "duration": 11},
        {"text": "fine", "num_samples": 9},
        {"text": "fine", "model": "nowhere"},
        {"text": "x" * 2001},
        {"text": "   "},
        {"text": "fine", "tempo": 39},
        {"text": "fine", "style": "polka-core"},
        {"text": "fine", "primary_instruments": ["kazoo"]},
    ],
)
def test_a_refused_text_leaves_neither_prompt_nor_job(api, model, body):
    answer = api.post(URL, body)
    assert answer.status_code == 400, answer.content
    assert not Prompt.objects.exists() and not GenerationJob.objects.exists()


def test_prompt_or_text_but_not_both(api, prompt, model):
    for body in ({}, {"prompt": str(prompt.pk), "text": "both"}, {"prompt": str(prompt.pk), "mood": "happy"}):
        assert api.post(URL, body).status_code == 400


def test_unknown_and_deleted_prompts_are_not_found(api, model):
    gone = PromptFactory(deleted_at=timezone.now())
    for prompt_id in (uuid.uuid4(), gone.pk):
        answer = api.post(URL, {"prompt": str(prompt_id)})
        assert answer.status_code == 404 and str(prompt_id) in answer.json()["detail"]
    assert api.post(URL, {"prompt": "not-an-id"}).status_code == 400


def test_an_unknown_model_is_refused_with_the_known_ones(api, prompt, model):
    BaseModelFactory(key="other")
    answer = api.post(URL, {"prompt": str(prompt.pk), "model": "nowhere"})
    assert answer.status_code == 400
    body = answer.json()
    assert body["code"] == "unknown_model" and "other, tiny" in body["detail"] and "model" in body["fields"]


def test_a_model_whose_files_are_not_here_conflicts(api, prompt):
    BaseModelFactory(key="far", is_active=True, installed=False)
    answer = api.post(URL, {"prompt": str(prompt.pk)})
    assert answer.status_code == 409 and "fetch_model far" in answer.json()["detail"]


def test_a_duration_over_the_limit_names_both_numbers_and_the_model(api, prompt, model):
    answer = api.post(URL, {"prompt": str(prompt.pk), "duration": 11})
    assert answer.status_code == 400
    body = answer.json()
    assert body["code"] == "duration_over_limit" and body["fields"]["duration"]
    assert all(part in body["detail"] for part in ("11 s", "10 s", "Tiny"))
    assert not GenerationJob.objects.exists() and not OrmQ.objects.exists()


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ("num_samples", 0),
        ("num_samples", 9),
        ("temperature", 0.09),
        ("temperature", 2.1),
        ("top_k", 0),
        ("top_k", 1001),
        ("top_p", -0.1),
        ("top_p", 1.1),
        ("guidance_scale", 0.5),
        ("guidance_scale", 10.5),
        ("seed", -1),
        ("seed", 2**31),
        ("duration", 0),
        ("duration", 2.5),
        ("duration", 121),
        ("kind", "remix"),
        ("top_k", "many"),
        ("num_samples", True),
    ],
)
def test_values_out_of_range_are_refused_by_name(api, prompt, model, field, bad):
    answer = api.post(URL, {"prompt": str(prompt.pk), field: bad})
    assert answer.status_code == 400, answer.content
    assert field in answer.json()["fields"]
    assert not GenerationJob.objects.exists()


@pytest.mark.parametrize(
    ("field", "good"),
    [
        ("num_samples", 8),
        ("temperature", 2.0),
        ("top_k", 1),
        ("top_p", 0),
        ("seed", 0),
        ("seed", 2**31 - 1),
        ("duration", 1),
    ],
)
def test_bounds_are_inclusive(api, prompt, model, field, good):
    answer = api.post(URL, {"prompt": str(prompt.pk), field: good})
    assert answer.status_code == 202 and answer.json()[field] == good


def test_a_misspelt_field_is_told(api, prompt, model):
    answer = api.post(URL, {"prompt": str(prompt.pk), "temprature": 0.5})
    assert answer.status_code == 400 and "temprature" in answer.json()["fields"]


# -- relatives ---------------------------------------------------------------------------------------------------


def test_a_job_may_continue_a_sample(api, model):
    sample = AudioSampleFactory(job__base_model=model)
    body = {"prompt": str(sample.job.prompt_id), "kind": "extension", "source_sample": str(sample.pk)}
    answer = api.post(URL, body | {"prefix_seconds": 1.0, "duration": 5})
    assert answer.status_code == 202, answer.content
    assert answer.json()["source_sample"] == str(sample.pk)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"prefix_seconds": 1.5}, "prefix_seconds"),
        ({"prefix_seconds": 0}, "prefix_seconds"),
        ({"prefix_seconds": None}, "prefix_seconds"),
        ({"source_sample": None}, "source_sample"),
        ({"kind": "prompt"}, "source_sample"),
        ({"prefix_seconds": 1.0, "duration": 1}, "prefix_seconds"),
        ({"model": "other"}, "model"),
    ],
)
def test_a_source_that_does_not_fit_is_refused(api, model, change, field):
    BaseModelFactory(key="other")
    sample = AudioSampleFactory(job__base_model=model)
    body = {
        "prompt": str(sample.job.prompt_id),
        "kind": "variation",
        "source_sample": str(sample.pk),
        "prefix_seconds": 0.5,
        "duration": 5,
    }
    answer = api.post(URL, body | change)
    assert answer.status_code == 400 and field in answer.json()["fields"], answer.content


def test_an_unknown_source_is_not_found(api, prompt, model):
    body = {"prompt": str(prompt.pk), "kind": "extension", "source_sample": str(uuid.uuid4()), "prefix_seconds": 1}
    assert api.post(URL, body).status_code == 404


# -- limits ------------------------------------------------------------------------------------------------------


def test_the_quota_of_unfinished_jobs(api, prompt, model, settings):
    settings.MAX_ACTIVE_JOBS_PER_USER = 2
    for _ in range(2):
        assert api.post(URL, {"prompt": str(prompt.pk)}).status_code == 202
    answer = api.post(URL, {"text": "one too many"})
    assert answer.status_code == 429 and int(answer["Retry-After"]) > 0
    assert answer.json()["code"] == "job_quota" and "2 unfinished jobs" in answer.json()["detail"]
    assert not Prompt.objects.filter(text="one too many").exists()


def test_the_limit_per_time_holds_for_sending_and_not_for_polling(api, prompt, model, monkeypatch):
    monkeypatch.setattr(SubmitThrottle, "THROTTLE_RATES", {"generate": "2/min"})
    for _ in range(2):
        job = api.post(URL, {"prompt": str(prompt.pk)}).json()
    answer = api.post(URL, {"prompt": str(prompt.pk)})
    assert answer.status_code == 429 and 0 < int(answer["Retry-After"]) <= 61
    assert answer.json()["code"] == "throttled" and "2 submitted jobs a minute" in answer.json()["detail"]
    assert GenerationJob.objects.count() == 2
    assert api.get(f"{URL}{job['id']}/").status_code == 200


def test_an_idempotency_key_answers_with_the_first_job(api, prompt, model):
    first = api.post(URL, {"text": "only once"}, headers={"Idempotency-Key": "take-1"})
    again = api.post(URL, {"text": "only once"}, headers={"Idempotency-Key": "take-1"})
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["id"] == again.json()["id"]
    assert GenerationJob.objects.count() == 1 and Prompt.objects.filter(text="only once").count() == 1
    other = caller(UserFactory()).post(URL, {"text": "only once"}, headers={"Idempotency-Key": "take-1"})
    assert other.json()["id"] != first.json()["id"], "keys belong to their user"
    api.delete(f"/api/v1/jobs/{first.json()['id']}/")
    deleted = api.post(URL, {"text": "only once"}, headers={"Idempotency-Key": "take-1"})
    assert deleted.status_code == 409
    too_long = api.post(URL, {"text": "x"}, headers={"Idempotency-Key": "k" * 201})
    assert too_long.status_code == 400


def test_an_idempotency_key_with_another_request_is_a_conflict(api, prompt, model):
    sample = AudioSampleFactory(job=GenerationJobFactory(completed=True, base_model=model, prompt=prompt))
    first = {"text": "only once", "num_samples": 2}
    assert api.post(URL, first, headers={"Idempotency-Key": "k"}).status_code == 202
    relatives = f"/api/v1/audio/{sample.pk}/"
    for address, body in (
        (URL, first | {"num_samples": 3}),
        (URL, {"text": "only once"}),
        (URL, {"prompt": str(prompt.pk)}),
        (f"{relatives}extend/", {"seconds": 1}),
        (f"{relatives}variations/", {"keep_seconds": 0.2}),
    ):
        answer = api.post(address, body, headers={"Idempotency-Key": "k"})
        assert answer.status_code == 409 and answer.json()["code"] == "idempotency_key_reused", (address, body)
    assert GenerationJob.objects.exclude(pk=sample.job_id).count() == 1
    assert api.post(f"{relatives}extend/", {"seconds": 1}, headers={"Idempotency-Key": "e"}).status_code == 202
    assert api.post(f"{relatives}extend/", {"seconds": 2}, headers={"Idempotency-Key": "e"}).status_code == 409
    reordered = dict(reversed(first.items()))
    assert api.post(URL, reordered, headers={"Idempotency-Key": "k"}).status_code == 202


@pytest.mark.skipif(
    connection.vendor == "sqlite", reason="SQLite in memory has one writer at a time, and waits for none"
)
@pytest.mark.django_db(transaction=True)
def test_racing_requests_with_one_key_leave_one_prompt_and_one_job(user, model):
    def send(_):
        try:
            return caller(user).post(URL, {"text": "one of five"}, headers={"Idempotency-Key": "race"})
        finally:
            connection.close()

    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(send, range(5)))
    assert [answer.status_code for answer in answers] == [202] * 5
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert Prompt.objects.filter(text="one of five").count() == GenerationJob.objects.count() == 1


@pytest.mark.worker
@pytest.mark.slow
def test_racing_requests_with_one_key_against_the_embedded_database(tmp_path):
    def send(_):
        body = {"text": "one of five", "duration": 1}
        return httpx.post(address, json=body, headers=headers, timeout=60)

    with LiveWeb(tmp_path) as studio:
        address = f"{studio.url}{URL}"
        headers = studio.authorization | {"Idempotency-Key": "race"}
        with ThreadPoolExecutor(5) as pool:
            answers = list(pool.map(send, range(5)))
        assert [answer.status_code for answer in answers] == [202] * 5
        assert len({answer.json()["id"] for answer in answers}) == 1
        assert studio.api.get("/prompts/", params={"q": "five"}).json()["count"] == 1


# -- polling -----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("workers")
def test_polling_a_running_job(api):
    job = GenerationJobFactory(running=True, steps_done=100, steps_total=400)
    body = api.get(f"{URL}{job.pk}/").json()
    assert (body["state"], body["percent"], body["steps_done"], body["steps_total"]) == ("running", 25, 100, 400)
    assert body["seconds_left"] > 0 and body["queue_position"] is None and body["error"] is None


def test_polling_a_completed_job_gives_samples(api):
    job = GenerationJobFactory(completed=True)
    samples = [AudioSampleFactory(job=job, index=i) for i in range(2)]
    body = api.get(f"{URL}{job.pk}/").json()
    assert body["progress"] == 1 and body["sample_ids"] == [str(sample.pk) for sample in samples]
    assert [sample["label"] for sample in body["samples"]] == ["A", "B"]
    assert [sample["seed"] for sample in body["samples"]] == [job.seed, job.seed + 1]
    assert body["samples"][0]["stream_url"].endswith(f"/audio/{samples[0].pk}/stream/")


def test_polling_a_failed_job_gives_a_sentence(api):
    body = api.get(f"{URL}{GenerationJobFactory(failed=True).pk}/").json()
    assert body["state"] == "failed" and body["error"].endswith("samples.")


def test_unknown_and_deleted_ids_are_not_found_and_malformed_ones_refused(api):
    gone = GenerationJobFactory(deleted_at=timezone.now())
    for job_id in (uuid.uuid4(), gone.pk):
        answer = api.get(f"{URL}{job_id}/")
        assert answer.status_code == 404 and answer.json()["code"] == "not_found"
    assert api.get(f"{URL}nonsense/").status_code == 400


# -- cancelling --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["queued", "running"])
def test_cancel_an_unfinished_job(api, user, state):
    job = GenerationJobFactory(requested_by=user, **({"running": True} if state == "running" else {}))
    answer = api.delete(f"{URL}{job.pk}/")
    assert answer.status_code == 204 and not answer.content
    job.refresh_from_db()
    assert job.state == "cancelled"


@pytest.mark.parametrize("state", ["completed", "failed", "cancelled"])
def test_a_finished_job_cannot_be_cancelled(api, user, state):
    job = GenerationJobFactory(requested_by=user, **{state: True})
    answer = api.delete(f"{URL}{job.pk}/")
    assert answer.status_code == 409 and state in answer.json()["detail"]


def test_only_the_owner_or_a_curator_cancels(api, curator):
    job = GenerationJobFactory()
    assert api.delete(f"{URL}{job.pk}/").status_code == 403
    assert caller(curator).delete(f"{URL}{job.pk}/").status_code == 204
