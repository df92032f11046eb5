"""The default storage as backup and restore use it: streams, sizes, and stamps that tell whether a file is the same."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from django.core.files.base import File
from django.core.files.storage import storages

from text2song.backup.folder import READ_SIZE
from text2song.exceptions import DomainError
from text2song.storage import StudioS3Storage


@dataclass(frozen=True, slots=True)
class Stat:
    """`stamp` is another one whenever the file was written anew: the time of a local file, the ETag of an object."""

    size: int
    stamp: str


def stat(name: str) -> Stat:
    """Raises `FileNotFoundError`."""
    store = storages["default"]
    if isinstance(store, StudioS3Storage):
        return Stat(*store.size_and_etag(name))
    return _local(os.stat(store.path(name)))


@contextlib.contextmanager
def reading(name: str) -> Iterator[tuple[IO[bytes], Stat]]:
    """The file's bytes as a stream, and what they are; raises `FileNotFoundError`."""
    store = storages["default"]
    if isinstance(store, StudioS3Storage):
        stream, size, etag = store.open_stream(name)
        with contextlib.closing(stream):
            yield stream, Stat(size, etag)
    else:
        with Path(store.path(name)).open("rb") as stream:
            yield stream, _local(os.fstat(stream.fileno()))


def _local(facts: os.stat_result) -> Stat:
    return Stat(facts.st_size, str(facts.st_mtime_ns))


def sha256_of(name: str) -> str:
    """The SHA-256 of a stored file; raises `FileNotFoundError`."""
    digest = hashlib.sha256()
    with reading(name) as (stream, _):
        while piece := stream.read(READ_SIZE):
            digest.update(piece)
    return digest.hexdigest()


def names_below(prefix: str) -> list[str]:
    """The names of all files below a prefix; none where there is nothing."""
    try:
        folders, files = storages["default"].listdir(prefix)
    except FileNotFoundError:
        return []
    return sorted(f"{prefix}/{name}" for name in files if name) + [
        name for folder in sorted(folders) for name in names_below(f"{prefix}/{folder}")
    ]


def write(name: str, path: Path) -> None:
    """Store the file under exactly this name, in place of what is there."""
    store = storages["default"]
    if isinstance(store, StudioS3Storage):
        store.upload(name, path)
        return
    with path.open("rb") as stream:
        stored = store.save(name, File(stream))
    if stored != name:
        store.delete(stored)
        raise DomainError(f"The store would not take “{name}” under its own name, but as “{stored}”.")
