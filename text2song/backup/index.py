"""What is to be copied and what has been, kept on disk: it may be of any length, and outlives a killed process."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from text2song.backup.manifest import Entry

SCHEMA = """
PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS copied (name TEXT PRIMARY KEY, size INTEGER, stamp TEXT, sha256 TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS wanted (name TEXT PRIMARY KEY, model TEXT, field TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS folders (prefix TEXT PRIMARY KEY, model TEXT, needed INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS listed (name TEXT PRIMARY KEY, size INTEGER, sha256 TEXT) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS listed_contents ON listed (sha256);
"""


@dataclass(frozen=True, slots=True)
class Copied:
    """A file as it was copied. `stamp` tells whether the original is still the same (see `store.Stat`)."""

    name: str
    size: int
    stamp: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file that a row names, in `field` of a `model`."""

    name: str
    model: str
    field: str


class Index:
    """Closed by `close`; what `begin` starts is forgotten by the next `begin`, what was copied is not."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.executescript(SCHEMA)

    def close(self) -> None:
        self._database.close()

    def begin(self) -> None:
        for table in ("wanted", "folders", "listed"):
            self._database.execute(f"DELETE FROM {table}")

    # -- what the rows name --------------------------------------------------------------------------------------------

    def want(self, files: Iterable[Wanted]) -> None:
        rows = [(file.name, file.model, file.field) for file in files]
        self._many("INSERT OR IGNORE INTO wanted VALUES (?, ?, ?)", rows)

    def want_below(self, folders: Iterable[tuple[str, str, bool]]) -> None:
        """Prefix, model, and whether there must be a file: an adapter needs those its registration may be without."""
        self._many(
            "INSERT INTO folders VALUES (?, ?, ?) ON CONFLICT (prefix) DO UPDATE"
            " SET model = excluded.model, needed = 1 WHERE excluded.needed",
            list(folders),
        )

    def wanted(self) -> Iterator[Wanted]:
        for row in self._database.execute("SELECT name, model, field FROM wanted ORDER BY name"):
            yield Wanted(*row)

    def folders(self) -> Iterator[tuple[str, bool]]:
        for prefix, needed in self._database.execute("SELECT prefix, needed FROM folders ORDER BY prefix"):
            yield prefix, bool(needed)

    def count(self) -> int:
        """How many files and folders are wanted."""
        counts = "SELECT (SELECT count(*) FROM wanted) + (SELECT count(*) FROM folders)"
        return self._database.execute(counts).fetchone()[0]

    # -- what was copied -----------------------------------------------------------------------------------------------

    def copied(self, name: str) -> Copied | None:
        row = self._database.execute("SELECT name, size, stamp, sha256 FROM copied WHERE name = ?", (name,)).fetchone()
        return Copied(*row) if row else None

    def add_copied(self, files: Iterable[Copied]) -> None:
        rows = [(file.name, file.size, file.stamp, file.sha256) for file in files]
        self._many("INSERT OR REPLACE INTO copied VALUES (?, ?, ?, ?)", rows)

    # -- what the backup lists -----------------------------------------------------------------------------------------

    def list_entries(self, entries: Iterable[Entry]) -> None:
        rows = [(entry.name, entry.size, entry.sha256) for entry in entries]
        self._many("INSERT OR REPLACE INTO listed VALUES (?, ?, ?)", rows)

    def entries(self) -> Iterator[Entry]:
        for row in self._database.execute("SELECT name, size, sha256 FROM listed ORDER BY name"):
            yield Entry(*row)

    def lists_content(self, sha256: str) -> bool:
        return bool(self._database.execute("SELECT 1 FROM listed WHERE sha256 = ? LIMIT 1", (sha256,)).fetchone())

    def bytes(self) -> int:
        return self._database.execute("SELECT coalesce(sum(size), 0) FROM listed").fetchone()[0]

    def missing(self) -> Iterator[Wanted]:
        """What was wanted and is listed without a hash."""
        for row in self._database.execute(
            "SELECT name, model, field FROM (SELECT name, model, field FROM wanted UNION ALL"
            " SELECT prefix, model, 'files' FROM folders WHERE needed) JOIN listed USING (name) WHERE sha256 = ''"
        ):
            yield Wanted(*row)

    def forget_unlisted(self) -> None:
        self._database.execute("DELETE FROM copied WHERE name NOT IN (SELECT name FROM listed WHERE sha256 <> '')")

    def _many(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        """In one transaction: a few at a time would wait for the disk each."""
        self._database.execute("BEGIN")
        self._database.executemany(statement, rows)
        self._database.execute("COMMIT")
