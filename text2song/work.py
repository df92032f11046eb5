"""The one life of queued work: a row that a worker claims, reports on and ends. The row is the truth.

waiting -> working -> done | failed | cancelled; some kinds go back from failed or cancelled to waiting. Every
transition is one filtered update that must change one row, so that two processes can never both succeed.

A claim has a token. Only the holder of the token reports on the work, ends it or gives it back; whoever wakes up late
finds that the token has changed, and changes nothing. Files are written under names made from the token
(`claimed_name`) and become the row's by its commit, so that nobody can overwrite or remove what is not theirs.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, ClassVar, Self, TypeAlias, TypeVar

import structlog
from django.apps import apps
from django.db import connection, models, transaction
from django.db.models import Case, F, Min, Value, When
from django.utils import timezone
from django.utils.translation import gettext_lazy

from text2song import queue
from text2song.exceptions import DomainError
from text2song.models import WorkerPresence
from text2song.outages import is_database_away
from text2song.workers import is_stopping, tick

log = structlog.get_logger(__name__)

PATIENCE = 120.0
"""Seconds that finished work waits for a database to come back before it is given up, to be done again."""
MOST_PAUSE = 5.0
Result = TypeVar("Result")
Kind = TypeVar("Kind", bound="Work")
Task: TypeAlias = Callable[[str], None]
_tasks: dict[type[Work], str] = {}


class ClaimLost(Exception):
    """The work was cancelled, or given to another worker: whoever holds on to it stops, and changes nothing."""


class HandedBack(Exception):
    """Raised within work when this process is asked to end: the work goes back to the queue, and costs no attempt."""


class WorkQuerySet(models.QuerySet[Kind]):
    def waiting(self) -> Self:
        """In the order in which they are taken, the longest waiting first."""
        return self.filter(state=self.model.WAITING).order_by("queued_at", "pk")

    def waiting_since(self) -> datetime | None:
        """When the one that has waited longest began to wait."""
        return self.aggregate(since=Min(self.model.WAITS_SINCE))["since"]

    def unfinished(self) -> Self:
        return self.filter(state__in=self.model.UNFINISHED)

    def left_behind(self) -> Self:
        """Claimed by a worker that has not been heard of within its time-out."""
        return self.filter(state=self.model.WORKING).exclude(worker__in=WorkerPresence.objects.alive().values("name"))

    def held_by(self, worker: str) -> Self:
        return self.filter(state=self.model.WORKING, worker=worker)

    def held_now(self, claimed: Iterable[Kind]) -> set[Any]:
        """Keys of those of `claimed`, objects with a claim, that are still theirs."""
        tokens = {work.pk: work._token for work in claimed}
        rows = self.filter(state=self.model.WORKING, pk__in=tokens).values_list("pk", "claim_token")
        return {pk for pk, token in rows if token == tokens[pk]}

    def claim_next(self, worker: str) -> Kind | None:
        """The first that waits, now `worker`'s; None when none waits or this process is asked to end."""
        if is_stopping():
            return None
        return next((work for work in self.waiting() if work.claim(worker)), None)


