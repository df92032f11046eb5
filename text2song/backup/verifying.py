"""Reading a whole backup and comparing every part with the hash it was written with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from text2song.backup.exceptions import DamagedBackup
from text2song.backup.folder import locked, object_path, sha256_of
from text2song.backup.manifest import Entry, Manifest, read_manifest
from text2song.backup.progress import bar, in_parallel, threads


def check_backup(folder: Path) -> Manifest:
    """The manifest of a backup found whole; raises `DamagedBackup` naming what is not, `NotABackup` where none is."""
    manifest = read_manifest(folder)
    with locked(folder, shared=True):
        verify(folder, manifest)
    return manifest


def verify(folder: Path, manifest: Manifest) -> None:
    """Raises `DamagedBackup`."""
    # The lists first: those of the files cannot be read when their list is damaged.
    damaged = list(_damaged_parts(folder, manifest)) or list(_damaged_files(folder, manifest))
    if damaged:
        raise DamagedBackup(damaged)


def _damaged_parts(folder: Path, manifest: Manifest) -> Iterator[str]:
    for part in (*manifest.tables.values(), manifest.files):
        path = manifest.path(folder, part)
        if (trouble := _trouble(path, part.sha256)) is not None:
            yield f"{path.relative_to(folder)} {trouble}"


def _damaged_files(folder: Path, manifest: Manifest) -> Iterator[str]:
    def check(entry: Entry) -> str | None:
        path = object_path(folder, entry.sha256)
        trouble = _trouble(path, entry.sha256) if entry.sha256 else None
        return f"{path.relative_to(folder)}, which is {entry.name}, {trouble}" if trouble else None

    with threads() as pool, bar("Verifying", manifest.files.lines, "files") as progress:
        for trouble in in_parallel(pool, check, manifest.entries(folder)):
            progress.update()
            if trouble:
                yield trouble


def _trouble(path: Path, sha256: str) -> str | None:
    try:
        return None if sha256_of(path) == sha256 else "is not what was written"
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
