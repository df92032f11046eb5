"""Submitting, cancelling, deleting: the rules every door obeys."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django_q.models import OrmQ

from generation import services
from generation.exceptions import ActiveJobQuota, DurationOverLimit, JobIsFinished, ModelNotReady, UnknownModel
from generation.models import GenerationJob
from generation.tests.factories import AudioSampleFactory, BaseModelFactory, GenerationJobFactory, PromptFactory
from text2song.exceptions import Forbidden, NotFound, Refused

pytestmark = pytest.mark.django_db


@pytest.fixture
def model():
    return BaseModelFactory(is_active=True, max_duration=10)


@pytest.fixture
def prompt():
    return PromptFactory()


def test_a_job_is_queued_with_its_wake_up(user, model, prompt):
    job = services.make_music(actor=user, prompt=prompt, duration=8, num_samples=4, seed=7)
    assert job.state == "queued"
    assert job.base_model == model
    assert [job.sample_seed(i) for i in range(4)] == [7, 8, 9, 10]
    message = OrmQ.objects.get()
    assert message.key == "generation"
    assert message.task["args"] == (str(job.pk),)


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("num_samples", (1, 8), (0, 9)),
        ("duration", (1, 10), (0,)),
        ("temperature", (0.1, 2.0), (0.09, 2.01)),
        ("top_k", (1, 1000), (0, 1001)),
        ("top_p", (0.0, 1.0), (-0.1, 1.1)),
        ("guidance_scale", (1.0, 10.0), (0.5, 10.5)),
        ("seed", (0, 2**31 - 1), (-1, 2**31)),
    ],
)
def test_ranges_are_inclusive_and_kept(user, model, prompt, field, good, bad):
    for value in good:
        services.make_music(actor=user, prompt=prompt, **{"duration": 5, field: value})
    before = GenerationJob.objects.count()
    for value in bad:
        with pytest.raises(ValidationError) as caught:
            services.make_music(actor=user, prompt=prompt, **{"duration": 5, field: value})
        assert field in caught.value.message_dict
    assert GenerationJob.objects.count() == before


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "hot", None])
def test_nonsense_numbers_are_refused(user, model, prompt, value):
    with pytest.raises(ValidationError):
        services.make_music(actor=user, prompt=prompt, duration=5, temperature=value)
    assert not GenerationJob.objects.exists()


def test_duration_over_the_limit_names_both_numbers_and_the_model(user, model, prompt):
    with pytest.raises(DurationOverLimit) as caught:
        services.make_music(actor=user, prompt=prompt, duration=11)
    assert "11 s" in caught.value.message
    assert "10 s" in caught.value.message
    assert model.display_name in caught.value.message
    with pytest.raises(DurationOverLimit, match="999 s is over the 10 s limit"):
        services.make_music(actor=user, prompt=prompt, duration=999)
    assert not GenerationJob.objects.exists()
    assert not OrmQ.objects.exists()


def test_long_form_goes_to_120_seconds_in_overlapping_windows(user, model, prompt):
    job = services.make_music(actor=user, prompt=prompt, duration=120, long_form=True)
    assert job.window_count > 12
    with pytest.raises(DurationOverLimit, match="121 s is over the 120 s"):
        services.make_music(actor=user, prompt=prompt, duration=121, long_form=True)


def test_a_model_without_files_says_what_to_do(user, prompt):
    model = BaseModelFactory(installed=False, display_name="MusicGen Small")
    with pytest.raises(ModelNotReady) as caught:
        services.make_music(actor=user, prompt=prompt, base_model=model)
    assert "MusicGen Small" in caught.value.message
    assert "fetch_model" in caught.value.message
    assert not GenerationJob.objects.exists()


def test_an_unknown_model_is_answered_with_the_known_ones(model):
    with pytest.raises(UnknownModel) as caught:
        services.model_for("mozart-9000")
    assert "mozart-9000" in caught.value.message
    assert model.key in caught.value.message


def test_a_deleted_prompt_cannot_be_generated_from(user, model, prompt):
    prompt.deleted_at = prompt.created_at
    with pytest.raises(NotFound):
        services.make_music(actor=user, prompt=prompt)


def test_the_same_idempotency_key_gives_the_first_job(user, curator, model, prompt):
    first = services.make_music(actor=user, prompt=prompt, duration=5, idempotency_key="k")
    again = services.make_music(actor=user, prompt=prompt, duration=5, idempotency_key="k")
    other = services.make_music(actor=curator, prompt=prompt, duration=5, idempotency_key="k")
    assert again == first
    assert other != first
    assert GenerationJob.objects.count() == 2


def test_the_quota_of_unfinished_jobs(user, curator, model, prompt, settings):
    settings.MAX_ACTIVE_JOBS_PER_USER = 2
    jobs = [services.make_music(actor=user, prompt=prompt, duration=5) for _ in range(2)]
    with pytest.raises(ActiveJobQuota, match="2"):
        services.make_music(actor=user, prompt=prompt, duration=5)
    services.make_music(actor=curator, prompt=prompt, duration=5)
    services.cancel_job(job=jobs[0], actor=user)
    services.make_music(actor=user, prompt=prompt, duration=5)


def test_presets_are_recognised(user, model, prompt):
    values = {"temperature": 0.8, "top_k": 200, "top_p": 0.9, "guidance_scale": 3.0}
    assert services.make_music(actor=user, prompt=prompt, duration=5, **values).preset == "balanced"
    assert services.make_music(actor=user, prompt=prompt, duration=5, **{**values, "top_k": 201}).preset == "custom"


def test_cancel_by_owner_or_curator_only(user, curator, django_user_model):
    stranger = django_user_model.objects.create_user("stranger")
    job = GenerationJobFactory(requested_by=user)
    with pytest.raises(Forbidden):
        services.cancel_job(job=job, actor=stranger)
    services.cancel_job(job=job, actor=curator)
    assert job.state == "cancelled"


@pytest.mark.parametrize("state", ["completed", "failed", "cancelled"])
def test_a_finished_job_cannot_be_cancelled(user, state):
    job = GenerationJobFactory(requested_by=user, **{state: True})
    with pytest.raises(JobIsFinished, match=state):
        services.cancel_job(job=job, actor=user)
    job.refresh_from_db()
    assert job.state == state


def test_cancelling_removes_what_was_made_so_far(user, stored_files, django_capture_on_commit_callbacks):
    job = GenerationJobFactory(requested_by=user, running=True)
    AudioSampleFactory(job=job, index=0)
    assert stored_files()
    with django_capture_on_commit_callbacks(execute=True):
        services.cancel_job(job=job, actor=user)
    assert not job.samples.exists()
    assert stored_files() == []


def test_deleting_hides_the_job_and_takes_hearts_along(user):
    sample = AudioSampleFactory(job__requested_by=user, job__completed=True)
    sample.favorites.create(user=user)
    services.delete_job(job=sample.job, actor=user)
    assert not GenerationJob.objects.visible().exists()
    assert not sample.favorites.exists()
    assert type(sample).objects.visible().count() == 0
    assert type(sample).objects.count() == 1


def test_deleting_an_unfinished_job_cancels_it(user):
    job = GenerationJobFactory(requested_by=user, running=True)
    services.delete_job(job=job, actor=user)
    job.refresh_from_db()
    assert job.state == "cancelled"
    assert job.is_deleted


def test_try_again_sends_the_same_settings(user, model, prompt):
    job = services.make_music(actor=user, prompt=prompt, duration=6, seed=11, top_k=99)
    job.fail("out of luck")
    again = services.retry_job(job=job, actor=user)
    assert again != job
    assert (again.seed, again.duration, again.top_k, again.state) == (11, 6, 99, "queued")


def test_extension_begins_with_the_whole_clip(user, model):
    sample = AudioSampleFactory(job__completed=True, job__base_model=model, duration=8.0)
    job = services.extend_sample(sample=sample, actor=user, seconds=5)
    assert (job.kind, job.duration, job.prefix_seconds, job.long_form) == ("extension", 13, 8.0, True)
    with pytest.raises(Refused, match="112"):
        services.extend_sample(sample=sample, actor=user, seconds=113)


def test_variations_keep_the_opening(user, model):
    sample = AudioSampleFactory(job__completed=True, job__base_model=model, duration=8.0)
    job = services.vary_sample(sample=sample, actor=user, keep_seconds=2.0, num_samples=3)
    assert (job.kind, job.duration, job.prefix_seconds, job.num_samples) == ("variation", 8, 2.0, 3)
    with pytest.raises(Refused):
        services.vary_sample(sample=sample, actor=user, keep_seconds=8.0)


def test_requeue_is_for_curators_and_ended_jobs(user, curator):
    job = GenerationJobFactory(requested_by=user, failed=True)
    with pytest.raises(Forbidden):
        services.requeue_job(job=job, actor=user)
    services.requeue_job(job=job, actor=curator)
    assert job.state == "queued"
    assert job.attempts == 0
    with pytest.raises(Refused):
        services.requeue_job(job=job, actor=curator)
