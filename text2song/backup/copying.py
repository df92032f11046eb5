"""Copying the files that the index wants from the store into the backup."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from text2song.backup import store
from text2song.backup.folder import READ_SIZE, STORE, object_path
from text2song.backup.index import Copied, Index
from text2song.backup.manifest import Entry
from text2song.backup.progress import BATCH, bar, in_parallel, threads

INCOMING = ".incoming"
ROUNDS = 5


class Copier:
    """Copies what is not in the folder yet, and lists every file with its hash in the index."""

    def __init__(self, folder: Path, index: Index) -> None:
        self.folder, self.index = folder, index
        self.incoming = folder / STORE / INCOMING
        self.copied = 0

    def copy_all(self) -> None:
        """An interrupted run before this one may have left half a file; it is removed."""
        shutil.rmtree(self.incoming, ignore_errors=True)
        self.incoming.mkdir(parents=True)
        with threads() as self._pool, bar("Files", self.index.count(), "files") as progress:
            # Checkpoints first: a run that goes on replaces those its row named a moment ago.
            for prefix, needed in self.index.folders():
                entries = self._bring_below(prefix)
                self.index.list_entries(entries or ([Entry(prefix, 0, "")] if needed else []))
                progress.update()
            names = (file.name for file in self.index.wanted())
            while batch := list(islice(names, BATCH)):
                self.index.list_entries(self._bring(batch))
                progress.update(len(batch))
        self.incoming.rmdir()

    def _bring(self, names: list[str]) -> list[Entry]:
        """Have the files here; one that is not on the store has no hash."""
        known = [self.index.copied(name) for name in names]
        brought = list(in_parallel(self._pool, self._bring_one, zip(names, known, strict=True)))
        new = [file for file, before in zip(brought, known, strict=True) if file and file != before]
        self.index.add_copied(new)
        self.copied += len(new)
        return [
            Entry(name, file.size, file.sha256) if file else Entry(name, 0, "")
            for name, file in zip(names, brought, strict=True)
        ]

    def _bring_below(self, prefix: str) -> list[Entry]:
        """The files below a prefix, which may come and go: folders are taken whole as they stood, or not at all."""
        before: dict[str, list[Entry]] = {}
        for _ in range(ROUNDS):
            now = _by_folder(self._bring(store.names_below(prefix)))
            settled = {name: files for name, files in now.items() if before.get(name) == files}
            if settled == now:
                break
            before = now
        return [file for files in settled.values() for file in files if all(each.sha256 for each in files)]

    def _bring_one(self, wanted: tuple[str, Copied | None]) -> Copied | None:
        name, known = wanted
        try:
            if known and self._is_here(known) and store.stat(name) == store.Stat(known.size, known.stamp):
                return known
            return self._copy(name)
        except FileNotFoundError:
            return None

    def _is_here(self, known: Copied) -> bool:
        path = object_path(self.folder, known.sha256)
        return path.is_file() and path.stat().st_size == known.size

    def _copy(self, name: str) -> Copied:
        digest, size = hashlib.sha256(), 0
        with (
            store.reading(name) as (stream, stat),
            tempfile.NamedTemporaryFile(dir=self.incoming, delete=False) as file,
        ):
            while piece := stream.read(READ_SIZE):
                digest.update(piece)
                file.write(piece)
                size += len(piece)
        copied = Copied(name, size, stat.stamp, digest.hexdigest())
        path = object_path(self.folder, copied.sha256)
        path.parent.mkdir(parents=True, exist_ok=True)
        Path(file.name).replace(path)
        return copied


def _by_folder(entries: list[Entry]) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        found.setdefault(entry.name.rpartition("/")[0], []).append(entry)
    return found


def remove_unlisted(folder: Path, index: Index) -> None:
    """Remove the contents that no file of the new backup has."""
    for path in _contents(folder / STORE):
        if not index.lists_content(path.name):
            path.unlink()
    index.forget_unlisted()


def _contents(root: Path) -> Iterator[Path]:
    for shelf in root.iterdir():
        yield from shelf.iterdir()
