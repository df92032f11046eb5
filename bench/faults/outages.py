"""A server taken away for a while and brought back, with everything going on that it is needed for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from bench.faults.demand import Demand, codes, failed, failures, lost_votes, promotion
from bench.faults.figures import Line, exactly
from bench.faults.invariants import invariants
from bench.faults.servers import S3, Postgres, Redis, production
from bench.faults.studios import ended_run, new_experiment, run_of, send_job, start_run, wait_for_whole
from text2song.tests.live import LiveStudio, wait_until

AFTERWARDS = 15.0
"""Seconds after the server is back until nothing may fail any more."""


def postgres(short: bool) -> Iterator[Line]:
    """PostgreSQL stopped as by a crash, and started again."""
    with production(Postgres, S3, Redis) as (live, (server, *_)):
        yield from outage("postgres", live, server.stop, server.start, short)


def s3(short: bool) -> Iterator[Line]:
    """The S3 server killed, and started again on the same folder."""
    with production(Postgres, S3, Redis) as (live, (_, server, _)):
        yield from outage("s3", live, server.stop, server.start, short)


def redis(short: bool) -> Iterator[Line]:
    """Redis emptied; then stopped, and started again empty. Nothing may fail: it holds nothing that is not a copy."""
    with production(Postgres, S3, Redis) as (live, (_, _, server)):
        server.flush()
        job = send_job(live, num_samples=1, duration=1)
        live.wait_for(job, "completed", 120)
        yield exactly("redis", "state of a job sent after it was emptied", live.job(job)["state"], "completed")
        yield from outage("redis", live, server.stop, server.start, short, may_fail=False)


def outage(
    fault: str,
    live: LiveStudio,
    stop: Callable[[], None],
    start: Callable[[], None],
    short: bool,
    may_fail: bool = True,
) -> Iterator[Line]:
    """Take a server away for 20 seconds while clips, votes, datasets, exports, a run and a promotion are under way."""
    samples, opened = prepare(live)
    run = start_run(live, new_experiment(live, frames=200, max_steps=60, eval_steps=20, save_steps=5))
    with Demand(live, samples) as demand:
        wait_until(lambda: run_of(live, run)["step"] >= 2 and demand.exports and demand.jobs, 240, "all kinds of work")
        live.api.post(f"/listening-tests/{opened['test']}/close/").raise_for_status()
        stopped = time.monotonic()
        stop()
        time.sleep(8 if short else 20)
        start()
        back = time.monotonic()
        time.sleep(AFTERWARDS + 10)
    ended = time.monotonic()
    yield Line(fault, "seconds without the server", back - stopped)
    during = demand.statuses(since=stopped, until=back)
    yield Line(fault, f"answers meanwhile: {codes(during)}"[:60], sum(during.values()))
    if may_fail:
        yield Line(fault, "answers of 500 to 599, or none, meanwhile", failures(during))
    else:
        yield exactly(fault, "answers of 500 to 599, or none, meanwhile", failures(during), 0)
    shortly = demand.statuses(since=back, until=back + AFTERWARDS)
    yield Line(fault, f"the same in the {AFTERWARDS:g} s after it was back", failures(shortly))
    later = failed(demand.statuses(since=back + AFTERWARDS, until=ended))
    yield exactly(fault, f"the same after that: {codes(later)}", later.total(), 0)
    yield from what_came_of_it(fault, live, demand, run, opened["id"])


def prepare(live: LiveStudio) -> tuple[list[str], dict[str, Any]]:
    """Clips to vote on, and a promotion that is open."""
    job = send_job(live, num_samples=8, duration=1)
    samples = [sample["id"] for sample in live.wait_for(job, "completed", 180)["samples"]]
    run = ended_run(live, start_run(live, new_experiment(live, frames=50, max_steps=2, eval_steps=2, save_steps=2)))
    return samples, promotion(live, run["adapter"]["id"])


def what_came_of_it(fault: str, live: LiveStudio, demand: Demand, run: str, opened: str) -> Iterator[Line]:
    demand.settle(400)
    trained = ended_run(live, run)
    states = demand.states()
    for name, ids, done in (("jobs", demand.jobs, "completed"), ("datasets", demand.datasets, "ready")):
        wanted = [state for address, state in states.items() if any(pk in address for pk in ids)]
        yield exactly(fault, f"{name} that were accepted, and done", wanted.count(done), len(ids))
    written = [state for address, state in states.items() if address.startswith("/dataset-exports/")]
    yield exactly(fault, "exports that were accepted, and done", written.count("ready"), len(set(demand.exports)))
    yield exactly(fault, "state of the run", trained["state"], "completed")
    yield Line(fault, "attempts of the run", trained["attempts"])
    decided = wait_until(lambda: _decided(live, opened), 120, "the promotion's decision")
    yield exactly(fault, "state of the promotion", decided["outcome"], "declined")
    yield Line(fault, "votes acknowledged", demand.voter.acknowledged)
    yield exactly(fault, "of these lost", lost_votes(live, [demand.voter]), 0)
    wait_for_whole(live)
    yield from invariants(fault, live, left=None)


def _decided(live: LiveStudio, opened: str) -> dict[str, Any] | None:
    try:
        found = live.api.get(f"/promotions/{opened}/").raise_for_status().json()
    except httpx.HTTPError:
        return None
    return found if found["outcome"] != "open" else None
