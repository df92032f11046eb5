"""What belongs to the studio as a whole: API keys, the presence of workers, and shared base classes."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Self, TypeVar

import structlog
from django.db import DatabaseError, models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy, pgettext_lazy
from knox.models import AbstractAuthToken

log = structlog.get_logger(__name__)

Row = TypeVar("Row", bound=models.Model)


class UUIDModel(models.Model):
    """A row with a UUID primary key and its time of creation (UTC)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False, db_index=True)

    class Meta:
        abstract = True


class SoftDeleteQuerySet(models.QuerySet[Row]):
    def visible(self) -> Self:
        """Leave out what was deleted."""
        return self.filter(deleted_at__isnull=True)


class SoftDeleteModel(models.Model):
    """A row that is hidden rather than removed, so that what refers to it stays readable."""

    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        abstract = True

    @property
    def is_deleted(self) -> bool:
        return self.deleted_at is not None


class ApiKey(AbstractAuthToken):
    """A key for scripts: hashed at rest, shown once when made, revoked by deleting the row.

    `scopes` holds "read" (safe methods) and/or "write" (everything else).
    """

    READ = "read"
    WRITE = "write"
    SCOPES = ((READ, gettext_lazy("Read")), (WRITE, gettext_lazy("Write")))

    name = models.CharField(max_length=100)
    scopes = models.JSONField(default=list)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created",)
        verbose_name = gettext_lazy("API key")
        constraints = [models.UniqueConstraint(fields=["user", "name"], name="api_key_name_once_per_user")]

    def __str__(self) -> str:
        return f"{self.name} ({self.token_key[:8]}…)"

    def mark_used(self) -> None:
        """Note the use, at most once a minute, so that reading through the API does not become writing.

        Where it cannot be noted (a full disk) the key works all the same.
        """
        now = timezone.now()
        if self.last_used_at is None or now - self.last_used_at > timedelta(minutes=1):
            try:
                with transaction.atomic():
                    ApiKey.objects.filter(pk=self.pk).update(last_used_at=now)
            except DatabaseError:
                log.exception("key_use_not_noted", name=self.name)


class WorkerPresenceQuerySet(models.QuerySet["WorkerPresence"]):
    def alive(self) -> Self:
        """Processes heard of within the last `WorkerPresence.TIMEOUT`: what they have claimed is theirs."""
        return self.filter(seen_at__gt=timezone.now() - WorkerPresence.TIMEOUT)

    def with_motion(self) -> Self:
        """Annotate `moves`: whether it gets work done. Its loop turns, or what it is doing has moved lately."""
        now = timezone.now()
        turning = models.Q(turned_at__gt=now - WorkerPresence.TIMEOUT)
        at_work = ~models.Q(doing="") & models.Q(turned_at__gt=now - WorkerPresence.PATIENCE)
        return self.annotate(moves=models.ExpressionWrapper(turning | at_work, models.BooleanField()))


class WorkerPresence(models.Model):
    """One living worker process. Its row is the heartbeat of all the work it has claimed.

    `name` is `host:pid:start-time`, so that a restarted container with the same host and pid is another worker.
    """

    TIMEOUT = timedelta(seconds=30)
    PATIENCE = timedelta(minutes=10)
    """What work may take between two signs of moving: loading a large model from a slow disk is the longest."""

    name = models.CharField(max_length=200, primary_key=True)
    cluster = models.CharField(max_length=50, db_index=True)
    started_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(
        default=timezone.now, db_index=True, help_text=gettext_lazy("The process was alive.")
    )
    turned_at = models.DateTimeField(
        default=timezone.now, help_text=gettext_lazy("Its loop turned, or its work moved.")
    )
    doing = models.CharField(max_length=100, blank=True, help_text=gettext_lazy("Empty while it waits for work."))

    objects = WorkerPresenceQuerySet.as_manager()

    moves: bool
    """Added by `with_motion`."""

    class Meta:
        verbose_name = pgettext_lazy("model", "worker")

    def __str__(self) -> str:
        return self.name
