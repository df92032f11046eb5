"""People and scripts who go on using a studio while something is broken, and remember what it promised them."""

from __future__ import annotations

import itertools
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx

from bench.faults.studios import OVER
from text2song.tests.live import LiveStudio, wait_until

PAUSE = 0.3


class Voter:
    """Rates clips over and over; what it was told is stored must be there, unless it said something else later."""

    def __init__(self, rater: str, client: httpx.Client, samples: list[str]) -> None:
        self.rater, self.client, self._samples = rater, client, samples
        self.allowed: dict[str, list[int]] = {}
        """By sample: the last score that was acknowledged, and those sent after it."""
        self.acknowledged = 0

    def vote(self, number: int) -> int:
        """Rate one clip; returns the status of the answer. Raises `httpx.HTTPError` without one."""
        sample, score = self._samples[number % len(self._samples)], 1 + number // len(self._samples) % 5
        if sample in self.allowed:
            self.allowed[sample].append(score)
        body = {"kind": "rating", "sample": sample, "scores": {"overall": score}}
        answer = self.client.post("/feedback/", json=body)
        if answer.is_success:
            self.allowed[sample] = [score]
            self.acknowledged += 1
        return answer.status_code


def lost_votes(live: LiveStudio, voters: list[Voter]) -> int:
    """How many clips do not have the score that their voter was told is stored."""
    script = (
        "import json; from feedback.models import Rating;"
        "rows = Rating.objects.filter(criterion__slug='overall').values_list('rater__username', 'sample_id', 'score');"
        "print(json.dumps([[r, str(s), n] for r, s, n in rows]))"
    )
    rows = json.loads(live.manage("shell", "--verbosity", "0", "-c", script).splitlines()[-1])
    stored = {(rater, sample): score for rater, sample, score in rows}
    wanted = [(voter.rater, sample, scores) for voter in voters for sample, scores in voter.allowed.items()]
    return sum(stored.get((rater, sample)) not in scores for rater, sample, scores in wanted)


class Demand:
    """Votes, jobs, datasets and exports, sent all the time by a thread each, as long as the block lasts."""

    def __init__(self, live: LiveStudio, samples: list[str]) -> None:
        self.live = live
        self.voter = Voter("studio", self._client(), samples)
        self.jobs: list[str] = []
        self.datasets: list[str] = []
        self.exports: list[str] = []
        self.answers: list[tuple[float, str, int]] = []
        """When, of what kind, with which status; 0 where no answer came."""
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Demand:
        for kind, act, pause in (
            ("vote", self.voter.vote, 0.2),
            ("read", self._read, 0.5),
            ("job", self._send_job, 4.0),
            ("dataset", self._send_dataset, 2.0),
            ("export", self._send_export, 2.0),
        ):
            self._threads.append(threading.Thread(target=self._go_on, args=(kind, act, pause), daemon=True))
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(timeout=60)

    def statuses(self, kind: str = "", since: float = 0.0, until: float = float("inf")) -> Counter[int]:
        return Counter(code for at, of, code in self.answers if since <= at < until and kind in ("", of))

    def settle(self, seconds: float) -> None:
        """Wait until everything that was accepted is over, in whatever way."""
        wait_until(lambda: all(state in OVER for state in self.states().values()), seconds, "the end of all work")

    def states(self) -> dict[str, str]:
        """How what was accepted is going, by address."""
        addresses = [f"/generate/{job}/" for job in self.jobs]
        addresses += [f"/datasets/{dataset}/" for dataset in self.datasets]
        addresses += [f"/dataset-exports/{export}/" for export in self.exports]
        return {address: self.live.api.get(address).raise_for_status().json()["state"] for address in addresses}

    def _client(self) -> httpx.Client:
        return httpx.Client(base_url=self.live.api.base_url, headers=self.live.api.headers, timeout=40)

    def _go_on(self, kind: str, act: Callable[[int], int], pause: float) -> None:
        for number in itertools.count():
            if self._over.wait(pause):
                return
            began = time.monotonic()
            try:
                status = act(number)
            except httpx.HTTPStatusError as error:
                status = error.response.status_code
            except httpx.HTTPError as error:
                print(f"  {kind} got no answer: {error!r} after {time.monotonic() - began:.1f} s", file=sys.stderr)
                status = 0
            self.answers.append((began, kind, status))

    def _read(self, number: int) -> int:
        address = ("/audio/", "/jobs/", "/datasets/")[number % 3]
        return self.live.api.get(address).status_code

    def _send_job(self, number: int) -> int:
        prompt = self.live.api.post("/prompts/", json={"text": f"a tune {number}"}).raise_for_status().json()["id"]
        body = {"prompt": prompt, "num_samples": 2, "duration": 2}
        return self._keep(self.jobs, self.live.api.post("/generate/", json=body))

    def _send_dataset(self, number: int) -> int:
        body = {"name": f"liked {number}", "kind": "supervised", "filters": {}}
        return self._keep(self.datasets, self.live.api.post("/datasets/", json=body))

    def _send_export(self, number: int) -> int:
        """An export of the newest dataset that is built, in the one format or the other."""
        found = self.live.api.get("/datasets/", params={"ordering": "-created_at"}).raise_for_status().json()["results"]
        ready = [dataset["id"] for dataset in found if dataset["state"] == "ready"]
        if not ready:
            return 200
        body = {"format": ("jsonl", "huggingface")[number % 2]}
        return self._keep(self.exports, self.live.api.post(f"/datasets/{ready[0]}/export/", json=body))

    def _keep(self, ids: list[str], answer: httpx.Response) -> int:
        if answer.is_success:
            ids.append(answer.json()["id"])
        return answer.status_code


def codes(statuses: Counter[int]) -> str:
    """As in “503:12 -:3”; a dash is no answer at all."""
    return " ".join(f"{code or '-'}:{count}" for code, count in sorted(statuses.items())) or "none"


def failed(statuses: Counter[int]) -> Counter[int]:
    """Those that are the studio's fault."""
    return Counter({code: count for code, count in statuses.items() if code >= 500 or code == 0})


def failures(statuses: Counter[int]) -> int:
    return failed(statuses).total()


def promotion(live: LiveStudio, adapter: str) -> dict[str, Any]:
    """A blind test of a few clips, opened for `adapter`."""
    prompts = [live.api.post("/prompts/", json={"text": f"prompt {n}"}).json()["id"] for n in range(3)]
    suite = live.api.post("/suites/", json={"name": "Faults", "prompts": prompts}).raise_for_status().json()["id"]
    live.api.post(f"/suites/{suite}/freeze/").raise_for_status()
    live.api.put("/promotions/policy/", json={"suite": suite, "votes_wanted": 10}).raise_for_status()
    return live.api.post("/promotions/", json={"adapter": adapter}).raise_for_status().json()
