"""What pages, probes and metrics say of workers: what hangs is not alive, and what waits is not overlooked."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from generation.tests.factories import GenerationJobFactory
from text2song.api_keys import create_key
from text2song.tests.factories import WorkerPresenceFactory
from text2song.workforce import CLUSTERS, Workforce, _unfinished, crew

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


def worker(cluster: str = "generation", *, moved: timedelta = timedelta(0), **values: Any) -> None:
    """A process heard of just now, whose loop turned `moved` ago."""
    WorkerPresenceFactory(cluster=cluster, turned_at=timezone.now() - moved, **values)


def waits(since: timedelta = MINUTE) -> None:
    GenerationJobFactory(queued_at=timezone.now() - since)


@pytest.mark.parametrize(
    ("workers", "waiting", "problem"),
    [
        ([{}], False, ""),
        ([{}], True, "work waits beside an idle generation worker"),
        ([{"started_at": "now"}], True, ""),
        ([{"doing": "run_job"}], True, ""),
        ([{"doing": "run_job", "moved": 9 * MINUTE}], True, ""),
        ([{"doing": "run_job", "moved": 11 * MINUTE}], True, "the generation worker does not move"),
        ([{"moved": MINUTE}], False, "the generation worker does not move"),
        ([{"moved": MINUTE}, {}], False, ""),
        ([{"doing": "run_job"}, {}], True, "work waits beside an idle generation worker"),
        ([{"seen_at": "old"}], True, "no generation worker is running"),
        ([], False, "no generation worker is running"),
    ],
)
def test_the_truth_about_a_cluster(workers: list[dict[str, Any]], waiting: bool, problem: str):
    named = {"now": timezone.now(), "old": timezone.now() - MINUTE}
    for values in workers:
        worker(**{name: named.get(value, value) if isinstance(value, str) else value for name, value in values.items()})
    if waiting:
        waits()
    found = crew("generation")
    assert (found.problem, found.waiting) == (problem, int(waiting))
    assert bool(found.notice) == bool(problem and waiting)


def test_the_query_that_is_kept_holds_no_time():
    sql, values = _unfinished().query.get_compiler("default").as_sql()
    assert "UNION ALL" in sql and not [value for value in values if re.match(r"\d{4}-\d\d-\d\d", str(value))]


def test_of_work_that_moves_nobody_asks_what_waits(django_assert_num_queries):
    worker(name="w", doing="run_job")
    job = GenerationJobFactory(running=True, worker="w")
    waits()
    with django_assert_num_queries(1):
        assert Workforce().notice_of(job) == ""
    with django_assert_num_queries(2):
        assert crew("generation").waiting == 1


def test_what_came_just_now_is_no_reason_to_worry():
    worker()
    waits(timedelta(seconds=5))
    assert crew("generation").problem == ""


def test_probe_and_metrics_say_the_same():
    for cluster in CLUSTERS:
        worker(cluster, moved=MINUTE if cluster == "training" else timedelta(0))
    waits()
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    said = "work waits beside an idle generation worker; the training worker does not move"
    assert answer.json()["checks"]["queue"] == {"ok": False, "detail": said}


def test_metrics_tell_waiting_work_and_workers_that_hang(user):
    worker("training", moved=MINUTE)
    worker(doing="run_job")
    waits(2 * MINUTE)
    _, token = create_key(user=user, name="prometheus", scopes=["read"])
    told = Client().get("/metrics", headers={"Authorization": f"Api-Key {token}"}).content.decode()
    assert 'studio_workers_alive{cluster="training"} 0.0' in told
    assert 'studio_workers_busy{cluster="generation"} 1.0' in told
    assert 'studio_workers_hanging{cluster="training"} 1.0' in told
    assert 'studio_work_waiting{cluster="generation"} 1.0' in told
    (seconds,) = [line for line in told.splitlines() if line.startswith('studio_work_waiting_seconds{cluster="gener')]
    assert 119 < float(seconds.split()[1]) < 130
