"""The studios that faults are tried on, and the work they are given."""

from __future__ import annotations

import contextlib
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from text2song.tests.live import LiveStudio, wait_until
from training.tests.trainable import preference_rows, write_rows

LIMITS = {"API_GENERATE_RATE": "6000/min", "API_RATE": "600000/min", "MAX_ACTIVE_JOBS_PER_USER": "1000"}
WHOLE = 14
"""Processes of a whole studio: three clusters of four, the web server and its worker."""
TRAINING: dict[str, Any] = {
    "method": "dpo",
    "batch_size": 2,
    "gradient_accumulation_steps": 1,
    "lora_r": 4,
    "lora_alpha": 8.0,
    "learning_rate": 1e-3,
    "early_stopping_patience": 0,
}
OVER = {"completed", "failed", "cancelled", "ready"}


@contextlib.contextmanager
def studio(**environment: str) -> Iterator[LiveStudio]:
    """The default installation, on a folder of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="studio-faults-") as folder,
        LiveStudio(Path(folder), **LIMITS, **environment) as live,
    ):
        yield live


def send_job(studio: LiveStudio, **settings: Any) -> str:
    return studio.generate(f"calm piano {uuid.uuid4().hex[:6]}", **settings)["id"]


def wait_for_all(studio: LiveStudio, jobs: list[str], seconds: float) -> None:
    """Until every job is over, in whatever way."""
    left = list(jobs)

    def over() -> bool:
        while left and studio.job(left[0])["state"] in OVER:
            left.pop(0)
        return not left

    wait_until(over, seconds, f"the end of {len(jobs)} jobs")


def is_decoding(studio: LiveStudio, job: str) -> bool:
    found = studio.job(job)
    return found["state"] == "running" and found["steps_done"] > 0


def wait_for_whole(studio: LiveStudio, seconds: float = 120) -> None:
    """Until every process is there, and the studio says so."""
    wait_until(
        lambda: len(studio.processes()) == WHOLE and studio.is_ready(), seconds, "a whole studio that says it is ready"
    )


def new_experiment(studio: LiveStudio, frames: int = 100, **settings: Any) -> str:
    """An experiment on a dataset of its own; returns its id."""
    with tempfile.TemporaryDirectory() as folder:
        rows = write_rows(Path(folder) / "votes.jsonl", preference_rows(frames=frames))
        studio.manage("import_dataset", str(rows), "--name", f"Votes {uuid.uuid4().hex[:6]}")
    (dataset,) = studio.api.get("/datasets/", params={"ordering": "-created_at"}).json()["results"][:1]
    body = {"name": "faults", "dataset": dataset["id"], "base_model": "studio-tiny", "config": TRAINING | settings}
    return studio.api.post("/experiments/", json=body).raise_for_status().json()["id"]


def start_run(studio: LiveStudio, experiment: str) -> str:
    answer = studio.api.post("/runs/", json={"experiment": experiment, "blind_test": False})
    return answer.raise_for_status().json()["id"]


def run_of(studio: LiveStudio, pk: str) -> dict[str, Any]:
    return studio.api.get(f"/runs/{pk}/").raise_for_status().json()


def ended_run(studio: LiveStudio, pk: str, seconds: float = 500) -> dict[str, Any]:
    """The run once it is over, in whatever way."""
    return wait_until(lambda: _over(run_of(studio, pk)), seconds, "the run's end")


def adapter_digest(studio: LiveStudio, run: dict[str, Any]) -> str:
    return studio.api.get(f"/adapters/{run['adapter']['id']}/").raise_for_status().json()["sha256"]


def rate(studio: LiveStudio, sample: str, score: int) -> None:
    body = {"kind": "rating", "sample": sample, "scores": {"overall": score}}
    studio.api.post("/feedback/", json=body).raise_for_status()


def send_build(studio: LiveStudio) -> str:
    """A dataset of all rated clips; returns its id."""
    body = {"name": f"liked {uuid.uuid4().hex[:6]}", "kind": "supervised", "filters": {}}
    return studio.api.post("/datasets/", json=body).raise_for_status().json()["id"]


def state_of(studio: LiveStudio, address: str) -> str:
    return studio.api.get(address).raise_for_status().json()["state"]


def _over(found: dict[str, Any]) -> dict[str, Any] | None:
    return found if found["state"] in OVER else None
