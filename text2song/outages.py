"""What is out of order when an error is not the caller's fault nor ours: the sentence for people, in one place.

A full disk speaks in many tongues (the operating system's, SQLite's, PostgreSQL's, an object store's); it is named as
what it is wherever it strikes, because only whoever runs the studio can make room.
"""

from __future__ import annotations

import errno
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.utils.translation import gettext, gettext_lazy

POSTGRES_DISK_FULL = "53100"
STORE_FULL_CODES = frozenset({"InsufficientCapacity", "InsufficientStorage", "QuotaExceeded", "XMinioStorageFull"})
INSUFFICIENT_STORAGE = 507
NO_ROOM_BYTES = 64 * 1024
"""With less than this SQLite cannot even make the files beside the database, and calls that an I/O error."""


@dataclass(frozen=True, slots=True)
class Outage:
    """A part that is out of order. `sentence` may be shown to anybody."""

    code: str
    sentence: str
    retry_after: int


def _full(what: str) -> Outage:
    return Outage(
        "disk_full",
        gettext("The disk that holds %(what)s is full. Make room, then try again.") % {"what": what},
        retry_after=60,
    )


DATA_DISK_FULL = _full(gettext_lazy("the studio's data"))
SCRATCH_DISK_FULL = _full(gettext_lazy("the studio's temporary files"))
DATABASE_DISK_FULL = _full(gettext_lazy("the database"))
STORE_FULL = Outage(
    "disk_full", gettext_lazy("The store that holds the studio's files is full. Make room, then try again."), 60
)
DATABASE_AWAY = Outage(
    "database_unavailable", gettext_lazy("The database does not answer. Try again shortly."), retry_after=5
)


def outage_behind(error: BaseException | None) -> Outage | None:
    """The outage that `error`, or what it was raised from, tells of; None when it tells of none."""
    if (full := full_disk_behind(error)) is not None:
        return full
    return DATABASE_AWAY if any(map(is_database_away, _chain(error))) else None


def is_database_away(error: BaseException) -> bool:
    """Whether `error` says that the database does not answer.

    psycopg2 raises a plain `DatabaseError` when the server ends in the middle of a query or a commit; what is wrong
    with a query itself is always one of its subclasses. Django lets the driver's own errors through where a cursor that
    was being iterated is closed. SQLite says “operational” of wrong statements too, which are our bugs.
    """
    driver = connection.Database  # type: ignore[attr-defined]  # every back end has one
    silent = (OperationalError, InterfaceError, driver.OperationalError, driver.InterfaceError)
    if not isinstance(error, silent):
        return type(error) in (DatabaseError, driver.DatabaseError)
    said = error if isinstance(error, sqlite3.Error) else error.__cause__
    return not (isinstance(said, sqlite3.Error) and _sqlite_code(said) == sqlite3.SQLITE_ERROR)


def full_disk_behind(error: BaseException | None) -> Outage | None:
    """The full disk or store that `error`, or what it was raised from, tells of."""
    for link in _chain(error):
        if isinstance(link, OSError) and link.errno in (errno.ENOSPC, errno.EDQUOT):
            return _which_disk()
        if isinstance(link, sqlite3.Error) and _is_sqlite_full(link):
            return DATA_DISK_FULL
        if getattr(link, "pgcode", None) == POSTGRES_DISK_FULL:
            return DATABASE_DISK_FULL
        if _is_store_full(getattr(link, "response", None)):
            return STORE_FULL
    return None


def write_refused(error: BaseException, otherwise: str) -> str:
    """The sentence for something that could not be written: a full disk is named, else it is `otherwise`."""
    full = full_disk_behind(error)
    return full.sentence if full else otherwise


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _sqlite_code(error: sqlite3.Error) -> int | None:
    """The primary result code, where SQLite gave one."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _is_sqlite_full(error: sqlite3.Error) -> bool:
    code = _sqlite_code(error)
    if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
        return _is_full(settings.DATA_DIR)
    return code == sqlite3.SQLITE_FULL or "disk is full" in str(error)


def _which_disk() -> Outage:
    """The operating system does not say which disk is full: temporary files may be on one of their own."""
    if not _is_full(settings.DATA_DIR) and _is_full(Path(tempfile.gettempdir())):
        return SCRATCH_DISK_FULL
    return DATA_DISK_FULL


def _is_full(folder: Path) -> bool:
    try:
        return shutil.disk_usage(folder).free < NO_ROOM_BYTES
    except OSError:
        return False


def _is_store_full(response: Any) -> bool:
    """Whether botocore's answer to a write (`ClientError.response`) says that the store has no room."""
    if not isinstance(response, dict):
        return False
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return status == INSUFFICIENT_STORAGE or response.get("Error", {}).get("Code") in STORE_FULL_CODES
