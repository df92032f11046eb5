"""Who works, and what waits for them: the one place that pages, probes and metrics ask whether work gets done."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
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
    waiting: int
    waiting_since: datetime | None
    held_by_nobody: int
    """How much is claimed by workers that do not move, or are gone."""
    movers: frozenset[str]
    """Names of the workers that move, of all clusters: some work is claimed by whoever makes it."""

    @property
    def name(self) -> str:
        return str(NAMES[self.cluster])

    @property
    def seconds_waiting(self) -> float:
        """How long the oldest has waited; 0 when nothing waits."""
        return (timezone.now() - self.waiting_since).total_seconds() if self.waiting_since else 0.0

    @property
    def problem(self) -> str:
        """What is wrong, in words; empty when work gets done."""
        if not self.moving:
            return (
                gettext("the %(name)s worker does not move") % {"name": self.name}
                if self.hanging
                else gettext("no %(name)s worker is running") % {"name": self.name}
            )
        overdue = self.seconds_waiting > IDLE_BESIDE_WORK.total_seconds()
        if overdue and self.rested and self.at_work < self.moving:
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


def crews() -> list[Crew]:
    """All clusters, each as it is now, in two queries."""
    workers = list(WorkerPresence.objects.alive().with_motion())
    movers = frozenset(worker.name for worker in workers if worker.moves)
    piles = _piles()
    return [
        _crew(
            cluster,
            [worker for worker in workers if worker.cluster == cluster],
            [pile for pile in piles if pile.cluster == cluster],
            movers,
        )
        for cluster in CLUSTERS
    ]


def _crew(cluster: str, alive: list[WorkerPresence], piles: list[_Pile], movers: frozenset[str]) -> Crew:
    rested_since = timezone.now() - IDLE_BESIDE_WORK
    moving = [worker for worker in alive if worker.moves]
    return Crew(
        cluster=cluster,
        moving=len(moving),
        at_work=sum(bool(worker.doing) for worker in moving),
        hanging=len(alive) - len(moving),
        rested=any(not worker.doing and worker.started_at < rested_since for worker in moving),
        waiting=sum(pile.many for pile in piles if pile.waits),
        waiting_since=min((pile.since for pile in piles if pile.waits and pile.since), default=None),
        held_by_nobody=sum(pile.many for pile in piles if not pile.waits and pile.worker not in movers),
        movers=movers,
    )


def _piles() -> list[_Pile]:
    """Every page asks: one part of the query for each kind, since putting it together is what takes the time."""
    first, *others = [_counted(kind) for kind in kinds()]
    return [_Pile(*row) for row in first.union(*others, all=True)]


def _counted(kind: type[Work]) -> QuerySet:
    work = kind.objects.waiting().order_by() | kind.objects.filter(state=kind.WORKING)
    counted = work.values("worker").annotate(
        cluster=Value(kind.CLUSTER, CharField()),
        waits=ExpressionWrapper(Q(state=kind.WAITING), BooleanField()),
        many=Count("pk"),
        since=Min(kind.WAITS_SINCE),
    )
    return counted.values_list("cluster", "waits", "worker", "many", "since")
