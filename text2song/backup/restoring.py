"""Restoring a backup: all is checked before anything changes, files come first, and the database last, at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from django.apps.registry import Apps
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone

from text2song.backup import database
from text2song.backup.contents import MADE_BY_SETUP, backed_up
from text2song.backup.exceptions import StudioInTheWay
from text2song.backup.folder import locked
from text2song.backup.manifest import Manifest, read_manifest
from text2song.backup.migration_state import migrate_forward, migrate_to, models_now, require_known
from text2song.backup.progress import bar
from text2song.backup.putting import put_files
from text2song.backup.verifying import verify
from text2song.models import WorkerPresence

NAMED = 6
SILENCE = WorkerPresence.TIMEOUT.total_seconds() + 5
"""Seconds after which a worker that does not run any more counts as such."""


def restore_backup(folder: Path, *, replace: bool = False, tell: Callable[[str], None] = lambda line: None) -> Manifest:
    """Make this studio the one of the backup. Interrupted, it goes on when it is run again.

    Raises `DomainError`: `StudioInTheWay` for a studio that is running, or that holds something and may not be
    replaced; `DamagedBackup`, `NotABackup` and `UnusableBackup`. `OSError` and what the S3 client raises come through.
    """
    manifest = read_manifest(folder)
    with locked(folder, shared=True):
        require_known(manifest)
        if not replace:
            _require_empty(models_now())
        _require_no_workers(models_now(), tell)
        verify(folder, manifest)
        put_files(folder, manifest)
        migrate_to(manifest)
        with bar("Database", manifest.rows, "rows") as progress:
            database.load(models_now(), folder, manifest, progress)
        ContentType.objects.clear_cache()
        migrate_forward()
    return manifest


def _require_empty(apps: Apps) -> None:
    found = holdings(apps)
    if found:
        counts = ", ".join(f"{number} {name}" for name, number in found[:NAMED])
        more = f" and {len(found) - NAMED} more kinds of things" if len(found) > NAMED else ""
        raise StudioInTheWay(
            f"This studio is not empty: it holds {counts}{more}. Restoring puts the backup in place of all of it. "
            "If that may be lost, run the command again with --replace."
        )


def holdings(apps: Apps) -> list[tuple[str, int]]:
    """What people have made here, by kind, the most first; nothing for a studio that was only set up."""
    counts = []
    for label, model in backed_up(apps).items():
        set_up = MADE_BY_SETUP.get(label)
        if set_up != {}:
            rows = model._base_manager.exclude(**set_up) if set_up else model._base_manager
            counts.append((str(model._meta.verbose_name_plural), rows.count()))
    return sorted(((name, number) for name, number in counts if number), key=lambda pair: -pair[1])


def _require_no_workers(apps: Apps, tell: Callable[[str], None]) -> None:
    """A worker that was ended a moment ago still counts as alive; give it time to fall silent."""
    try:
        presence = apps.get_model("text2song", "workerpresence")
    except LookupError:
        return
    deadline = time.monotonic() + SILENCE
    while alive := presence._base_manager.filter(seen_at__gt=timezone.now() - WorkerPresence.TIMEOUT).count():
        if time.monotonic() > deadline:
            raise StudioInTheWay(f"The studio is running: {alive} workers are alive. Stop it, web process included.")
        if deadline - time.monotonic() > SILENCE - 1:
            tell(f"{alive} workers were alive a moment ago; waiting up to {SILENCE:.0f} s for them to fall silent.")
        time.sleep(1)
