"""Who works, and what waits for them: the one place that pages, probes and metrics ask whether work gets done."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from text2song.models import WorkerPresence
from text2song.work import kinds

CLUSTERS = ("default", "generation", "training")
IDLE_BESIDE_WORK = timedelta(seconds=30)
"""An idle worker looks at what waits every few seconds: after this long something is wrong with it."""
NAMES = {"default": "queue"}
"""What people call a cluster, where they call it otherwise."""


@dataclass(frozen=True, slots=True)
class Crew:
    """The workers of one cluster, and what waits for them."""

    cluster: str
    moving: int
    """Workers whose loop turns, or whose work moves."""
    at_work: int
    """Those of them that are doing something."""
    hanging: int
    """Processes that are there, and do not move."""
    rested: bool
    """Whether one of them has been there, and idle, for so long that it should have taken what waits."""
    waiting: int
    waiting_since: datetime | None

    @property
    def name(self) -> str:
        return NAMES.get(self.cluster, self.cluster)

    @property
    def seconds_waiting(self) -> float:
        """How long the oldest has waited; 0 when nothing waits."""
        return (timezone.now() - self.waiting_since).total_seconds() if self.waiting_since else 0.0

    @property
    def works(self) -> bool:
        return not self.problem

    @property
    def problem(self) -> str:
        """What is wrong, in words; empty when work gets done."""
        if not self.moving:
            return f"the {self.name} worker does not move" if self.hanging else f"no {self.name} worker is running"
        overdue = self.seconds_waiting > IDLE_BESIDE_WORK.total_seconds()
        if overdue and self.rested and self.at_work < self.moving:
            return f"work waits beside an idle {self.name} worker"
        return ""

    @property
    def notice(self) -> str:
        """For people whose work waits: what is the matter and what to do; empty when nothing is."""
        if not self.problem:
            return ""
        started = "It is started anew by itself" if self.moving or self.hanging else "`make run` starts it"
        return f"Nobody is working on this: {self.problem}. {started}; Settings, System tells more."


def crews() -> list[Crew]:
    """All clusters, each as it is now."""
    return [crew(cluster) for cluster in CLUSTERS]


def crew(cluster: str) -> Crew:
    """One cluster as it is now, in two queries and one or two for each kind of its work."""
    now = timezone.now()
    alive = list(WorkerPresence.objects.alive().filter(cluster=cluster))
    moving = set(WorkerPresence.objects.moving().filter(cluster=cluster).values_list("name", flat=True))
    working = [worker for worker in alive if worker.name in moving]
    counts: Counter[str] = Counter()
    oldest: list[datetime] = []
    for kind in kinds(cluster):
        waiting = kind.objects.waiting()
        if count := waiting.count():
            counts["waiting"] += count
            oldest += [since for since in [waiting.waiting_since()] if since]
    return Crew(
        cluster=cluster,
        moving=len(working),
        at_work=sum(bool(worker.doing) for worker in working),
        hanging=len(alive) - len(working),
        rested=any(not worker.doing and worker.started_at < now - IDLE_BESIDE_WORK for worker in working),
        waiting=counts["waiting"],
        waiting_since=min(oldest, default=None),
    )
