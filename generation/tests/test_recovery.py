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

from generation.models import GenerationJob, ModelFetch
from generation.recovery import recover_jobs
from generation.tasks import sweep
from generation.tests.factories import GenerationJobFactory, ModelFetchFactory
from text2song.models import WorkerPresence
from text2song.workers import forget_dead_workers, is_dead, presence, worker_name

pytestmark = pytest.mark.django_db


def running(worker, **more):
    return GenerationJobFactory(running=True, worker=worker, **more)


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
        sweep()
        job.refresh_from_db()
        assert job.state == "running"
    assert not WorkerPresence.objects.exists()


def test_a_job_of_a_worker_gone_silent_is_requeued_with_a_wake_up():
    WorkerPresence.objects.create(name="far:1:1", cluster="generation", seen_at=timezone.now() - timedelta(seconds=31))
    job = running("far:1:1")
    recover_jobs()
    job.refresh_from_db()
    assert (job.state, job.worker) == ("queued", "")
    assert OrmQ.objects.filter(key="generation").count() >= 1


def test_a_worker_that_died_on_this_host_is_noticed_at_once():
    host = worker_name().partition(":")[0]
    name = f"{host}:{os.getpid()}:1"
    WorkerPresence.objects.create(name=name, cluster="generation")
    job = running(name)
    forget_dead_workers()
    recover_jobs()
    job.refresh_from_db()
    assert job.state == "queued"


def test_out_of_attempts_the_job_fails_with_the_reason():
    job = running("far:1:1", attempts=GenerationJob.MAX_ATTEMPTS)
    recover_jobs()
    job.refresh_from_db()
    assert job.state == "failed"
    assert "died 3 times" in job.error


def test_a_lost_wake_up_is_sent_again():
    GenerationJobFactory(queued_at=timezone.now() - timedelta(minutes=1))
    assert not OrmQ.objects.exists()
    recover_jobs()
    assert OrmQ.objects.count() == 1


def test_a_fetch_of_a_dead_worker_says_how_to_go_on():
    fetch = ModelFetchFactory(running=True, worker="far:1:1")
    recover_jobs()
    fetch.refresh_from_db()
    assert fetch.state == ModelFetch.State.FAILED
    assert "Fetch again" in fetch.error
