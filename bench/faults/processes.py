"""Processes killed and paused: at random moments, while they are idle, and for longer than a worker is waited for."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import httpx
import psutil

from bench.faults.figures import Line, at_most, exactly
from bench.faults.invariants import invariants, left_over
from bench.faults.studios import (
    is_decoding,
    new_experiment,
    rate,
    run_of,
    send_build,
    send_job,
    start_run,
    state_of,
    studio,
    wait_for_all,
    wait_for_whole,
)
from text2song.tests.live import ROOT, LiveStudio, wait_until

PARTS = ("main", "worker", "monitor", "pusher")
UNNOTICED = 35.0
"""Seconds that work may wait with nobody working before the studio must say so."""


# -- at random moments -------------------------------------------------------------------------------------------------


def kills(short: bool) -> Iterator[Line]:
    """SIGKILL to the processes of the generation cluster in turn, whatever they are doing, while jobs come in."""
    number, chance = (8 if short else 40), random.Random(1)
    with studio() as live:
        jobs, busy, victims = [], 0, 0
        for turn in range(number):
            at_work = turn // len(PARTS) % 2 == 0  # each victim in turn at work, and in any other state
            seconds = 60 if at_work else chance.choice((1, 3, 10))
            jobs.append(send_job(live, num_samples=chance.randint(1, 3), duration=seconds, long_form=at_work))
            if at_work:
                wait_until(lambda: running(live) or not unfinished(live), 120, "work")
            time.sleep(chance.uniform(0.0, 2.0 if at_work else 14.0))
            busy += bool(running(live))
            victims += kill_some(live, PARTS[turn % len(PARTS)])
        began = time.monotonic()
        wait_for_all(live, jobs, 900)
        yield exactly("kills", "processes killed", victims, number)
        yield Line("kills", "of these while a job was running", busy)
        yield exactly("kills", "jobs completed", sum(live.job(job)["state"] == "completed" for job in jobs), number)
        yield Line("kills", "most deaths one job has seen since it got further", max(attempts(live, jobs)))
        yield Line("kills", "seconds from the last kill to the last job", time.monotonic() - began)
        wait_for_whole(live)
        yield from invariants("kills", live, left=None)


def running(live: LiveStudio) -> bool:
    """Whether a job is being decoded."""
    found = live.api.get("/jobs/", params={"state": "running"}).raise_for_status().json()["results"]
    return any(job["steps_done"] for job in found)


def unfinished(live: LiveStudio) -> bool:
    counts = [live.api.get("/jobs/", params={"state": state}).json()["count"] for state in ("queued", "running")]
    return any(counts)


def attempts(live: LiveStudio, jobs: list[str]) -> list[int]:
    return [live.job(job)["attempts"] for job in jobs]


def kill_some(live: LiveStudio, part: str) -> int:
    """SIGKILL to `part` of the generation cluster, or to its main process while it starts; returns how many."""
    main = wait_until(lambda: live.main("generation"), 60, "a main process")
    with contextlib.suppress(psutil.Error):
        children = sorted(main.children(), key=lambda child: child.pid)
        there = {"main": main, **dict(zip(("worker", "monitor", "pusher"), children, strict=False))}
        there.get(part, main).kill()
        return 1
    return 0


# -- while they are idle -----------------------------------------------------------------------------------------------


@dataclass
class Witness:
    """Reads /readyz all the time: when it said that all is well, seconds since the start."""

    live: LiveStudio
    well: list[float] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Witness:
        self.began = time.monotonic()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join(timeout=30)

    def _read(self) -> None:
        while not self._over.wait(0.5):
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self.live.url}/readyz", timeout=10).status_code == 200:
                    self.well.append(time.monotonic() - self.began)


def idle(short: bool) -> Iterator[Line]:
    """SIGKILL to each process of each cluster while it waits; then one piece of work."""
    with studio() as live:
        job = send_job(live, num_samples=4, duration=1)
        live.wait_for(job, "completed")
        for sample in live.job(job)["samples"]:
            rate(live, sample["id"], 4)
        experiment = new_experiment(live, frames=50, max_steps=2, eval_steps=2, save_steps=2)
        work: dict[str, Callable[[], Callable[[], str]]] = {
            "generation": lambda: _job(live),
            "default": lambda: _build(live),
            "training": lambda: _run(live, experiment),
        }
        for cluster, send in work.items():
            for part in PARTS[:1] + PARTS[1:2] if short else PARTS:
                yield from idle_death(live, cluster, part, send)
        wait_for_whole(live)
        yield from invariants("idle", live)


def idle_death(live: LiveStudio, cluster: str, part: str, send: Callable[[], Callable[[], str]]) -> Iterator[Line]:
    wait_for_whole(live)
    live.kill(part, cluster)
    with Witness(live) as witness:
        state = send()
        started = wait_until(lambda: state() not in ("queued",) and time.monotonic(), 180, "that work is taken")
        wait_until(lambda: state() in ("completed", "ready"), 180, "the end of the work")
        done = time.monotonic() - witness.began
    waited = started - witness.began
    unnoticed = sum(UNNOTICED < at < waited for at in witness.well)
    yield at_most("idle", f"{cluster} {part}: seconds until the next work is done", done, 60)
    yield exactly("idle", f"{cluster} {part}: “all is well” said while it waited > {UNNOTICED:g} s", unnoticed, 0)


def _job(live: LiveStudio) -> Callable[[], str]:
    job = send_job(live, num_samples=1, duration=1)
    return lambda: live.job(job)["state"]


def _build(live: LiveStudio) -> Callable[[], str]:
    dataset = send_build(live)
    return lambda: state_of(live, f"/datasets/{dataset}/")


def _run(live: LiveStudio, experiment: str) -> Callable[[], str]:
    run = start_run(live, experiment)
    return lambda: run_of(live, run)["state"]


# -- paused ------------------------------------------------------------------------------------------------------------


def paused(short: bool) -> Iterator[Line]:
    """SIGSTOP to a busy generation cluster as a whole; another takes its job over; then it wakes up."""
    with studio() as live:
        job = send_job(live, num_samples=4, duration=60, long_form=True)
        wait_until(lambda: is_decoding(live, job), 90, "progress")
        tree = wait_until(live.tree, 60, "a whole cluster")
        pids = [process.pid for process in tree.values()]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        began = time.monotonic()
        with second_cluster(live) as second:
            live.wait_for(job, "completed", 400)
            yield Line("paused", "seconds until another cluster has completed its job", time.monotonic() - began)
            yield exactly("paused", "attempts told", live.job(job)["attempts"], 1)
            time.sleep(max(0.0, (45 if short else 60) - (time.monotonic() - began)))
            before = contents(live)
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
            time.sleep(20)
            after = contents(live)
            yield exactly("paused", "files of finished clips changed or gone", changed(before, after), 0)
            yield exactly("paused", "clips in rows", len(live.job(job)["samples"]), 4)
            following = [send_job(live, num_samples=1, duration=1) for _ in range(4)]
            wait_for_all(live, following, 120)
            strangers = left_over(live, second.pid, *(p.pid for p in psutil.Process(second.pid).children()))
            yield exactly("paused", "processes left over beside the second cluster", len(strangers), 0)
        wait_for_whole(live)
        yield from invariants("paused", live, left=None)


@contextlib.contextmanager
def second_cluster(live: LiveStudio) -> Iterator[subprocess.Popen[bytes]]:
    """Another generation cluster on the same data, started by hand and ended by SIGTERM."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "qcluster"],
        cwd=ROOT,
        env={**live.environment, "Q_CLUSTER_NAME": "generation"},
        stdout=live.log.open("ab"),
        stderr=subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=60)


def contents(live: LiveStudio) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in live.files()}


def changed(before: dict[str, str], after: dict[str, str]) -> int:
    return sum(after.get(name) != digest for name, digest in before.items())
