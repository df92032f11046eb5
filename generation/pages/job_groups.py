"""Jobs that were sent for one thing are one folded row of the list. Apps above say which those are.

An app registers a function while the studio starts (`slots.py` among its pages). It gets the reader and jobs that may
be shown, and returns, by their primary keys, what those it knows were sent for, where the reader may see that. Each job
stays a job of its own at every other door.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User

from generation.models import GenerationJob
from generation.pages.job_cards import may_manage
from generation.querysets import GenerationJobQuerySet


@dataclass(frozen=True, slots=True)
class Purpose:
    """What jobs were sent for: a round, a listening test. `key` is its own among all."""

    key: str
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


Purposes = Callable[[User, GenerationJobQuerySet], Mapping[UUID, Purpose]]

_purposes: list[Purposes] = []
"""Filled by `tells_purposes` while the studio starts, and not changed afterwards."""


def tells_purposes(purposes: Purposes) -> Purposes:
    """Register what jobs were sent for (decorator). Its queries must not grow in number with the jobs."""
    _purposes.append(purposes)
    return purposes


def purposes_of(user: User, jobs: GenerationJobQuerySet) -> dict[UUID, Purpose]:
    """By primary key, for those that were sent for something; the first app that knows a job tells."""
    found: dict[UUID, Purpose] = {}
    for purposes in _purposes:
        found = {**purposes(user, jobs), **found}
    return found


def folded(
    user: User, jobs: GenerationJobQuerySet
) -> tuple[GenerationJobQuerySet, dict[UUID, list[UUID]], dict[UUID, Purpose]]:
    """The jobs with one for each purpose, its newest; by that one the keys of all its jobs; and what they are for."""
    purposes = purposes_of(user, jobs)
    first: dict[str, UUID] = {}
    members: dict[UUID, list[UUID]] = {}
    for pk in jobs.filter(pk__in=purposes).values_list("pk", flat=True):
        members.setdefault(first.setdefault(purposes[pk].key, pk), []).append(pk)
    members = {pk: pks for pk, pks in members.items() if len(pks) > 1}
    behind = [pk for leader, pks in members.items() for pk in pks if pk != leader]
    return jobs.exclude(pk__in=behind), members, purposes


def show_together(
    user: User, rows: Iterable[Any], members: Mapping[UUID, list[UUID]], purposes: Mapping[UUID, Purpose]
) -> None:
    """Give `together` to each row that stands for several jobs."""
    leaders = [row for row in rows if row.pk in members]
    pks = [pk for row in leaders for pk in members[row.pk]]
    jobs = {job.pk: job for job in GenerationJob.objects.filter(pk__in=pks)}
    for row in leaders:
        there = [jobs[pk] for pk in members[row.pk] if pk in jobs]
        mine = any(job.is_unfinished and may_manage(user, job) for job in there)
        row.together = Together(purposes[row.pk], there or [row], mine)


def jobs_beside(user: User, job: GenerationJob) -> GenerationJobQuerySet:
    """Those that may be shown and were sent for the same thing, itself among them; itself alone if for nothing."""
    jobs = GenerationJob.objects.visible()
    purposes = purposes_of(user, jobs)
    own = purposes.get(job.pk)
    pks = [pk for pk, purpose in purposes.items() if own and purpose.key == own.key]
    return jobs.filter(pk__in=pks or [job.pk])
