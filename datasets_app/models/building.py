"""What datasets and exports share: rows that a worker of the cluster `default` builds."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy

from text2song.exceptions import DomainError
from text2song.models import SoftDeleteQuerySet
from text2song.queue import Cluster
from text2song.work import Kind, Work, WorkQuerySet, raise_if_stopping


class BuildQuerySet(SoftDeleteQuerySet[Kind], WorkQuerySet[Kind]):  # type: ignore[override]  # each makes a manager
    """`visible` is for those of them that can be deleted."""


class Build(Work):
    """queued -> building -> ready | failed."""

    class State(models.TextChoices):
        QUEUED = "queued", gettext_lazy("Queued")
        BUILDING = "building", gettext_lazy("Building")
        READY = "ready", gettext_lazy("Ready")
        FAILED = "failed", gettext_lazy("Failed")

    WORKING: ClassVar[str] = State.BUILDING
    DONE: ClassVar[str] = State.READY
    UNFINISHED: ClassVar[tuple[str, ...]] = (State.QUEUED, State.BUILDING)
    CLUSTER: ClassVar[Cluster] = "default"
    BROKEN: ClassVar[str]
    """What to tell people after an error nobody foresaw."""

    state = models.CharField(max_length=8, choices=State.choices, default=State.QUEUED, db_index=True, editable=False)
    rows_done = models.PositiveIntegerField(default=0, editable=False)
    rows_total = models.PositiveIntegerField(default=0, editable=False)
    built_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        abstract = True

    @property
    def is_ready(self) -> bool:
        return self.state == self.State.READY

    @property
    def percent(self) -> int:
        return min(100, int(100 * self.rows_done / self.rows_total)) if self.rows_total else 0

    def count(self, done: int, total: int) -> None:
        """Record rows done. Raises `HandedBack` when this process is asked to end."""
        self.report(rows_done=done, rows_total=total)
        raise_if_stopping()

    def sentence(self, error: Exception) -> str:
        """What to tell people when `error` ended it."""
        return error.message if isinstance(error, DomainError) else self.BROKEN

    def _claimed(self, worker: str, token: uuid.UUID) -> dict[str, Any]:
        return {**super()._claimed(worker, token), "rows_done": 0}

    def _ended(self, state: str) -> dict[str, Any]:
        built = {"built_at": timezone.now()} if state == self.State.READY else {}
        return {**super()._ended(state), **built}
