"""A prompt and its job, both or neither: the one function, and every door that calls it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ

from adapters.exceptions import AdapterNotFound, AdapterNotSelectable
from adapters.models import Adapter
from adapters.tests.factories import AdapterFactory
from generation.exceptions import (
    ActiveJobQuota,
    DurationOverLimit,
    IdempotencyKeyReused,
    ModelNotReady,
    SampleNotFound,
    UnknownModel,
)
from generation.jobs.presets import PRESET_BY_KEY
from generation.models import BaseModel, GenerationJob
from generation.services import delete_job, make_music
from generation.tests.factories import AudioSampleFactory, BaseModelFactory, GenerationJobFactory, PromptFactory
from prompts.models import Prompt
from text2song.exceptions import Conflict, DomainError, NotFound, Refused

pytestmark = pytest.mark.django_db
TEXT = {"text": "calm piano at dusk", "mood": "peaceful"}


@pytest.fixture(autouse=True)
def model() -> BaseModel:
    return BaseModelFactory(key="tiny", display_name="Tiny", is_active=True, max_duration=10, quality=10)


@pytest.fixture
def absent() -> BaseModel:
    return BaseModelFactory(key="absent", display_name="Absent One", installed=False)


@pytest.fixture
def idle() -> Adapter:
    """An adapter that no new job may use."""
    return AdapterFactory(name="idle", version="1.0.0", base_model=BaseModel.objects.get(key="tiny"), is_active=False)


def stored() -> tuple[int, int, int]:
    return Prompt.objects.count(), GenerationJob.objects.count(), OrmQ.objects.count()


# -- what is stored -----------------------------------------------------------------------------------------------


def test_the_values_of_a_prompt_become_a_prompt_and_its_job(user, model):
    job = make_music(actor=user, prompt=TEXT, num_samples=3, seed=7)
    assert (job.prompt.text, job.prompt.mood, job.prompt.author) == ("calm piano at dusk", "peaceful", user)
    assert (job.requested_by, job.base_model, job.num_samples, job.seed) == (user, model, 3, 7)
    assert stored() == (1, 1, 1)


def test_nobody_in_particular_has_no_quota(settings):
    settings.MAX_ACTIVE_JOBS_PER_USER = 0
    job = make_music(actor=None, prompt=TEXT)
    assert job.requested_by is None and job.prompt.author is None


@pytest.mark.parametrize("named", ["by object", "by name"])
def test_what_it_is_made_of_is_an_object_or_its_name(user, named):
    other = BaseModelFactory(key="other")
    adapter = AdapterFactory(name="warm", version="1.2.0", base_model=other)
    sample = AudioSampleFactory(job__base_model=other, job__prompt=PromptFactory())
    prompt = sample.job.prompt
    by_object = {"prompt": prompt, "base_model": other, "adapter": adapter, "source_sample": sample}
    by_name = {"prompt": prompt.pk, "base_model": "other", "adapter": "warm@1.2.0", "source_sample": str(sample.pk)}
    job = make_music(
        actor=user,
        **(by_object if named == "by object" else by_name),
        adapter_strength=0.5,
        kind="extension",
        prefix_seconds=0.5,
        duration=5,
    )
    assert (job.prompt, job.base_model, job.adapter, job.source_sample) == (prompt, other, adapter, sample)
    assert (job.adapter_strength, job.prefix_seconds) == (0.5, 0.5)
    assert Prompt.objects.count() == 1


def test_without_a_model_it_is_the_source_s_then_the_preset_s_then_the_active_one(user, model):
    best, other = BaseModelFactory(key="best", quality=90), BaseModelFactory(key="other", quality=20)
    sample = AudioSampleFactory(job__base_model=other)
    of_source = {"source_sample": sample, "kind": "variation", "prefix_seconds": 0.5, "duration": 5}
    preset = PRESET_BY_KEY["best"]
    assert make_music(actor=user, prompt=TEXT, preset=preset, **of_source).base_model == other
    assert make_music(actor=user, prompt=TEXT, preset=preset).base_model == best
    assert make_music(actor=user, prompt=TEXT, preset=preset, base_model="tiny").base_model == model
    assert make_music(actor=user, prompt=TEXT).base_model == model


def test_a_preset_sets_sampling_and_values_beside_it_win(user):
    preset = PRESET_BY_KEY["draft"]
    whole = make_music(actor=user, prompt=TEXT, preset=preset)
    assert (whole.temperature, whole.top_k, whole.top_p, whole.preset) == (0.9, 200, 0.9, "draft")
    changed = make_music(actor=user, prompt=TEXT, preset=preset, top_k=99)
    assert (changed.temperature, changed.top_k, changed.preset) == (0.9, 99, "custom")


def test_only_the_default_duration_is_cut_to_the_model(user):
    assert make_music(actor=user, prompt=TEXT).duration == 10
    short = BaseModelFactory(max_duration=6, recommended_duration=5)
    assert make_music(actor=user, prompt=TEXT, base_model=short).duration == 6
    assert make_music(actor=user, prompt=TEXT, base_model=BaseModelFactory(max_duration=30)).duration == 10


def test_a_caller_that_runs_the_job_itself_wakes_nobody_and_is_asked_no_quota(user, settings):
    settings.MAX_ACTIVE_JOBS_PER_USER = 0
    job = make_music(actor=user, prompt=TEXT, in_queue=False)
    assert job.state == "queued"
    assert stored() == (1, 1, 0)


# -- once ---------------------------------------------------------------------------------------------------------


def test_a_repeated_key_leaves_one_prompt_and_one_job(user, curator):
    once = {"idempotency_key": "k", "idempotency_digest": "d"}
    first = make_music(actor=user, prompt=TEXT, **once)
    assert make_music(actor=user, prompt=TEXT, **once) == first
    assert stored() == (1, 1, 1)
    assert make_music(actor=curator, prompt=TEXT, **once) != first, "keys belong to their user"


def test_a_key_of_another_request_or_of_a_deleted_job_is_a_conflict(user):
    first = make_music(actor=user, prompt=TEXT, idempotency_key="k", idempotency_digest="d")
    with pytest.raises(IdempotencyKeyReused):
        make_music(actor=user, prompt={"text": "another"}, idempotency_key="k", idempotency_digest="e")
    delete_job(job=first, actor=user)
    with pytest.raises(Conflict):
        make_music(actor=user, prompt=TEXT, idempotency_key="k", idempotency_digest="d")
    assert Prompt.objects.count() == 1


def test_a_key_is_free_again_after_a_refusal(user):
    with pytest.raises(DurationOverLimit):
        make_music(actor=user, prompt=TEXT, duration=11, idempotency_key="k", idempotency_digest="d")
    make_music(actor=user, prompt=TEXT, duration=9, idempotency_key="k", idempotency_digest="e")
    assert stored() == (1, 1, 1)


# -- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"prompt": {"text": "  "}}, ValidationError),
        ({"prompt": {"text": "fine", "tempo": 39}}, ValidationError),
        ({"prompt": uuid.UUID(int=7)}, NotFound),
        ({"base_model": "nowhere"}, UnknownModel),
        ({"base_model": "absent"}, ModelNotReady),
        ({"adapter": "cold@9.9.9"}, AdapterNotFound),
        ({"adapter": "idle@1.0.0"}, AdapterNotSelectable),
        ({"source_sample": uuid.UUID(int=7)}, SampleNotFound),
        ({"source_sample": "no-id"}, SampleNotFound),
        ({"kind": "extension"}, Refused),
        ({"duration": 11}, DurationOverLimit),
        ({"num_samples": 9}, ValidationError),
        ({"seed": -1}, ValidationError),
    ],
    ids=str,
)
def test_a_refused_job_leaves_no_prompt(user, absent, idle, asked, error):
    with pytest.raises(error):
        make_music(actor=user, **{"prompt": TEXT} | asked)
    assert stored() == (0, 0, 0)


def test_over_the_quota_no_prompt_is_left(user, settings):
    settings.MAX_ACTIVE_JOBS_PER_USER = 1
    make_music(actor=user, prompt=TEXT)
    with pytest.raises(ActiveJobQuota):
        make_music(actor=user, prompt={"text": "one too many"})
    assert stored() == (1, 1, 1)


def test_a_deleted_prompt_is_not_played(user):
    prompt = PromptFactory(deleted_at=timezone.now())
    for named in (prompt, prompt.pk):
        with pytest.raises(NotFound):
            make_music(actor=user, prompt=named)
    assert not GenerationJob.objects.exists()


# -- every door -------------------------------------------------------------------------------------------------------


def by_page(page: Client, asked: dict[str, Any]) -> str:
    whole = {"num_samples": 1, "duration": 5, "temperature": 1.0, "top_k": 250, "top_p": 0.0, "guidance_scale": 3.0}
    answer = page.post(reverse("create"), TEXT | whole | asked)
    assert answer.status_code == 400
    return answer.text


def by_api(page: Client, asked: dict[str, Any]) -> str:
    answer = page.post("/api/v1/generate/", TEXT | {"duration": 5} | asked, "application/json")
    assert 400 <= answer.status_code < 500, answer.content
    return answer.json()["detail"] + str(answer.json().get("fields", ""))


def by_command(page: Client, asked: dict[str, Any]) -> str:
    names = {"adapter_strength": "strength", "num_samples": "samples"}
    options = {names.get(name, name): value for name, value in ({"duration": 5} | asked).items()}
    with pytest.raises(CommandError) as refused:
        call_command("generate", TEXT["text"], mood=TEXT["mood"], **options)
    return str(refused.value)


DOORS: dict[str, Callable[[Client, dict[str, Any]], str]] = {
    "the page": by_page,
    "the API": by_api,
    "the command": by_command,
}
REFUSALS: dict[str, tuple[dict[str, Any], str]] = {
    "too long": ({"duration": 11}, "11 s is over the 10 s limit of Tiny"),
    "too many": ({"num_samples": 9}, "8"),
    "a wrong style": ({"style": "polka-core"}, "polka-core"),
    "an unknown model": ({"model": "nowhere"}, "There is no model “nowhere”. Known models: absent, tiny."),
    "a model without files": ({"model": "absent"}, "The files of Absent One are not on this machine."),
    "an unknown adapter": ({"adapter": str(uuid.UUID(int=7))}, str(uuid.UUID(int=7))),
    "an adapter that is not active": ({"adapter": "idle"}, "The adapter “idle@1.0.0” is not active."),
    "a strength out of range": ({"adapter": "idle", "adapter_strength": 1.6}, "1.5"),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_refused_job_leaves_no_prompt_in_any_door(door, refusal, page, absent, idle, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked, sentence = REFUSALS[refusal]
    if asked.get("adapter") == "idle":
        asked = asked | {"adapter": str(idle.pk)}
    assert sentence in DOORS[door](page, asked)
    assert stored() == (0, 0, 0)


@pytest.mark.parametrize("door", DOORS)
def test_a_job_refused_at_the_last_moment_leaves_no_prompt_in_any_door(door, page, tmp_path, monkeypatch):
    def refuse(*args: Any, **kwargs: Any) -> None:
        assert Prompt.objects.exists(), "the prompt is stored before its job"
        raise DomainError("Not now.")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(GenerationJob, "save", refuse)
    assert "Not now." in DOORS[door](page, {})
    assert stored() == (0, 0, 0)


def test_over_the_quota_no_prompt_is_left_by_page_and_api(page, user, settings):
    settings.MAX_ACTIVE_JOBS_PER_USER = 1
    GenerationJobFactory(requested_by=user)
    before = stored()
    for door in (by_page, by_api):
        assert "You have one unfinished job, which is the limit." in door(page, {})
    assert stored() == before
