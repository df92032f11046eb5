"""Which migrations a database has had, and the models it has by them, whatever version the code is of."""

from __future__ import annotations

from collections.abc import Sequence

from django.apps.registry import Apps
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder

from text2song.backup.exceptions import UnusableBackup
from text2song.backup.manifest import Manifest

Key = tuple[str, str]


def applied() -> list[str]:
    """The database's migrations as `app.name`; none for a database without tables."""
    return sorted(".".join(key) for key in MigrationRecorder(connection).applied_migrations())


def models_now() -> Apps:
    """The models as the database has their tables."""
    executor = MigrationExecutor(connection)
    return executor._create_project_state(with_applied_migrations=True).apps  # type: ignore[attr-defined]  # Django's own


def require_known(manifest: Manifest) -> None:
    """Raise `UnusableBackup` when this code cannot bring a database to the backup's state."""
    known = MigrationExecutor(connection).loader.disk_migrations.keys()
    unknown = [name for name in manifest.migrations if _key(name) not in known]
    if unknown:
        raise UnusableBackup(
            f"The backup was made by another studio (version {manifest.studio_version}) whose migration {unknown[0]} "
            "this one does not know. Install that version or a later one, and restore with it."
        )
    ahead = sorted(set(applied()) - set(manifest.migrations))
    if ahead:
        raise UnusableBackup(
            f"This database is ahead of the backup (by the migration {ahead[0]}). Restore into a database without "
            "tables, before `manage.py setup`: for SQLite move the file away, for PostgreSQL create a new database. "
            "Its rows are then brought up to date."
        )


def migrate_to(manifest: Manifest) -> None:
    """Bring the database to the backup's migrations, and no further. `require_known` has been asked."""
    executor = MigrationExecutor(connection)
    wanted = {_key(name) for name in manifest.migrations}
    nodes = executor.loader.graph.node_map
    last = [key for key in sorted(wanted & nodes.keys()) if not _followed(nodes[key].children, key, wanted)]
    executor.migrate([key for key in last if key not in executor.loader.applied_migrations])


def _followed(children: Sequence[Key], key: Key, wanted: set[Key]) -> bool:
    return any(child[0] == key[0] and tuple(child) in wanted for child in children)


def migrate_forward() -> None:
    """Bring the database to what this code needs."""
    call_command("migrate", interactive=False, verbosity=0)


def _key(name: str) -> Key:
    app, _, migration = name.partition(".")
    return app, migration
