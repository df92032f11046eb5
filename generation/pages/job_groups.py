"""Jobs that were sent for one thing are one folded row of the list. Apps above say which those are.

An app registers a `Kind` of purpose while the studio starts (`slots.py` among its pages). The database folds them: it
puts in order only what was sent for something, and finds the rest by an index, so that a list of many thousand jobs
costs little more than its page. Each job stays a job of its own at every other door.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Case, Count, F, FloatField, Q, QuerySet, Sum, Value, When, Window
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
    may_cancel: bool

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
    the names of the two in such a row. `tell` answers purposes by their primary keys.
    """

    sent: Callable[[User], QuerySet]
    job: str
    purpose: str
    tell: Callable[[User, Collection[UUID]], Mapping[UUID, Purpose]]

    def known(self, user: User) -> Q:
        """Jobs that were sent for a purpose of this kind: a set that is made once, not a search for each job."""
        return Q(pk__in=self.sent(user).values(self.job))

    def purposes(self, user: User, jobs: Collection[UUID]) -> dict[UUID, UUID]:
        """What each of the jobs was sent for."""
        return dict(self.sent(user).filter(**{f"{self.job}__in": jobs}).values_list(self.job, self.purpose))


_kinds: list[Kind] = []
"""Filled by `register` while the studio starts, and not changed afterwards. The first that knows a job tells."""


def register(kind: Kind) -> None:
    _kinds.append(kind)


def folded(user: User, jobs: GenerationJobQuerySet) -> GenerationJobQuerySet:
    """Of the jobs for one purpose only the newest."""
    shown = ~Q(pk__in=[])
    for kind in _kinds:
        shown &= ~kind.known(user)
    for kind, told in _told(user, jobs):
        order = [F(f"{kind.job}__created_at").desc(), F(f"{kind.job}__id").desc()]
        place = Window(RowNumber(), partition_by=F(kind.purpose), order_by=order)
        newest = told.annotate(place_in_group=place).filter(place_in_group=1).values_list(kind.job, flat=True)
        shown |= Q(pk__in=list(newest))
    return jobs.filter(shown)


def _told(user: User, jobs: GenerationJobQuerySet) -> list[tuple[Kind, QuerySet]]:
    """The rows of each kind that tie one of `jobs` to its purpose, where no kind before it does."""
    rows, before = [], jobs.select_related(None).order_by()
    for kind in _kinds:
        rows.append((kind, kind.sent(user).filter(**{f"{kind.job}__in": before.values("pk")})))
        before = before.filter(~kind.known(user))
    return rows


def show_together(user: User, rows: Sequence[Any], jobs: GenerationJobQuerySet) -> None:
    """Give `together` to each row of `folded` that stands for several of the jobs."""
    left = {row.pk: row for row in rows}
    for kind, told in _told(user, jobs):
        sent_for = {purpose: left.pop(job) for job, purpose in kind.purposes(user, list(left)).items()}
        groups = _in_figures(user, kind, told.filter(**{f"{kind.purpose}__in": sent_for})) if sent_for else {}
        for purpose, words in kind.tell(user, groups).items() if groups else ():
            sent_for[purpose].together = Together(words, **groups[purpose])


def _in_figures(user: User, kind: Kind, told: QuerySet) -> dict[UUID, dict[str, Any]]:
    """What is told of the jobs of each purpose that has several."""
    unfinished = Q(**{f"{kind.job}__state__in": GenerationJob.UNFINISHED})
    lost = Q(**{f"{kind.job}__state__in": (GenerationJob.State.FAILED, GenerationJob.State.CANCELLED)})
    steps = Cast(f"{kind.job}__steps_done", FloatField()) / F(f"{kind.job}__steps_total")
    share = Case(
        When(unfinished & Q(**{f"{kind.job}__steps_total": 0}), then=Value(0.0)),
        When(unfinished, then=steps),
        default=Value(1.0),
        output_field=FloatField(),
    )
    mine = unfinished if user.is_staff else unfinished & Q(**{f"{kind.job}__requested_by": user})
    figures = (
        told.order_by()
        .values(kind.purpose)
        .annotate(
            count=Count(kind.job),
            unfinished=Count(kind.job, filter=unfinished),
            lost=Count(kind.job, filter=lost),
            done=Sum(share),
            cancellable=Count(kind.job, filter=mine),
        )
    )
    return {
        row[kind.purpose]: {
            **{name: row[name] for name in ("count", "unfinished", "lost")},
            "share_done": row["done"] / row["count"],
            "may_cancel": row["cancellable"] > 0,
        }
        for row in figures
        if row["count"] > 1
    }


def jobs_beside(user: User, job: GenerationJob) -> GenerationJobQuerySet:
    """Those that may be shown and were sent for the same thing, itself among them; itself alone if for nothing."""
    jobs = GenerationJob.objects.visible()
    for kind, told in _told(user, jobs):
        if purpose := kind.purposes(user, [job.pk]).get(job.pk):
            return jobs.filter(pk__in=told.filter(**{kind.purpose: purpose}).values(kind.job))
    return jobs.filter(pk=job.pk)