class Work(models.Model):
    """A row that waits for a worker. What differs between kinds is said by the class variables."""

    WAITING: ClassVar[str] = "queued"
    WORKING: ClassVar[str] = "running"
    DONE: ClassVar[str] = "completed"
    FAILED: ClassVar[str] = "failed"
    CANCELLED: ClassVar[str] = "cancelled"
    UNFINISHED: ClassVar[tuple[str, ...]] = ("queued", "running")
    WAITS_SINCE: ClassVar[str] = "queued_at"
    """The time from which on it can be worked on."""
    MAX_ATTEMPTS: ClassVar[int] = 5
    CLUSTER: ClassVar[queue.Cluster]
    GAVE_UP: ClassVar[str] = gettext_lazy(
        "The worker died {attempts} times over this, most likely for lack of memory or disk. The log has the details."
    )

    state: models.CharField[str, str]
    """Each kind has its own, with its own choices."""
    objects: Any
    """A manager made of a `WorkQuerySet` of its own."""

    worker = models.CharField(max_length=200, blank=True, editable=False)
    claim_token = models.UUIDField(
        null=True, blank=True, editable=False, help_text=gettext_lazy("Of the claim that holds it.")
    )
    attempts = models.PositiveSmallIntegerField(
        default=0,
        editable=False,
        help_text=gettext_lazy("Times that a worker died over it without getting any further."),
    )
    progressed = models.BooleanField(
        default=False, editable=False, help_text=gettext_lazy("Something was stored for good since it was claimed.")
    )
    error = models.TextField(blank=True, editable=False)
    queued_at = models.DateTimeField(default=timezone.now, editable=False)
    started_at = models.DateTimeField(null=True, blank=True, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True, editable=False)

    _token: uuid.UUID | None = None
    """Of the claim this object was made to work under; the column tells whose the row is by now."""

    class Meta:
        abstract = True

    @property
    def is_waiting(self) -> bool:
        return self.state == self.WAITING

    @property
    def is_due(self) -> bool:
        """Whether a worker could take it now."""
        return self.is_waiting

    @property
    def is_unfinished(self) -> bool:
        return self.state in self.UNFINISHED

    @property
    def task(self) -> str:
        """Dotted path of the task that does this kind of work."""
        return _tasks[type(self)]

    def wake_worker(self) -> None:
        """Send a wake-up; with the database as broker it commits with the row. A lost one costs seconds, no work."""
        queue.enqueue(self.task, self.pk, cluster=self.CLUSTER)

    # -- by a worker -----------------------------------------------------------------------------------------------

    def claim(self, worker: str) -> bool:
        """waiting -> working; False when another worker was faster or it was cancelled."""
        token = uuid.uuid4()
        if not self._move((self.WAITING,), **self._claimed(worker, token)):
            return False
        self._token = token
        return True

    def be_claimed(self, worker: str) -> None:
        """Make a row that is not stored yet `worker`'s from the start, so that nobody else takes it."""
        token = uuid.uuid4()
        for name, value in self._claimed(worker, token).items():
            setattr(self, name, value)
        self._token = token

    def _claimed(self, worker: str, token: uuid.UUID) -> dict[str, Any]:
        return {
            "state": self.WORKING,
            "worker": worker,
            "claim_token": token,
            "progressed": False,
            "started_at": timezone.now(),
            "error": "",
        }

    def claimed_name(self, *parts: object) -> str:
        """An opaque name that belongs to this claim: nobody else writes under it, and it tells nothing."""
        assert self._token is not None, "only claimed work names files"
        return uuid.uuid5(self._token, "/".join(map(str, parts))).hex

    def is_mine(self) -> bool:
        return self._mine().exists()

    def report(self, **values: Any) -> bool:
        """Write progress; False when it is no longer this claim's."""
        tick()
        return bool(self._mine().update(**values)) if values else self.is_mine()

    @contextmanager
    def held(self) -> Iterator[None]:
        """A transaction in which the row stays this claim's: a cancel or take-up comes before it or after it.

        Raises `ClaimLost` when it came before.
        """
        with transaction.atomic():
            if not self._mine().select_for_update(of=("self",)).exists():
                raise ClaimLost
            yield

    def complete(self, **results: Any) -> bool:
        """working -> done; False when it was cancelled or taken over meanwhile."""
        return self._end(self.DONE, **results)

    def fail(self, reason: str) -> bool:
        """working -> failed with a sentence for people."""
        return self._fail(self._mine(), error=reason)

    def hand_back(self, **changes: Any) -> bool:
        """working -> waiting, as this process is asked to end; it costs no attempt."""
        return self._release(self._mine(), **changes)

    def perform(
        self,
        do: Callable[[Self], object],
        sentence: Callable[[Exception], str],
        expected: tuple[type[Exception], ...] = (DomainError,),
    ) -> None:
        """Do claimed work: an error ends it with `sentence(error)`, a stop gives it back, a lost claim leaves it.

        What is not `expected` is logged with its stack. A database that is away is raised: the work is taken up again
        once it answers.
        """
        try:
            do(self)
        except ClaimLost:
            log.info("claim_lost", **self._named())
        except HandedBack:
            if self.hand_back():
                log.info("handed_back", **self._named())
        except Exception as error:
            if is_database_away(error):
                raise
            stack = None if isinstance(error, expected) else error
            log.error("work_failed", error=repr(error), exc_info=stack, **self._named())
            reason = sentence(error)
            patiently(lambda: self.fail(reason))

    def gave_up(self) -> str:
        """What its owner is told when workers have died over it too often."""
        return self.GAVE_UP.format(attempts=self.MAX_ATTEMPTS)

    # -- by others ---------------------------------------------------------------------------------------------------

    def take_up(self) -> bool:
        """working -> waiting, from a worker that is gone; failed when it has used its attempts.

        Deaths count only while nothing is stored for good between them. False when its worker was back, or gone on.
        """
        theirs = self._rows((self.WORKING,)).filter(claim_token=self.claim_token)
        if self.attempts + 1 >= self.MAX_ATTEMPTS and not self.progressed:
            reason = self.gave_up()
            ended = self._fail(theirs.filter(progressed=False), attempts=self.MAX_ATTEMPTS, error=reason)
            if ended:
                log.error("out_of_attempts", **self._named())
            return ended
        attempts, dead_worker = Case(When(progressed=True, then=Value(0)), default=F("attempts") + 1), self.worker
        released = self._release(theirs, attempts=attempts)
        if released:
            log.warning("taken_up", dead_worker=dead_worker, **self._named())
            self.wake_worker()
        return released

    def _cancel(self) -> bool:
        """unfinished -> cancelled; False when it had ended. A running worker sees it within two seconds."""
        return self._move(self.UNFINISHED, state=self.CANCELLED, **self._ended(self.CANCELLED))

    def _requeue(self, states: tuple[str, ...]) -> bool:
        """Ended -> waiting, attempts counted anew."""
        fresh = {"attempts": 0, "error": "", "started_at": None, "finished_at": None, "queued_at": timezone.now()}
        return self._release(self._rows(states), **fresh)

    # -- the one way to move -----------------------------------------------------------------------------------------

    def _ended(self, state: str) -> dict[str, Any]:
        """What else changes when the work ends in `state`."""
        return {"finished_at": timezone.now()}

    def _end(self, state: str, **changes: Any) -> bool:
        return self._apply(self._mine(), **{"state": state, **self._ended(state), **changes})

    def _fail(self, rows: models.QuerySet, **changes: Any) -> bool:
        with transaction.atomic():
            failed = self._apply(rows, **{"state": self.FAILED, **self._ended(self.FAILED), **changes})
            if failed:
                self._after_failure()
        return failed

    def _after_failure(self) -> None:
        """What goes with work that failed, in the same transaction."""

    def _release(self, rows: models.QuerySet, **changes: Any) -> bool:
        return self._apply(rows, **{"state": self.WAITING, "worker": "", "claim_token": None, **changes})

    def _move(self, states: tuple[str, ...], **changes: Any) -> bool:
        return self._apply(self._rows(states), **changes)

    def _rows(self, states: tuple[str, ...]) -> models.QuerySet:
        return type(self)._base_manager.filter(pk=self.pk, state__in=states)  # type: ignore[misc]  # every kind has a state

    def _mine(self) -> models.QuerySet:
        rows = self._rows((self.WORKING,))
        return rows.filter(claim_token=self._token) if self._token else rows.none()

    def _apply(self, rows: models.QuerySet, **changes: Any) -> bool:
        moved = rows.update(**changes)
        self.refresh_from_db()
        return moved == 1

    def _named(self) -> dict[str, str]:
        return {"kind": self._meta.model_name or "", "pk": str(self.pk)}


