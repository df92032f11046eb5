"""What a worker makes from a row: claimed once, reported on, ended once."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from django.db import models
from django.utils import timezone

from text2song.models import SoftDeleteQuerySet, WorkerPresence


class WorkQuerySet(SoftDeleteQuerySet):
    """`visible` is for those of them that can be deleted."""

    def waiting(self) -> Self:
        return self.filter(state="queued").order_by("created_at", "id")

    def unfinished(self) -> Self:
        return self.filter(state__in=("queued", "building"))

    def of_dead_workers(self) -> Self:
        """Begun by a worker that has not been heard of within its time-out."""
        return self.filter(state="building").exclude(worker__in=WorkerPresence.objects.alive().values("name"))


class Work(models.Model):
    """queued -> building -> ready | failed. Every transition is one filtered update that must change one row."""

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        BUILDING = "building", "Building"
        READY = "ready", "Ready"
        FAILED = "failed", "Failed"

    MAX_ATTEMPTS: ClassVar[int] = 3

    state = models.CharField(max_length=8, choices=State.choices, default=State.QUEUED, db_index=True, editable=False)
    rows_done = models.PositiveIntegerField(default=0, editable=False)
    rows_total = models.PositiveIntegerField(default=0, editable=False)
    error = models.TextField(blank=True, editable=False)
    worker = models.CharField(max_length=200, blank=True, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    built_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        abstract = True

    @property
    def is_ready(self) -> bool:
        return self.state == self.State.READY

    @property
    def is_unfinished(self) -> bool:
        return self.state in (self.State.QUEUED, self.State.BUILDING)

    @property
    def percent(self) -> int:
        return min(100, int(100 * self.rows_done / self.rows_total)) if self.rows_total else 0

    def claim(self, worker: str) -> bool:
        """queued -> building; False when another worker was faster."""
        attempts = models.F("attempts") + 1
        changes = {"state": self.State.BUILDING, "worker": worker, "attempts": attempts, "rows_done": 0, "error": ""}
        return self._move(self.State.QUEUED, **changes)

    def report(self, done: int, total: int) -> None:
        """Record rows done."""
        self._meta.default_manager.filter(pk=self.pk, state=self.State.BUILDING).update(
            rows_done=done, rows_total=total
        )

    def finish(self, worker: str, **results: Any) -> bool:
        """building -> ready; False when it was given to another worker meanwhile."""
        results |= {"state": self.State.READY, "built_at": timezone.now()}
        return self._move(self.State.BUILDING, owner=worker, **results)

    def fail(self, reason: str, worker: str) -> bool:
        """building -> failed with a sentence for users."""
        return self._move(self.State.BUILDING, owner=worker, state=self.State.FAILED, error=reason)

    def requeue(self, worker: str) -> bool:
        """building -> queued, taking it from `worker`, which died."""
        return self._move(self.State.BUILDING, owner=worker, state=self.State.QUEUED, worker="")

    def _move(self, current: str, /, owner: str | None = None, **changes: Any) -> bool:
        rows = self._meta.default_manager.filter(pk=self.pk, state=current)
        moved = (rows if owner is None else rows.filter(worker=owner)).update(**changes)
        self.refresh_from_db()
        return moved == 1
