"""Many people at once: voting, rating and reading, on SQLite and, one after the other, on PostgreSQL."""

from __future__ import annotations

import json
import random
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

import httpx

from bench.faults.demand import Voter, codes, failures, lost_votes
from bench.faults.figures import Line, exactly
from bench.faults.invariants import invariants
from bench.faults.servers import Postgres, production
from bench.faults.studios import send_job, studio, wait_for_all, wait_for_whole
from text2song.tests.live import LiveStudio

PEOPLE = 50
THINKING = (0.2, 2.5)
"""Seconds between an answer and the next request of one client."""
READS = ("/audio/", "/jobs/", "/feedback/", "/prompts/")


def clients(short: bool) -> Iterator[Line]:
    """50 clients of 50 users, while a job is decoded every five seconds."""
    places: dict[str, AbstractContextManager[LiveStudio]] = {"SQLite": studio(), "PostgreSQL": _on_postgres()}
    for database, place in places.items():
        with place as live:
            crowd = Crowd(live, 15 if short else 60)
            yield from crowd.lines(database)
            wait_for_whole(live)
            yield from invariants("clients", live)


@contextmanager
def _on_postgres() -> Iterator[LiveStudio]:
    with production(Postgres) as (live, _):
        yield live


@dataclass
class Crowd:
    """All clients of one run, and what they were answered."""

    live: LiveStudio
    seconds: float
    took: list[float] = field(default_factory=list)
    writing: list[float] = field(default_factory=list)
    answers: Counter[int] = field(default_factory=Counter)

    def lines(self, database: str) -> Iterator[Line]:
        job = send_job(self.live, num_samples=8, duration=1)
        samples = [sample["id"] for sample in self.live.wait_for(job, "completed", 120)["samples"]]
        voters = self._voters(samples)
        jobs = self._run(voters)
        wait_for_all(self.live, jobs, 240)
        done = sum(self.live.job(job)["state"] == "completed" for job in jobs)
        yield exactly("clients", f"{database}: errors among answers {codes(self.answers)}"[:60], self._errors(), 0)
        yield exactly("clients", f"{database}: acknowledged votes lost", lost_votes(self.live, voters), 0)
        yield Line("clients", f"{database}: votes acknowledged", sum(voter.acknowledged for voter in voters))
        yield Line("clients", f"{database}: requests a second", len(self.took) / self.seconds)
        for name, values in (("answers", self.took), ("votes", self.writing)):
            yield Line("clients", f"{database}: p50 of {name}, ms", 1000 * statistics.median(values))
            yield Line("clients", f"{database}: p95 of {name}, ms", 1000 * statistics.quantiles(values, n=20)[-1])
            yield Line("clients", f"{database}: longest of {name}, ms", 1000 * max(values))
        yield exactly("clients", f"{database}: jobs completed meanwhile", done, len(jobs))

    def _errors(self) -> int:
        return failures(self.answers) + sum(count for code, count in self.answers.items() if 300 <= code < 500)

    def _voters(self, samples: list[str]) -> list[Voter]:
        script = (
            "import json; from django.contrib.auth import get_user_model as model; from text2song.api_keys import *;"
            "users = [model().objects.create_user(f'client-{n}') for n in range(%d)];"
            "print(json.dumps([[u.username, create_key(user=u, name='faults')[1]] for u in users]))"
        )
        keys = json.loads(self.live.manage("shell", "--verbosity", "0", "-c", script % PEOPLE).splitlines()[-1])
        return [Voter(name, self._client(key), samples) for name, key in keys]

    def _client(self, key: str) -> httpx.Client:
        headers = {"Authorization": f"Api-Key {key}"}
        return httpx.Client(base_url=self.live.api.base_url, headers=headers, timeout=60)

    def _run(self, voters: list[Voter]) -> list[str]:
        until = time.monotonic() + self.seconds
        threads = [threading.Thread(target=self._be, args=(voter, seed, until)) for seed, voter in enumerate(voters)]
        for thread in threads:
            thread.start()
        jobs = []
        while time.monotonic() < until:
            jobs.append(send_job(self.live, num_samples=1, duration=1))
            time.sleep(5)
        for thread in threads:
            thread.join()
        return jobs

    def _be(self, voter: Voter, seed: int, until: float) -> None:
        chance, number = random.Random(seed), 0
        while time.monotonic() < until:
            began, votes = time.monotonic(), chance.random() < 0.6
            try:
                status = voter.vote(number) if votes else voter.client.get(chance.choice(READS)).status_code
            except httpx.HTTPError:
                status = 0
            number += votes
            taken = time.monotonic() - began
            self.answers[status] += 1
            self.took.append(taken)
            if votes:
                self.writing.append(taken)
            time.sleep(chance.uniform(*THINKING))
