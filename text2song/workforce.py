"""Who works, and what waits for them: the one place that pages, probes and metrics ask whether work gets done."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, cached_property
from typing import NamedTuple

from django.db.models import BooleanField, CharField, Count, ExpressionWrapper, Min, Q, QuerySet, Value
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy, pgettext_lazy

from text2song.models import WorkerPresence
from text2song.work import Work, kinds

CLUSTERS = ("default", "generation", "training")
IDLE_BESIDE_WORK = timedelta(seconds=30)
"""An idle worker looks at what waits every few seconds: after this long something is wrong with it."""
NAMES = {
    "default": pgettext_lazy("workers", "queue"),
    "generation": pgettext_lazy("workers", "generation"),
    "training": pgettext_lazy("workers", "training"),
}
"""What people call the workers of a cluster."""
START = gettext_lazy(
    "Nothing is lost: it goes on once one runs. Whoever runs the studio starts it with `make "
    "run` or `docker compose up`."
)
RESTART = gettext_lazy(
    "Nothing is lost, and a worker that hangs is usually started anew by itself. If this "
    "stays for some minutes, whoever runs the studio has to restart it."
)


@dataclass(frozen=True, slots=True)
class Crew:
    """The workers of one cluster, and what waits for them."""

    cluster: str
    moving: int
    """Workers whose loop turns, or whose work moves."""
    at_work: int
    """How many of them are doing something."""
    hanging: int
    """Processes that are there, and do not move."""
    rested: bool
    """Whether one of them has been there, and idle, for so long that it should have taken what waits."""
    movers: frozenset[str]
    """Names of the workers that move, of all clusters: some work is claimed by whoever makes it."""
    work: UnfinishedWork
    """Of all clusters, counted when it is first asked for: where all moves nobody asks what waits beside it."""

    @property
    def _piles(self) -> list[_Pile]:
        return [pile for pile in self.work.piles if pile.cluster == self.cluster]

    @property
    def waiting(self) -> int:
        return sum(pile.many for pile in self._piles if pile.waits)

    @property
    def waiting_since(self) -> datetime | None:
        return min((pile.since for pile in self._piles if pile.waits and pile.since), default=None)

    @property
    def held_by_nobody(self) -> int:
        """How much is claimed by workers that do not move, or are gone."""
        return sum(pile.many for pile in self._piles if not pile.waits and pile.worker not in self.movers)

    @property
    def name(self) -> str:
        return str(NAMES[self.cluster])

    @property
    def seconds_waiting(self) -> float:
        """How long the oldest has waited; 0 when nothing waits."""
        since = self.waiting_since
        return (timezone.now() - since).total_seconds() if since else 0.0

    @property
    def problem(self) -> str:
        """What is wrong, in words; empty when work gets done."""
        if not self.moving:
            return (
                gettext("the %(name)s worker does not move") % {"name": self.name}
                if self.hanging
                else gettext("no %(name)s worker is running") % {"name": self.name}
            )
        if not (self.rested and self.at_work < self.moving):
            return ""
        if self.seconds_waiting > IDLE_BESIDE_WORK.total_seconds():
            return gettext("work waits beside an idle %(name)s worker") % {"name": self.name}
        return ""

    @property
    def stands_still(self) -> bool:
        """Whether there is work, and nobody who does it."""
        return bool(self.problem and (self.waiting or self.held_by_nobody))

    @property
    def notice(self) -> str:
        """For people: what is the matter with all that waits, and what to do; empty when nothing is."""
        return _sentence(gettext("what waits"), self.problem, self.is_there) if self.stands_still else ""

    def notice_of(self, work: Work) -> str:
        """The same for one piece of its work."""
        if work.is_due:
            return _sentence(gettext("this"), self.problem, self.is_there)
        if work.state != work.WORKING or work.worker in self.movers:
            return ""
        problem = gettext("its worker does not move") if self.moving else self.problem
        return _sentence(gettext("this"), problem, self.is_there)

    @property
    def is_there(self) -> bool:
        """Whether there is a worker, be it one that is of no use."""
        return bool(self.moving or self.hanging)


def _sentence(what: str, problem: str, is_there: bool) -> str:
    return (
        gettext("Nobody is working on %(what)s: %(problem)s. %(remedy)s")
        % {"what": what, "problem": problem, "remedy": RESTART if is_there else START}
        if problem
        else ""
    )


class Workforce:
    """The crews as they are while one request is answered: read when first asked for, and once."""

    @cached_property
    def crews(self) -> dict[str, Crew]:
        return {crew.cluster: crew for crew in crews()}

    @property
    def standing_still(self) -> list[Crew]:
        return [crew for crew in self.crews.values() if crew.stands_still]

    @property
    def notice(self) -> str:
        """Of all crews that stand still together; empty when none does."""
        crews = self.standing_still
        return _sentence(
            gettext("what waits"), "; ".join(crew.problem for crew in crews), any(crew.is_there for crew in crews)
        )

    def notice_of(self, work: Work | None) -> str:
        """Why nobody works on `work`, in words; empty when somebody does, and for what is nothing to work on."""
        if work is None or not (work.is_due or work.state == work.WORKING):
            return ""
        return self.crews[work.CLUSTER].notice_of(work)

    def notice_of_any(self, works: Iterable[Work]) -> str:
        """The first notice there is of `works`."""
        return next((notice for work in works if (notice := self.notice_of(work))), "")


def workforce_of(request: HttpRequest) -> Workforce:
    """The one of this request, whoever asks for it."""
    return request.__dict__.setdefault("_workforce", Workforce())


def crew(cluster: str) -> Crew:
    """One cluster as it is now."""
    return Workforce().crews[cluster]


# -- reading them ------------------------------------------------------------------------------------------------------


class _Pile(NamedTuple):
    """Unfinished work of one kind that waits, or that one worker holds."""

    cluster: str
    waits: bool
    worker: str
    many: int
    since: datetime | None


class UnfinishedWork:
    """All there is to do, by kind and worker: read when first asked for, and once."""

    @cached_property
    def piles(self) -> list[_Pile]:
        """One query, one part of it for each kind."""
        return [_Pile(*row) for row in _unfinished().all()]


def crews() -> list[Crew]:
    """All clusters, each as it is now, in two queries."""
    workers = list(WorkerPresence.objects.alive().with_motion())
    movers = frozenset(worker.name for worker in workers if worker.moves)
    work = UnfinishedWork()
    return [
        _crew(cluster, [worker for worker in workers if worker.cluster == cluster], movers, work)
        for cluster in CLUSTERS
    ]


def _crew(cluster: str, alive: list[WorkerPresence], movers: frozenset[str], work: UnfinishedWork) -> Crew:
    rested_since = timezone.now() - IDLE_BESIDE_WORK
    moving = [worker for worker in alive if worker.moves]
    return Crew(
        cluster=cluster,
        moving=len(moving),
        at_work=sum(bool(worker.doing) for worker in moving),
        hanging=len(alive) - len(moving),
        rested=any(not worker.doing and worker.started_at < rested_since for worker in moving),
        movers=movers,
        work=work,
    )


@cache
def _unfinished() -> QuerySet:
    """What `_Pile` is read from. Put together once: every page asks, and that takes longer than to ask."""
    first, *others = [_counted(kind) for kind in kinds()]
    return first.union(*others, all=True)


def _counted(kind: type[Work]) -> QuerySet:
    """Conditions must not hold the time at which they were put together: `Now()` is when they are asked."""
    work = kind.objects.waiting().order_by() | kind.objects.filter(state=kind.WORKING)
    counted = work.values("worker").annotate(
        cluster=Value(kind.CLUSTER, CharField()),
        waits=ExpressionWrapper(Q(state=kind.WAITING), BooleanField()),
        many=Count("pk"),
        since=Min(kind.WAITS_SINCE),
    )
    return counted.values_list("cluster", "waits", "worker", "many", "since")
