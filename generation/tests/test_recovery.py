"""Dead workers, lost wake-ups, and the presence that tells them."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta

import psutil
import pytest
from django.utils import timezone
from django_q.models import OrmQ

from generation.jobs import worker
from generation.models import GenerationJob
from generation.tests.factories import GenerationJobFactory, ModelFetchFactory
from generation.tests.fake_engine import FakeEngine
from text2song.models import WorkerPresence
from text2song.work import take_up_left_behind
from text2song.workers import forget_dead_workers, is_dead, presence, worker_name

pytestmark = pytest.mark.django_db


def running(name, **more):
    job = GenerationJobFactory(**more)
    assert job.claim(name)
    return job


def test_this_process_is_alive_and_an_ended_one_is_dead():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    host = worker_name().partition(":")[0]
    name = f"{host}:{process.pid}:{int(psutil.Process(process.pid).create_time())}"
    assert not is_dead(worker_name())
    assert not is_dead(name)
    process.kill()
    process.wait()
    assert is_dead(name)
    assert is_dead(f"{host}:{os.getpid()}:1"), "the same pid with another start time is another process"
    assert not is_dead("elsewhere:1:1"), "of other hosts nothing is known"


def test_a_job_of_a_living_worker_is_left_alone():
    with presence("generation") as name:
        job = running(name)
        take_up_left_behind()
        job.refresh_from_db()
        assert job.state == "running"
    assert not WorkerPresence.objects.exists()


def test_a_job_of_a_worker_gone_silent_is_requeued_with_a_wake_up():
    WorkerPresence.objects.create(name="far:1:1", cluster="generation", seen_at=timezone.now() - timedelta(seconds=31))
    job = running("far:1:1")
    take_up_left_behind()
    job.refresh_from_db()
    assert (job.state, job.worker) == ("queued", "")
    assert OrmQ.objects.filter(key="generation").count() >= 1


def test_a_worker_that_died_on_this_host_is_noticed_at_once():
    host = worker_name().partition(":")[0]
    name = f"{host}:{os.getpid()}:1"
    WorkerPresence.objects.create(name=name, cluster="generation")
    job = running(name)
    forget_dead_workers()
    take_up_left_behind()
    job.refresh_from_db()
    assert job.state == "queued"


def test_out_of_attempts_the_job_fails_with_the_reason_and_without_clips(
    stored_files, django_capture_on_commit_callbacks
):
    job = running("far:1:1", num_samples=2, attempts=GenerationJob.MAX_ATTEMPTS - 1)
    made = FakeEngine().generate(worker.sample_specs(job), on_progress=lambda p: None, should_stop=lambda j: False)
    worker.store_result(job, next(made))
    GenerationJob.objects.update(progressed=False)  # the clip came from an attempt before
    with django_capture_on_commit_callbacks(execute=True):
        take_up_left_behind()
    job.refresh_from_db()
    assert job.state == "failed"
    assert "died 5 times" in job.error
    assert not job.samples.exists() and stored_files() == []


def test_a_job_that_killed_a_worker_is_tried_alone_and_harms_no_other():
    """Deaths are blamed on every job of a batch; by itself, the guilty one is found and the others are free."""
    model = GenerationJobFactory().base_model
    first, second, third = GenerationJob.objects.get(), *GenerationJobFactory.create_batch(2, base_model=model)
    assert len(worker.gather("far:1:1")) == 3
    take_up_left_behind()
    assert set(GenerationJob.objects.values_list("attempts", flat=True)) == {1}
    assert [[job.pk for job in worker.gather("here:1:1")] for _ in range(3)] == [[first.pk], [second.pk], [third.pk]]


def test_it_takes_no_fresh_job_along():
    model = GenerationJobFactory(attempts=1).base_model
    guilty, fresh = GenerationJob.objects.get(), GenerationJobFactory(base_model=model)
    assert [[job.pk for job in worker.gather("here:1:1")] for _ in range(2)] == [[guilty.pk], [fresh.pk]]


def test_a_death_after_a_clip_was_stored_costs_no_attempt():
    job = running("far:1:1", num_samples=2, attempts=3)
    made = FakeEngine().generate(worker.sample_specs(job), on_progress=lambda p: None, should_stop=lambda j: False)
    worker.store_result(job, next(made))
    take_up_left_behind()
    job.refresh_from_db()
    assert (job.state, job.attempts, job.samples.count()) == ("queued", 0, 1)


def test_a_fetch_of_a_dead_worker_goes_on():
    fetch = ModelFetchFactory(state="queued")
    assert fetch.claim("far:1:1")
    take_up_left_behind()
    fetch.refresh_from_db()
    assert (fetch.state, fetch.attempts) == ("queued", 1)
