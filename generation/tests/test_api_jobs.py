"""Listing, reading, deleting and sending again through the API."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from generation.jobs.worker import gather
from generation.models import Favorite, GenerationJob
from generation.tests.factories import AudioSampleFactory, BaseModelFactory, FavoriteFactory, GenerationJobFactory
from text2song.tests.clients import caller

pytestmark = pytest.mark.django_db
URL = "/api/v1/jobs/"


@pytest.fixture
def api(user):
    return caller(user)


def ids(answer):
    assert answer.status_code == 200, answer.content
    return [job["id"] for job in answer.json()["results"]]


def test_jobs_are_listed_newest_first_without_deleted_ones(api):
    old = GenerationJobFactory(created_at=timezone.now() - timedelta(hours=1))
    new = GenerationJobFactory(completed=True)
    GenerationJobFactory(deleted_at=timezone.now())
    answer = api.get(URL)
    assert ids(answer) == [str(new.pk), str(old.pk)] and answer.json()["count"] == 2


def test_filters_narrow_the_list(api, user):
    model = BaseModelFactory(key="chosen")
    queued = GenerationJobFactory(base_model=model, requested_by=user)
    running = GenerationJobFactory(running=True)
    failed = GenerationJobFactory(failed=True, created_at=timezone.now() - timedelta(days=3))
    assert ids(api.get(URL, {"state": "failed"})) == [str(failed.pk)]
    assert set(ids(api.get(URL, {"state": "active"}))) == {str(queued.pk), str(running.pk)}
    assert ids(api.get(URL, {"model": "chosen"})) == [str(queued.pk)]
    assert ids(api.get(URL, {"prompt": str(running.prompt_id)})) == [str(running.pk)]
    assert ids(api.get(URL, {"mine": "true"})) == [str(queued.pk)]
    day_ago = (timezone.now() - timedelta(days=1)).isoformat()
    assert ids(api.get(URL, {"created_before": day_ago})) == [str(failed.pk)]
    assert str(failed.pk) not in ids(api.get(URL, {"created_after": day_ago}))
    today = timezone.now().date().isoformat()
    assert set(ids(api.get(URL, {"created_after": today, "created_before": today}))) == {
        str(queued.pk),
        str(running.pk),
    }


@pytest.mark.parametrize(
    "query",
    [
        {"state": "asleep"},
        {"model": "nowhere"},
        {"prompt": str(uuid.uuid4())},
        {"prompt": "nonsense"},
        {"created_after": "yesterday"},
        {"created_before": "9999-99-99"},
        {"mine": "perhaps"},
        {"colour": "blue"},
        {"ordering": "secret"},
        {"ordering": "--created_at"},
        {"state": "queued\x00"},
    ],
)
def test_unknown_filters_and_values_are_refused(api, query):
    answer = api.get(URL, query)
    assert answer.status_code == 400, answer.content
    assert set(answer.json()["fields"]) == set(query)


def test_ordering(api):
    jobs = [GenerationJobFactory(duration=seconds) for seconds in (5, 3, 4)]
    expected = [str(job.pk) for job in sorted(jobs, key=lambda job: job.duration)]
    assert ids(api.get(URL, {"ordering": "duration"})) == expected
    assert ids(api.get(URL, {"ordering": "-duration"})) == expected[::-1]


def test_queue_positions_in_a_list(api):
    first = GenerationJobFactory(queued_at=timezone.now() - timedelta(minutes=2))
    second = GenerationJobFactory(queued_at=timezone.now() - timedelta(minutes=1))
    GenerationJobFactory(queued_at=timezone.now() - timedelta(hours=1), deleted_at=timezone.now())
    done = GenerationJobFactory(completed=True)
    positions = {job["id"]: job["queue_position"] for job in api.get(URL).json()["results"]}
    assert positions == {str(first.pk): 1, str(second.pk): 2, str(done.pk): None}


def test_a_list_takes_the_same_queries_however_long(api, django_assert_max_num_queries):
    def add(count):
        for _ in range(count):
            AudioSampleFactory(stored=False)
            GenerationJobFactory()

    add(2)
    with django_assert_max_num_queries(6) as few:
        api.get(URL)
    add(6)
    with django_assert_max_num_queries(len(few)):
        api.get(URL)


def test_reading_a_job(api):
    sample = AudioSampleFactory()
    body = api.get(f"{URL}{sample.job_id}/").json()
    assert body["sample_ids"] == [str(sample.pk)] and body["seconds_taken"] == pytest.approx(8, abs=0.1)
    assert body["prompt"]["text"] == sample.job.prompt.text
    assert api.get(f"{URL}{uuid.uuid4()}/").status_code == 404


def test_statistics(api):
    GenerationJobFactory(completed=True)
    GenerationJobFactory(failed=True)
    GenerationJobFactory()
    GenerationJobFactory(completed=True, deleted_at=timezone.now())
    body = api.get(f"{URL}statistics/").json()
    assert body["states"] == {"queued": 1, "running": 0, "completed": 1, "failed": 1, "cancelled": 0}
    assert (body["active"], body["mean_seconds"], body["completed_today"]) == (1, 8.0, 1)


def test_deleting_hides_the_job_and_removes_hearts(api, user):
    job = GenerationJobFactory(completed=True, requested_by=user)
    sample = AudioSampleFactory(job=job)
    FavoriteFactory(sample=sample)
    answer = api.delete(f"{URL}{job.pk}/")
    assert answer.status_code == 204 and not answer.content
    assert api.get(f"{URL}{job.pk}/").status_code == 404
    assert api.get(f"/api/v1/audio/{sample.pk}/").status_code == 404
    assert api.delete(f"{URL}{job.pk}/").status_code == 404
    assert not Favorite.objects.exists()


def test_deleting_an_unfinished_job_cancels_it(api, user):
    job = GenerationJobFactory(requested_by=user)
    assert api.delete(f"{URL}{job.pk}/").status_code == 204
    job.refresh_from_db()
    assert job.state == "cancelled" and job.is_deleted


def test_only_the_owner_or_a_curator_deletes(api, curator):
    job = GenerationJobFactory(completed=True)
    assert api.delete(f"{URL}{job.pk}/").status_code == 403
    assert caller(curator).delete(f"{URL}{job.pk}/").status_code == 204


def test_retry_sends_the_same_settings_as_a_new_job(api, user):
    job = GenerationJobFactory(failed=True, temperature=0.7, num_samples=3)
    answer = api.post(f"{URL}{job.pk}/retry/")
    assert answer.status_code == 202, answer.content
    again = GenerationJob.objects.get(pk=answer.json()["id"])
    assert again.pk != job.pk and again.requested_by == user
    assert (again.seed, again.temperature, again.num_samples, again.state) == (job.seed, 0.7, 3, "queued")


def test_jobs_of_nobody_wait_for_those_of_people(api, user):
    model = BaseModelFactory()
    nobodys = [GenerationJobFactory(requested_by=None, base_model=model, num_samples=8) for _ in range(3)]
    mine = [GenerationJobFactory(requested_by=user, base_model=model, num_samples=4) for _ in range(2)]
    order = [*mine, *nobodys]
    assert [job.pk for job in GenerationJob.objects.waiting()] == [job.pk for job in order]
    assert [job.queue_position for job in order] == [1, 2, 3, 4, 5]
    placed = {job.pk: job.position for job in GenerationJob.objects.with_position()}
    assert [placed[job.pk] for job in order] == [1, 2, 3, 4, 5]
    assert [job.pk for job in gather("host:1:1")] == [job.pk for job in order[:3]]
