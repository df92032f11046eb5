"""The loop that takes work: by message, by looking at the rows, and never when asked to end."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from multiprocessing import Value
from queue import Queue
from typing import Any

import pytest
from django.db import OperationalError

from generation.models import GenerationJob
from generation.tests.factories import GenerationJobFactory
from text2song import cluster, work, workers
from text2song.cluster import BUSY, STARTING, Taker

pytestmark = pytest.mark.django_db
ME = "host:1:1"
MESSAGE = {"name": "run_job 1", "func": "generation.tasks.run_job", "args": ("1",), "kwargs": {}}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """This process stays what it is, and the loop looks at every turn; yields what asks it to end."""
    stop = threading.Event()
    monkeypatch.setattr(workers, "_stopping", stop)
    monkeypatch.setattr(cluster, "become_worker", lambda name, parent: ME)
    monkeypatch.setattr(cluster, "GUARD_SECONDS", 0.01)
    monkeypatch.setattr(cluster, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(cluster.db, "close_old_connections", lambda: None)
    monkeypatch.setattr(cluster.connection, "close", lambda: None)
    yield stop
    workers.tick("")


@pytest.fixture
def turned() -> Any:
    return Value("d", STARTING)


@pytest.fixture
def taker(turned: Any) -> Taker:
    return Taker(Queue(), turned, "generation", 1)


def test_a_message_is_taken_and_the_guard_sees_that_the_worker_is_busy(taker: Taker, turned: Any):
    taker._queue.put(MESSAGE)
    assert taker.get() is MESSAGE
    assert turned.value == BUSY and workers._moves.doing == "run_job 1"


def test_without_any_message_what_waits_is_found(taker: Taker):
    job = GenerationJobFactory()
    task = taker.get()
    assert (task["func"], task["args"], task["save"]) == ("generation.tasks.run_job", (str(job.pk),), False)


def test_work_of_other_clusters_is_left_to_them_but_put_back_when_their_worker_died(
    turned: Any, quick: threading.Event
):
    job = GenerationJobFactory()
    assert job.claim("host:1:0")
    taker = Taker(Queue(), turned, "default", 1)
    threading.Timer(0.2, quick.set).start()
    assert taker.get() == "STOP"
    job.refresh_from_db()
    assert (job.state, job.attempts) == ("queued", 1)


def test_every_turn_is_told(taker: Taker, turned: Any, quick: threading.Event):
    threading.Timer(0.2, quick.set).start()
    began = time.monotonic()
    assert taker.get() == "STOP"
    assert turned.value >= began + 0.1 and workers._moves.at >= began + 0.1


def test_asked_to_end_it_takes_nothing_more(taker: Taker, quick: threading.Event):
    GenerationJobFactory()
    taker._queue.put(MESSAGE)
    quick.set()
    assert taker.get() == "STOP"


def test_a_pill_of_the_library_ends_only_who_is_asked_to(taker: Taker):
    taker._queue.put("STOP")
    taker._queue.put(MESSAGE)
    assert taker.get() is MESSAGE


def test_a_database_that_is_away_stops_no_loop_and_after_it_the_living_get_time_to_say_so(
    taker: Taker, quick: threading.Event, monkeypatch: pytest.MonkeyPatch
):
    """Nobody was heard of during the outage; taking up at once would take work from the living."""
    job = GenerationJobFactory()
    assert job.claim("silent:1:1")
    look, failures = work.release_leftovers, iter([True, True])

    def away(worker: str) -> None:
        if next(failures, False):
            raise OperationalError("server closed the connection")
        look(worker)

    monkeypatch.setattr(work, "release_leftovers", away)
    monkeypatch.setattr(work, "take_up_left_behind", lambda: pytest.fail("too early") if taker._database_since else 0)
    threading.Timer(0.3, quick.set).start()
    assert taker.get() == "STOP"
    assert taker._database_since
    assert GenerationJob.objects.get().state == "running"


def test_what_was_its_own_when_the_database_went_is_put_back(taker: Taker):
    job = GenerationJobFactory()
    assert job.claim(ME)
    task = taker.get()
    assert task["args"] == (str(job.pk),)
    job.refresh_from_db()
    assert job.state == "queued"
