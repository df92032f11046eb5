"""What Settings says about the machine the studio runs on."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import django
import psutil
from django.conf import settings
from django.db.models import QuerySet
from django.utils.translation import gettext, gettext_lazy

from text2song.health import Check, checks
from text2song.models import WorkerPresence

EXPLANATIONS = {
    "database": gettext_lazy("The database does not answer. Check DATABASE_URL and that the server runs."),
    "storage": gettext_lazy(
        "Files cannot be written, read or removed. Check the folder's rights and its free space, or S3."
    ),
    "cache": gettext_lazy(
        "Everything works, but limits per time do not hold. Check REDIS_URL, or the data folder's free space."
    ),
    "queue": gettext_lazy(
        "What waits for them goes on once they work. Workers says which run and what they do; "
        "`make run` or `docker compose up` starts those that do not."
    ),
}
TITLES = {
    "database": gettext_lazy("Database"),
    "storage": gettext_lazy("Storage"),
    "cache": gettext_lazy("Cache"),
    "queue": gettext_lazy("Queue"),
}
LOW_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Part:
    """A check with what to do about it when it fails."""

    check: Check

    @property
    def title(self) -> str:
        return str(TITLES.get(self.check.name, self.check.name.capitalize()))

    @property
    def advice(self) -> str:
        return "" if self.check.ok else EXPLANATIONS.get(self.check.name, gettext("The log has the details."))


@dataclass(frozen=True, slots=True)
class Disk:
    """The disk that holds a folder; sizes in bytes."""

    folder: Path
    total: int
    free: int

    @property
    def is_low(self) -> bool:
        return self.free < LOW_SHARE * self.total


@dataclass(frozen=True, slots=True)
class Memory:
    """Main memory, bytes."""

    total: int
    available: int

    @property
    def is_low(self) -> bool:
        return self.available < LOW_SHARE * self.total


def parts() -> list[Part]:
    """Database, storage, cache and queue, each checked now."""
    return [Part(check) for check in checks()]


def disk(folder: Path | None = None) -> Disk:
    """The disk that holds `folder`, or the studio's data."""
    folder = folder or settings.DATA_DIR
    usage = shutil.disk_usage(folder)
    return Disk(folder, usage.total, usage.free)


def memory() -> Memory:
    state = psutil.virtual_memory()
    return Memory(state.total, state.available)


def workers() -> QuerySet[WorkerPresence]:
    """Living workers, by queue; `moves` tells whether one gets work done."""
    return WorkerPresence.objects.alive().with_motion().order_by("cluster", "started_at")


def versions() -> dict[str, str]:
    """Of what the web process itself runs on; it never imports the model libraries."""
    return {"Python": sys.version.split()[0], "Django": django.get_version()}
