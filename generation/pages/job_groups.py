"""Jobs that were sent for one thing are one folded row of the list. Apps above say which those are.

An app registers a `Kind` of purpose while the studio starts (`slots.py` among its pages). The database folds them: it
puts in order only what was sent for something, and finds the rest by an index, so that a list of many thousand jobs
costs little more than its page. Each job stays a job of its own at every other door.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import (
    Avg,
    Case,
    Count,
    F,
    FloatField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    UUIDField,
    Value,
    When,
    Window,
)
from django.db.models.functions import Cast, RowNumber

from generation.models import GenerationJob
from generation.querysets import GenerationJobQuerySet


@dataclass(frozen=True, slots=True)
class Purpose:
    """What jobs were sent for: a round, a listening test."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Together:
    """The jobs of one purpose in figures, as one row tells of them. `lost`: how many failed or were cancelled."""

    purpose: Purpose
    count: int
    unfinished: int
    lost: int
    share_done: float
    """Of all their work, each job counting the same; those that ended without clips are done with."""
    cancellable: int
    """How many of them the reader may cancel."""

    @property
    def percent(self) -> int:
        return int(100 * self.share_done)

    @property
    def ended(self) -> int:
        return self.count - self.unfinished


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of purpose.

    `sent` answers rows that tie a job to what it was sent for, where the reader may see that; `job` and `purpose` are
    the names of the two in such a row. It is asked of one job again and again: let it be found by the job's index.
    `tell` answers purposes by their primary keys.
    """

    sent: Callable[[User], QuerySet]
    job: str
    purpose: str
    tell: Callable[[User, Collection[UUID]], Mapping[UUID, Purpose]]

    def jobs_of(self, user: User, purposes: Collection[UUID] | None = None) -> QuerySet:
        """Primary keys of the jobs that were sent for these purposes (None: for any of this kind)."""
        sent = self.sent(user) if purposes is None else self.sent(user).filter(**{f"{self.purpose}__in": purposes})
        return sent.values(self.job)

    def purposes_of(self, user: User, jobs: Collection[UUID]) -> dict[UUID, UUID]:
        """What each of the jobs was sent for."""
        return dict(self.sent(user).filter(**{f"{self.job}__in": jobs}).values_list(self.job, self.purpose))


_kinds: list[Kind] = []
"""Filled by `register` while the studio starts, and not changed afterwards. The first that knows a job tells."""


def register(kind: Kind) -> None:
    _kinds.append(kind)


def _by_kind(user: User, jobs: GenerationJobQuerySet) -> Iterator[tuple[Kind, GenerationJobQuerySet]]:
    """Those of the jobs that were sent for purposes of each kind, with `sent_for`, the purpose's primary key."""
    left = jobs.select_related(None).order_by()
    for kind in _kinds:
        purpose = kind.sent(user).filter(**{kind.job: OuterRef("pk")}).values(kind.purpose)[:1]
        yield kind, left.filter(pk__in=kind.jobs_of(user)).annotate(sent_for=Subquery(purpose, UUIDField()))
        left = left.exclude(pk__in=kind.jobs_of(user))


def folded(user: User, jobs: GenerationJobQuerySet) -> GenerationJobQuerySet:
    """Of the jobs for one purpose only the newest."""
    for_nothing, leaders = Q(), list[UUID]()
    newest_first = [F("created_at").desc(), F("id").desc()]
    for kind, sent in _by_kind(user, jobs):
        place = Window(RowNumber(), partition_by=F("sent_for"), order_by=newest_first)
        leaders += sent.annotate(place_in_group=place).filter(place_in_group=1).values_list("pk", flat=True)
        for_nothing &= ~Q(pk__in=kind.jobs_of(user))
    return jobs.filter(for_nothing | Q(pk__in=leaders)) if leaders else jobs


def show_together(user: User, rows: Sequence[Any], jobs: GenerationJobQuerySet) -> None:
    """Give `together` to each row of `folded` that stands for several of the jobs."""
    left = {row.pk: row for row in rows}
    for kind, sent in _by_kind(user, jobs):
        leader_of = {purpose: left.pop(job) for job, purpose in kind.purposes_of(user, list(left)).items()}
        if leader_of:
            figures = _figures(user, sent.filter(pk__in=kind.jobs_of(user, list(leader_of))))
            for purpose, told in kind.tell(user, figures).items() if figures else ():
                leader_of[purpose].together = Together(told, **figures[purpose])


def _figures(user: User, sent: GenerationJobQuerySet) -> dict[UUID, dict[str, Any]]:
    """What is told of the jobs of each purpose that has several."""
    unfinished = Q(state__in=GenerationJob.UNFINISHED)
    share_done = Case(
        When(unfinished & Q(steps_total=0), then=Value(0.0)),
        When(unfinished, then=Cast("steps_done", FloatField()) / F("steps_total")),
        default=Value(1.0),
        output_field=FloatField(),
    )
    figures = sent.values("sent_for").annotate(  # type: ignore[misc]  # added by `_by_kind`
        count=Count("pk"),
        unfinished=Count("pk", filter=unfinished),
        lost=Count("pk", filter=Q(state__in=(GenerationJob.State.FAILED, GenerationJob.State.CANCELLED))),
        share_done=Avg(share_done),
        cancellable=Count("pk", filter=unfinished if user.is_staff else unfinished & Q(requested_by=user)),
    )
    return {row.pop("sent_for"): row for row in figures if row["count"] > 1}


def jobs_beside(user: User, job: GenerationJob) -> GenerationJobQuerySet:
    """Those that may be shown and were sent for the same thing, itself among them; itself alone if for nothing."""
    jobs = GenerationJob.objects.visible()
    for kind, sent in _by_kind(user, jobs):
        if purpose := kind.purposes_of(user, [job.pk]).get(job.pk):
            return jobs.filter(pk__in=sent.filter(pk__in=kind.jobs_of(user, [purpose])).values("pk"))
    return jobs.filter(pk=job.pk)
