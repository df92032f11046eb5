"""Making a backup, or bringing one up to date."""

from __future__ import annotations

import contextlib
import json
import shutil
import uuid
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.apps.registry import Apps

from text2song.backup import database
from text2song.backup.copying import Copier, remove_unlisted
from text2song.backup.folder import INDEX, SNAPSHOTS, locked, prepare, private, sha256_of, writing_lines
from text2song.backup.index import Index
from text2song.backup.manifest import FORMAT, Manifest, Part, find_manifest, studio_version
from text2song.backup.migration_state import applied, models_now
from text2song.backup.progress import bar
from text2song.exceptions import Conflict

FILES_LIST = "files.jsonl.gz"


@dataclass(frozen=True, slots=True)
class Made:
    """`copied` files are new in the folder. Of those not on the store, rows still name `lost`; `gone` were deleted
    while the backup was made.
    """

    manifest: Manifest
    copied: int
    lost: list[str]
    gone: list[str]


def make_backup(folder: Path) -> Made:
    """Bring the folder to what the studio holds now; what it holds already is not copied again.

    The folder's last finished backup stays whole until this one is. Raises `DomainError`, `OSError`, and what the S3
    client raises; running it again goes on.
    """
    with private():
        prepare(folder)
        with locked(folder):
            rows = _new_snapshot(folder, find_manifest(folder))
            with contextlib.closing(Index(folder / INDEX)) as index:
                return _make(folder, rows, index)


def _new_snapshot(folder: Path, last: Manifest | None) -> Path:
    """An empty folder for rows; those of runs that were interrupted are removed."""
    for path in (folder / SNAPSHOTS).glob("*"):
        if last is None or path.name != last.snapshot:
            shutil.rmtree(path)
    rows = folder / SNAPSHOTS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}"
    rows.mkdir(parents=True)
    return rows


def _make(folder: Path, rows: Path, index: Index) -> Made:
    index.begin()
    with database.snapshot():
        made_at, migrations, apps = datetime.now(UTC), applied(), models_now()
        if not migrations:
            raise Conflict("There is no studio to back up yet: its database has no tables.")
        with bar("Database", database.count(apps), "rows") as progress:
            dump = database.dump(apps, rows, index, progress)
    copier = Copier(folder, index)
    copier.copy_all()
    lost, gone = _missing(apps, index)
    manifest = Manifest(
        format=FORMAT,
        made_at=made_at.isoformat(timespec="seconds"),
        studio_version=studio_version(),
        snapshot=rows.name,
        migrations=migrations,
        tables=dump.tables,
        columns=dump.columns,
        files=_write_list(rows / FILES_LIST, index),
        bytes=index.bytes(),
        missing=len(lost) + len(gone),
    )
    manifest.write(folder)
    for path in (folder / SNAPSHOTS).iterdir():
        if path != rows:
            shutil.rmtree(path)
    remove_unlisted(folder, index)
    return Made(manifest, copier.copied, lost, gone)


def _write_list(path: Path, index: Index) -> Part:
    lines = 0
    with writing_lines(path) as packed:
        for entry in index.entries():
            packed.write(json.dumps(astuple(entry)).encode() + b"\n")
            lines += 1
    return Part(path.name, lines, sha256_of(path))


def _missing(apps: Apps, index: Index) -> tuple[list[str], list[str]]:
    """Files that were not on the store: those rows name still, and those that have been deleted since."""
    lost: list[str] = []
    gone: list[str] = []
    for file in index.missing():
        (lost if database.still_named(apps, file) else gone).append(file.name)
    return lost, gone
