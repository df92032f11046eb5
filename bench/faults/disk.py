"""A disk that is full in the middle of everything, and then has room again."""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from safetensors.numpy import save

from bench.faults.demand import Demand, codes, lost_votes
from bench.faults.figures import Line, exactly
from bench.faults.invariants import invariants
from bench.faults.studios import (
    LIMITS,
    OVER,
    ended_run,
    is_decoding,
    new_experiment,
    run_of,
    send_job,
    start_run,
    wait_for_whole,
)
from text2song.tests.live import LiveStudio, wait_until

MEGABYTES = 192
WIDTH = 160
"""Of studio-tiny."""
REASON = ("disk", "room")


def disk(short: bool) -> Iterator[Line]:
    """The disk of the data folder filled while clips are decoded, a run is trained, votes, exports and uploads come."""
    with contextlib.ExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="studio-faults-")))
        small = ending.enter_context(small_disk(folder / "disk"))
        live = ending.enter_context(LiveStudio(folder / "studio", **LIMITS, STUDIO_DATA_DIR=str(small / "var")))
        yield from filled(live, small, 20 if short else 45)


def filled(live: LiveStudio, small: Path, seconds: float) -> Iterator[Line]:
    job = send_job(live, num_samples=8, duration=1)
    samples = [sample["id"] for sample in live.wait_for(job, "completed", 180)["samples"]]
    run = start_run(live, new_experiment(live, frames=200, max_steps=60, eval_steps=20, save_steps=2))
    long = send_job(live, num_samples=8, duration=60, long_form=True)
    with Demand(live, samples) as demand:
        wait_until(lambda: is_decoding(live, long) and run_of(live, run)["step"] >= 2, 240, "all kinds of work")
        began = time.monotonic()
        fill(small)
        said = refused_upload(live)
        time.sleep(seconds)
        full = time.monotonic()
        (small / "filler").unlink()
        time.sleep(20)
    yield from answers(demand, began, full, said)
    yield from afterwards(live, demand, [long, *demand.jobs], run)


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A real file system of its own; it takes root to mount one."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> None:
    """Write until nothing more fits; and keep it so for what is removed meanwhile."""
    with contextlib.suppress(OSError), (folder / "filler").open("wb", buffering=0) as file:
        while file.write(bytes(1 << 12)):
            pass


def refused_upload(live: LiveStudio) -> httpx.Response | None:
    """A good adapter, of more than there is room for."""
    fields = {"name": "too-large", "version": "1.0.0", "base_model": "studio-tiny"}
    files = [("files", (name, content, "application/octet-stream")) for name, content in good_adapter().items()]
    with contextlib.suppress(httpx.HTTPError):
        return live.api.post("/adapters/", data=fields, files=files)
    return None


def good_adapter(rank: int = 512) -> dict[str, bytes]:
    """Random matrices for the query projections of studio-tiny's self-attention: some megabytes."""
    random = np.random.default_rng(0)
    tensors = {
        f"base_model.model.model.decoder.layers.{layer}.self_attn.q_proj.{part}.weight": random.normal(size=shape)
        for layer in range(4)
        for part, shape in (("lora_A", (rank, WIDTH)), ("lora_B", (WIDTH, rank)))
    }
    config = {"peft_type": "LORA", "r": rank, "lora_alpha": rank, "target_modules": ["q_proj"], "bias": "none"}
    return {
        "adapter_config.json": json.dumps(config).encode(),
        "adapter_model.safetensors": save({name: tensor.astype(np.float32) for name, tensor in tensors.items()}),
    }


def answers(demand: Demand, began: float, full: float, upload: httpx.Response | None) -> Iterator[Line]:
    during = demand.statuses(since=began, until=full)
    yield Line("disk", f"answers while it was full: {codes(during)}"[:60], sum(during.values()))
    yield exactly("disk", "of these 500, or none at all", during[500] + during[0], 0)
    text = upload.text if upload is not None else "no answer"
    print(f"  disk: upload answered {text[:300]}")
    yield exactly("disk", "the refused upload names the disk", str(names_it(text)), "True")


def afterwards(live: LiveStudio, demand: Demand, jobs: list[str], run: str) -> Iterator[Line]:
    """What failed says why, and can be done again; the rest is done."""
    demand.settle(400)
    wait_until(lambda: all(live.job(job)["state"] in OVER for job in jobs), 300, "the end of all jobs")
    trained = ended_run(live, run)
    ended = [live.job(job) for job in jobs] + [trained]
    ended += [live.api.get(address).json() for address in demand.states() if "/generate/" not in address]
    failed = [work for work in ended if work["state"] == "failed"]
    yield Line("disk", "work that failed meanwhile", len(failed))
    silent = [work["error"] for work in failed if not names_it(work["error"])]
    for error in silent:
        print(f"  disk: failed with “{error}”")
    yield exactly("disk", "of this without the disk as its reason", len(silent), 0)
    yield exactly("disk", "acknowledged votes lost", lost_votes(live, [demand.voter]), 0)
    yield from again(live, failed, run)
    wait_for_whole(live)
    yield from invariants("disk", live, failed=None)


def again(live: LiveStudio, failed: list[dict[str, Any]], run: str) -> Iterator[Line]:
    """New work, and what can be resumed, is done once there is room."""
    if run_of(live, run)["state"] == "failed":
        live.api.post(f"/runs/{run}/resume/").raise_for_status()
    yield exactly("disk", "state of the run, resumed if need be", ended_run(live, run)["state"], "completed")
    job = send_job(live, num_samples=2, duration=1)
    live.wait_for(job, "completed", 120)
    yield exactly("disk", "state of a job sent afterwards", live.job(job)["state"], "completed")


def names_it(sentence: str) -> bool:
    return any(word in sentence.lower() for word in REASON)
