"""Progress and cancellation while decoding."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping

from generation.engine.clip import Clip
from generation.specs import Progress, ProgressCallback, StopCallback

INTERVAL = 0.25


class Monitor:
    """Counts the steps of each job, reports them, and asks whether a job shall stop.

    A job's total is the number of steps of its longest clip; what is done is the same share of it that has been done of
    the steps of all its clips, so it never runs backwards, however the clips are batched.
    """

    def __init__(
        self,
        steps: Mapping[Clip, int],
        on_progress: ProgressCallback | None,
        should_stop: StopCallback | None,
    ) -> None:
        self._on_progress = on_progress
        self._should_stop = should_stop
        self._all: dict[str, int] = defaultdict(int)
        self._longest: dict[str, int] = defaultdict(int)
        for clip, count in steps.items():
            self._all[clip.spec.job_id] += count
            self._longest[clip.spec.job_id] = max(self._longest[clip.spec.job_id], count)
        self._done = dict.fromkeys(self._all, 0)
        self._reported = dict.fromkeys(self._all, -1)
        self._stopped: set[str] = set()
        self._next = 0.0

    def advance(self, clips: Iterable[Clip]) -> None:
        """One step was made for each of `clips`."""
        for clip in clips:
            self._done[clip.spec.job_id] += 1

    def is_stopped(self, clip: Clip) -> bool:
        """Whether the clip's job has been stopped."""
        return clip.spec.job_id in self._stopped

    def poll(self) -> bool:
        """About every quarter of a second: report, and ask about stopping. True if a job was stopped just now."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + INTERVAL
        before = len(self._stopped)
        self._ask()
        for job in self._done.keys() - self._stopped:
            self._report(job)
        return len(self._stopped) > before

    def _ask(self) -> None:
        if self._should_stop is None:
            return
        unfinished = [job for job, done in self._done.items() if done < self._all[job]]
        self._stopped.update(job for job in unfinished if job not in self._stopped and self._should_stop(job))

    def _report(self, job: str) -> None:
        total = self._longest[job]
        done = total * self._done[job] // self._all[job]
        if self._on_progress is not None and done > self._reported[job]:
            self._reported[job] = done
            self._on_progress(Progress(job, done, total))

    def report_finished(self) -> None:
        """Report every job that has made all its steps and has not said so yet."""
        for job, done in self._done.items():
            if done == self._all[job] and job not in self._stopped:
                self._report(job)
