"""Putting a backup's files on the default storage, under the names that rows have for them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from django.conf import settings
from django.core.files.storage import storages

from text2song.backup import store
from text2song.backup.folder import object_path
from text2song.backup.index import Copied, Index
from text2song.backup.manifest import Entry, Manifest
from text2song.backup.progress import BATCH, bar, in_parallel, threads
from text2song.storage import StudioS3Storage

UNDER_WAY = "restore.sqlite3"
"""In STUDIO_DATA_DIR: what has been put where, for going on after an interruption."""


def put_files(folder: Path, manifest: Manifest) -> None:
    """Have every file on the storage. One that is there with the same content is left as it is."""
    if isinstance(storages["default"], StudioS3Storage):
        storages["default"].ensure_bucket()
    with _index() as index, threads() as pool, bar("Files", manifest.files.lines, "files") as progress:
        entries = (entry for entry in manifest.entries(folder) if entry.sha256)
        while batch := list(islice(entries, BATCH)):
            known = [index.copied(entry.name) for entry in batch]
            files = [(folder, entry, before) for entry, before in zip(batch, known, strict=True)]
            index.add_copied(in_parallel(pool, _put, files))
            progress.update(len(batch))


@contextlib.contextmanager
def _index() -> Iterator[Index]:
    """Removed once all is done; kept when it is not."""
    settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
    path = settings.DATA_DIR / UNDER_WAY
    index = Index(path)
    try:
        yield index
    finally:
        index.close()
    path.unlink()


def _put(file: tuple[Path, Entry, Copied | None]) -> Copied:
    folder, entry, known = file
    if known is None or not _is_there(entry, known):
        if not _has_content(entry):
            store.write(entry.name, object_path(folder, entry.sha256))
        known = Copied(entry.name, entry.size, store.stat(entry.name).stamp, entry.sha256)
    return known


def _is_there(entry: Entry, known: Copied) -> bool:
    """Whether a run before this one put it there, and nobody has touched it since."""
    try:
        return known.sha256 == entry.sha256 and store.stat(entry.name) == store.Stat(entry.size, known.stamp)
    except FileNotFoundError:
        return False


def _has_content(entry: Entry) -> bool:
    try:
        return store.stat(entry.name).size == entry.size and store.sha256_of(entry.name) == entry.sha256
    except FileNotFoundError:
        return False
