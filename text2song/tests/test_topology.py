"""The production topology as processes: PostgreSQL, an S3 server and Redis as broker."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from conftest import free_port, missing_part, wait_for_port
from text2song.tests.live import LiveStudio

pytestmark = [pytest.mark.worker, pytest.mark.postgres, pytest.mark.s3, pytest.mark.redis]


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program = shutil.which("redis-server")
    if program is None:
        missing_part("redis-server is not installed")
    port = free_port()
    process = subprocess.Popen(
        [program, "--port", str(port), "--save", "", "--dir", str(tmp_path_factory.mktemp("redis"))],
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_for_port(port, process)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest.fixture(scope="module")
def production(
    tmp_path_factory: pytest.TempPathFactory, postgres_url: str, redis_url: str, s3_server: dict[str, str]
) -> Iterator[LiveStudio]:
    environment = {
        "DATABASE_URL": postgres_url,
        "REDIS_URL": redis_url,
        "S3_BUCKET": "studio-topology",
        "S3_ENDPOINT_URL": s3_server["endpoint"],
        "S3_ACCESS_KEY": s3_server["access"],
        "S3_SECRET_KEY": s3_server["secret"],
        "LOG_FORMAT": "json",
    }
    with LiveStudio(tmp_path_factory.mktemp("production"), **environment) as studio:
        yield studio


def test_every_part_is_named_ready(production: LiveStudio):
    body: dict[str, Any] = httpx.get(f"{production.url}/readyz").json()
    assert body["ready"] is True
    assert body["checks"]["database"]["detail"] == "postgresql"
    assert body["checks"]["storage"]["detail"] == "S3"


def test_from_prompt_to_sound_through_all_parts(production: LiveStudio):
    job = production.wait_for(production.generate("calm piano", num_samples=2, duration=2)["id"], "completed")
    assert not production.files(), "audio is on S3, not on the local disk"
    redirect = production.api.get(f"/audio/{job['samples'][0]['id']}/stream/")
    assert redirect.status_code == 302
    link = redirect.headers["Location"]
    assert "X-Amz-Signature" in link
    part = httpx.get(link, headers={"Range": "bytes=4-103"})
    assert part.status_code == 206
    assert len(part.content) == 100
    assert httpx.get(link).content[:4] == b"fLaC"
    assert httpx.get(link.replace("X-Amz-Signature=", "X-Amz-Signature=0")).status_code == 403


def test_a_killed_worker_loses_nothing_with_redis_either(production: LiveStudio):
    from generation.tests.test_live_jobs import running_with_progress
    from text2song.tests.live import wait_until

    job_id = production.generate("a lively tune", num_samples=4, duration=30, long_form=True)["id"]
    wait_until(lambda: running_with_progress(production, job_id), 60, "progress")
    production.kill("worker")
    assert production.wait_for(job_id, "completed")["attempts"] == 1
