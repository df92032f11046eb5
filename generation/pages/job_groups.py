"""Jobs that were sent for one thing are one folded row of the list. Apps above say which those are.

An app registers a `Kind` of purpose while the studio starts (`slots.py` among its pages). The database folds them,
so that a list of many thousand jobs costs what its page costs. Each job stays a job of its own at every other door.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import F, QuerySet, Subquery, UUIDField, Window
from django.db.models.functions import Coalesce, RowNumber

from generation.models import GenerationJob
from generation.pages.job_cards import may_manage
from generation.querysets import GenerationJobQuerySet


@dataclass(frozen=True, slots=True)
class Purpose:
    """What jobs were sent for: a round, a listening test."""

    label: str
    url: str


@dataclass(slots=True)
class Together:
    """The jobs of one purpose, as one row tells of them."""

    purpose: Purpose
    jobs: list[GenerationJob] = field(default_factory=list)
    may_cancel: bool = False

    @property
    def percent(self) -> int:
        """Of all their work, each job counting the same; those that ended without clips are done with."""
        return int(100 * sum(job.progress if job.is_unfinished else 1.0 for job in self.jobs) / len(self.jobs))

    @property
    def unfinished(self) -> int:
        return sum(job.is_unfinished for job in self.jobs)

    @property
    def ended(self) -> int:
        return len(self.jobs) - self.unfinished

    @property
    def lost(self) -> int:
        """How many failed or were cancelled."""
        return sum(job.state in (GenerationJob.State.FAILED, GenerationJob.State.CANCELLED) for job in self.jobs)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of purpose.

    `of_job` answers the primary key of what the job of `OuterRef("pk")` was sent for, where the reader may see that.
    `tell` answers purposes by those primary keys.
    """

    of_job: Callable[[User], QuerySet]
    tell: Callable[[User, Collection[UUID]], Mapping[UUID, Purpose]]


_kinds: list[Kind] = []
"""Filled by `register` while the studio starts, and not changed afterwards. The first that knows a job tells."""


def register(kind: Kind) -> None:
    _kinds.append(kind)


def _marked(user: User, jobs: GenerationJobQuerySet) -> GenerationJobQuerySet:
    """The jobs with `sent_for`: the primary key of what each was sent for, its own where that is nothing."""
    known = [Subquery(kind.of_job(user)[:1]) for kind in _kinds]
    return jobs.annotate(sent_for=Coalesce(*known, F("pk"), output_field=UUIDField()))


def folded(user: User, jobs: GenerationJobQuerySet) -> GenerationJobQuerySet:
    """Of the jobs for one purpose only the newest; each with `sent_for`."""
    newest_first = [F("created_at").desc(), F("id").desc()]
    place = Window(RowNumber(), partition_by=F("sent_for"), order_by=newest_first)
    # Put in places by their keys alone, then read: the database sorts thousands of keys, not of whole rows.
    leaders = _marked(user, jobs.select_related(None)).annotate(place_in_group=place).filter(place_in_group=1)
    return _marked(user, jobs).filter(pk__in=leaders.order_by().values("pk"))


def show_together(user: User, rows: Sequence[Any], jobs: GenerationJobQuerySet) -> None:
    """Give `together` to each row of `folded` that stands for several of the jobs."""
    keys = {row.sent_for for row in rows}
    groups: dict[UUID, list[GenerationJob]] = {}
    told_of = ("state", "steps_done", "steps_total", "requested_by")
    for job in _marked(user, jobs.select_related(None)).filter(sent_for__in=keys).only(*told_of):
        groups.setdefault(job.sent_for, []).append(job)
    several = {key: group for key, group in groups.items() if len(group) > 1}
    told = {key: purpose for kind in _kinds for key, purpose in kind.tell(user, several).items()} if several else {}
    for row in rows:
        if row.sent_for in told:
            group = several[row.sent_for]
            mine = any(job.is_unfinished and may_manage(user, job) for job in group)
            row.together = Together(told[row.sent_for], group, mine)


def jobs_beside(user: User, job: GenerationJob) -> GenerationJobQuerySet:
    """Those that may be shown and were sent for the same thing, itself among them; itself alone if for nothing."""
    jobs = _marked(user, GenerationJob.objects.visible())
    return jobs.filter(sent_for=jobs.filter(pk=job.pk).order_by().values("sent_for")[:1])