def task_for(kind: type[Work]) -> Callable[[Task], Task]:
    """Register the task that does work of this kind: given one key, it does all that waits (decorator).

    Workers may belong to an app above the one of the kind, so a kind does not name its task.
    """

    def register(task: Task) -> Task:
        _tasks[kind] = f"{task.__module__}.{task.__qualname__}"
        return task

    return register


def kinds(cluster: str | None = None) -> list[type[Work]]:
    """Every kind of work there is, or those that workers of `cluster` do."""
    found = [model for model in apps.get_models() if issubclass(model, Work)]
    return [kind for kind in found if cluster in (None, kind.CLUSTER)]


def take_up_left_behind() -> int:
    """Put back what workers that are gone were doing, of every kind; returns how much."""
    return sum(work.take_up() for kind in kinds() for work in kind.objects.left_behind())


def release_leftovers(worker: str) -> None:
    """Put back what is marked as `worker`'s while it is idle: the database was away when that ended."""
    for kind in kinds():
        for work in kind.objects.held_by(worker):
            work.take_up()


def oldest_waiting(cluster: str) -> Work | None:
    """What has waited longest for a worker of `cluster`."""
    first = [work for kind in kinds(cluster) if (work := kind.objects.waiting().first())]
    return min(first, key=lambda work: work.queued_at, default=None)


def patiently(action: Callable[[], Result]) -> Result:
    """Do `action`, and again while the database is away, for up to `PATIENCE` seconds.

    `action` must do no harm when it is done twice: a commit may have succeeded though its answer was lost.
    """
    deadline, pause = time.monotonic() + PATIENCE, 0.5
    while True:
        try:
            return action()
        except Exception as error:
            if not is_database_away(error) or not _may_wait(deadline):
                raise
            log.warning("database_away", retry_in=pause, exc_info=True)
            connection.close()
            time.sleep(pause)
            pause = min(MOST_PAUSE, 2 * pause)


def _may_wait(deadline: float) -> bool:
    """Within a transaction nothing can be done again; a process that is asked to end does not wait."""
    return not connection.in_atomic_block and not is_stopping() and time.monotonic() < deadline


def raise_if_stopping() -> None:
    """Within work that looks now and then: raises `HandedBack` when this process is asked to end."""
    tick()
    if is_stopping():
        raise HandedBack
