"""The database: it answers, its tables are those of this code, it takes what is written, it tells the same time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from text2song.doctor.clock import compare
from text2song.doctor.finding import Finding, in_words, ok, warning, wrong
from text2song.models import WorkerPresence
from text2song.workers import worker_name

ANOTHER_TIME = timedelta(seconds=10)
UNUSABLE_TIME = WorkerPresence.TIMEOUT
"""From this difference on, a living worker of another machine looks dead."""


def reachable() -> Iterator[Finding]:
    """It answers. A SQLite file that is gone is not made anew by looking."""
    file = _sqlite_file()
    if file is not None and not file.is_file():
        yield wrong(
            f"The database file {file} is not there.", "Put it back from a copy; `manage.py setup` begins a new one."
        )
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM sqlite_master" if file else "SELECT 1")
            cursor.fetchone()
    except DatabaseError as error:
        yield wrong(f"{connection.display_name} does not answer: {in_words(error)}.", _mend(error, file))
        return
    yield ok(f"{connection.display_name} answers{f', {file}' if file else ''}.")


def migrations() -> Iterator[Finding]:
    """The tables are those this code was written for."""
    executor = MigrationExecutor(connection)
    loader = executor.loader
    missing = [migration for migration, _ in executor.migration_plan(loader.graph.leaf_nodes())]
    if missing:
        named = ", ".join(f"{migration.app_label}.{migration.name}" for migration in missing[:3])
        more = ", …" if len(missing) > 3 else ""
        yield wrong(f"Migrations that are not applied: {len(missing)} ({named}{more}).", "Run `manage.py setup`.")
    applied = set(loader.applied_migrations) - set(loader.disk_migrations)
    unknown = [key for key in applied if key[0] in loader.migrated_apps]
    if unknown:
        named = ".".join(sorted(unknown)[0])
        yield warning(f"The database is newer than this code: {named} is not known.", "Run the newest release here.")
    if not (missing or unknown):
        yield ok(f"All {len(loader.applied_migrations)} are applied.")


def writable() -> Iterator[Finding]:
    """A row is committed and removed; it is one that nobody counts as a worker."""
    file = _sqlite_file()
    long_ago = timezone.now() - timedelta(days=365)
    row = WorkerPresence(name=worker_name(), cluster="doctor", seen_at=long_ago, turned_at=long_ago)
    try:
        row.save(force_insert=True)
        row.delete()
    except DatabaseError as error:
        yield wrong(f"The database takes nothing new: {in_words(error)}.", _mend(error, file))
        return
    yield ok("A row was written and removed.")


def clock() -> Iterator[Finding]:
    """This machine, the database and the workers' machines agree on what time it is."""
    if connection.vendor == "sqlite":
        yield ok("The database has this machine's clock.")
    else:
        before = timezone.now()
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            theirs: datetime = cursor.fetchone()[0]
        ours = before + (timezone.now() - before) / 2
        yield compare("the database", theirs - ours, ANOTHER_TIME, UNUSABLE_TIME)
    for worker in WorkerPresence.objects.filter(seen_at__gt=timezone.now() + ANOTHER_TIME):
        yield compare(f"the worker {worker.name}", worker.seen_at - timezone.now(), ANOTHER_TIME, UNUSABLE_TIME)


def _sqlite_file() -> Path | None:
    """The file, unless the database is another's or in memory."""
    name = str(connection.settings_dict["NAME"])
    return None if connection.vendor != "sqlite" or name.startswith(("file:", ":")) else Path(name)


def _mend(error: Exception, file: Path | None) -> str:
    """By what drivers say; both are stable in it."""
    said = str(error)
    mends = {
        "locked": "End the process that holds it locked: a copy being made, a shell, a command that hangs.",
        "full": "Free space on its disk.",
        "readonly": f"Give the user that runs the studio the right to write {file} and its folder.",
        "unable to open": f"Give the user that runs the studio the right to read and write {file} and its folder.",
        "not a database": "Put it back from a copy: the file is damaged.",
        "malformed": "Put it back from a copy: the file is damaged.",
        "No space left": "Free space on the database server's disk.",
        "password authentication": "Correct user and password in DATABASE_URL.",
        "does not exist": "Correct the database's name and user in DATABASE_URL, or create them on the server.",
        "read-only": "Point DATABASE_URL to the primary server: this one takes no writes.",
    }
    started = "Check the address in DATABASE_URL, and that the server runs and can be reached from here."
    return next((mend for words, mend in mends.items() if words in said), started)
