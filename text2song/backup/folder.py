"""The folder on disk: who may read it, who works on it, and its gzipped lists of lines."""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from text2song.backup.exceptions import FolderIsBusy, NotABackup

MANIFEST, SNAPSHOTS, STORE, INDEX = "manifest.json", "snapshots", "store", "index.sqlite3"
OURS = {MANIFEST, f"{MANIFEST}.new", SNAPSHOTS, STORE, INDEX, f"{INDEX}-wal", f"{INDEX}-shm", f"{INDEX}-journal"}
READ_SIZE = 1 << 20


@contextlib.contextmanager
def private() -> Iterator[None]:
    """What is made in the block is for its owner's eyes only: it holds hashes of passwords and keys."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


@contextlib.contextmanager
def locked(folder: Path, *, shared: bool = False) -> Iterator[None]:
    """Keep the folder to this process, or among readers; raises `FolderIsBusy`."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise FolderIsBusy(f"Another command is at work on {folder}. Wait for its end.") from error
    try:
        yield
    finally:
        os.close(handle)


def prepare(folder: Path) -> None:
    """Make the folder; raises `NotABackup` where there is something else in it."""
    folder.mkdir(parents=True, exist_ok=True)
    strangers = sorted({path.name for path in folder.iterdir()} - OURS)
    if strangers:
        raise NotABackup(f"{folder} holds other things ({strangers[0]}). Name a new or empty folder.")


def object_path(folder: Path, sha256: str) -> Path:
    """Where the file of this content is kept."""
    return folder / STORE / sha256[:2] / sha256


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, hex; it is read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextlib.contextmanager
def writing_lines(path: Path) -> Iterator[gzip.GzipFile]:
    """A new gzipped file of lines."""
    with path.open("xb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=5, mtime=0) as packed:
        yield packed


def reading_lines(path: Path) -> Iterator[bytes]:
    """The lines of a gzipped file, one after the other."""
    with gzip.open(path, "rb") as packed:
        yield from packed
