"""Real worker processes with the bundled model: a killed worker's run ends as if nothing had happened."""

from __future__ import annotations

import time
from typing import Any

import pytest

from text2song.tests.live import LiveStudio, wait_until
from training.tests.trainable import preference_rows, write_rows

pytestmark = [pytest.mark.worker, pytest.mark.slow]
SETTINGS: dict[str, Any] = {
    "method": "dpo",
    "max_steps": 12,
    "batch_size": 2,
    "gradient_accumulation_steps": 1,
    "eval_steps": 4,
    "save_steps": 2,
    "lora_r": 4,
    "lora_alpha": 8.0,
    "learning_rate": 1e-3,
    "early_stopping_patience": 0,
}


@pytest.fixture(scope="module")
def experiment(live_studio: LiveStudio, tmp_path_factory: pytest.TempPathFactory) -> str:
    rows = write_rows(tmp_path_factory.mktemp("rows") / "votes.jsonl", preference_rows(frames=400))
    live_studio.manage("import_dataset", str(rows), "--name", "Votes")
    (dataset,) = live_studio.api.get("/datasets/", params={"ordering": "-created_at"}).json()["results"][:1]
    body = {"name": "live", "dataset": dataset["id"], "base_model": "studio-tiny", "config": SETTINGS}
    return live_studio.api.post("/experiments/", json=body).raise_for_status().json()["id"]


def start(studio: LiveStudio, experiment: str) -> str:
    answer = studio.api.post("/runs/", json={"experiment": experiment, "blind_test": False})
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


def run_of(studio: LiveStudio, pk: str) -> dict[str, Any]:
    return studio.api.get(f"/runs/{pk}/").raise_for_status().json()


def ended(studio: LiveStudio, pk: str, state: str) -> dict[str, Any]:
    def over() -> dict[str, Any] | None:
        run = run_of(studio, pk)
        return run if run["state"] not in ("queued", "running") else None

    run = wait_until(over, 500, "the run's end")
    assert run["state"] == state, run["error"]
    return run


def test_a_killed_workers_run_goes_on_by_itself_to_the_same_adapter(live_studio: LiveStudio, experiment: str):
    whole = ended(live_studio, start(live_studio, experiment), "completed")
    broken = start(live_studio, experiment)
    wait_until(lambda: run_of(live_studio, broken)["step"] >= 3, 300, "three steps")
    live_studio.kill("worker", "training")
    again = ended(live_studio, broken, "completed")
    assert again["attempts"] == 0, "checkpoints were stored, so the death cost nothing"
    first, second = (live_studio.api.get(f"/adapters/{run['adapter']['id']}/").json() for run in (whole, again))
    assert first["sha256"] == second["sha256"]
    assert (whole["best_value"], whole["final_loss"]) == (again["best_value"], again["final_loss"])


def test_a_running_run_is_cancelled_within_two_seconds_and_generation_goes_on(live_studio: LiveStudio, experiment: str):
    run = start(live_studio, experiment)
    wait_until(lambda: run_of(live_studio, run)["step"] >= 1, 300, "a step")
    job = live_studio.generate("calm piano at dusk", num_samples=1, duration=1)["id"]
    live_studio.wait_for(job, "completed")
    if run_of(live_studio, run)["state"] != "running":
        pytest.skip("the run was over before it could be cancelled")
    live_studio.api.post(f"/runs/{run}/cancel/").raise_for_status()
    cancelled_at = time.monotonic()
    following = start(live_studio, experiment)
    wait_until(lambda: run_of(live_studio, following)["state"] == "running", 60, "the next run")
    taken = time.monotonic() - cancelled_at
    live_studio.api.post(f"/runs/{following}/cancel/").raise_for_status()
    assert ended(live_studio, run, "cancelled")["adapter"] is None
    assert taken < 3.0, "two seconds to notice, and the queue's poll"
