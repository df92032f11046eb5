"""The whole studio ended and started again in the middle of its work, as an update or a Ctrl-C does."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

from bench.faults.figures import Line, at_most, exactly
from bench.faults.invariants import invariants
from bench.faults.studios import (
    adapter_digest,
    ended_run,
    is_decoding,
    new_experiment,
    run_of,
    start_run,
    studio,
    wait_for_whole,
)
from text2song.tests.live import LiveStudio, wait_until

CLIPS = {"num_samples": 8, "duration": 120, "long_form": True, "seed": 7}


def restarts(short: bool) -> Iterator[Line]:
    """A training run and a job, ended several times in mid-step; beside the same two without a break."""
    times, steps = (2, 16) if short else (5, 150)
    with studio() as live:
        experiment = new_experiment(live, frames=200, max_steps=steps, eval_steps=8, save_steps=8)
        whole = ended_run(live, start_run(live, experiment))
        undisturbed = digests(live, send_same(live))
        run, job = start_run(live, experiment), send_same(live)
        stops, in_training, in_decoding = [], 0, 0
        for _ in range(times):
            in_training += wait_for_step(live, run)
            in_decoding += wait_for_decoding(live, job)
            began = time.monotonic()
            live.stop(signal.SIGINT)
            stops.append(time.monotonic() - began)
            live.start()
            wait_until(live.is_ready, 120, "a ready studio")
        broken = ended_run(live, run)
        yield exactly("restarts", "restarts in the middle of training", in_training, times)
        yield exactly("restarts", "restarts in the middle of decoding", in_decoding, times)
        yield at_most("restarts", "seconds to end everything, at most", max(stops), 35)
        yield exactly("restarts", "state of the run", broken["state"], "completed")
        yield exactly("restarts", "attempts of the run", broken["attempts"], 0)
        equal = broken["state"] == "completed" and adapter_digest(live, broken) == adapter_digest(live, whole)
        yield exactly("restarts", "adapter equal, byte by byte, to that of an unbroken run", str(equal), "True")
        yield exactly(
            "restarts", "clips equal to those of an unbroken job", str(digests(live, job) == undisturbed), "True"
        )
        yield exactly("restarts", "attempts of the job", live.job(job)["attempts"], 0)
        wait_for_whole(live)
        yield from invariants("restarts", live)


def send_same(live: LiveStudio) -> str:
    """A job whose clips are the same each time."""
    return live.generate("calm piano at dusk", **CLIPS)["id"]


def wait_for_step(live: LiveStudio, run: str) -> bool:
    """Until the run has made a step since it was taken up; False when it is over."""
    before = run_of(live, run)["step"]

    def stepped() -> bool:
        found = run_of(live, run)
        return found["state"] == "completed" or (found["state"] == "running" and found["step"] > before)

    wait_until(stepped, 300, "a step")
    return run_of(live, run)["state"] == "running"


def wait_for_decoding(live: LiveStudio, job: str) -> bool:
    """Until the job is being decoded; False when it is over."""
    wait_until(lambda: is_decoding(live, job) or live.job(job)["state"] == "completed", 120, "decoding")
    return live.job(job)["state"] == "running"


def digests(live: LiveStudio, job: str) -> list[str]:
    """What the job's clips sound like, by index."""
    samples = live.wait_for(job, "completed", 400)["samples"]
    return [live.api.get(f"/audio/{s['id']}/").json()["sha256"] for s in sorted(samples, key=lambda s: s["index"])]
