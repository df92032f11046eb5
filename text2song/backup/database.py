"""Reading all rows in one consistent snapshot, and putting them in place of those of another database."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from django.apps.registry import Apps
from django.core.management.color import no_style
from django.db import DataError, IntegrityError, connection, models, reset_queries, transaction
from tqdm import tqdm

from text2song.backup.contents import FOLDERS, KEPT_AS_IT_IS, backed_up, columns, tables
from text2song.backup.exceptions import DamagedBackup, UnusableBackup
from text2song.backup.folder import reading_lines, sha256_of, writing_lines
from text2song.backup.index import Index, Wanted
from text2song.backup.manifest import Manifest, Part
from text2song.backup.rows import from_line, to_line

ROWS = 500
"""Read or written at a time."""


@contextlib.contextmanager
def snapshot() -> Iterator[None]:
    """All that is read in the block is of one moment; others go on writing meanwhile."""
    if connection.vendor == "sqlite":
        # Not by `atomic`, which takes the lock for writing.
        with connection.cursor() as cursor:
            cursor.execute("BEGIN DEFERRED")
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")
    else:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield


@dataclass(frozen=True, slots=True)
class Dump:
    """The tables as they were written."""

    tables: dict[str, Part]
    columns: dict[str, list[str]]


def dump(apps: Apps, folder: Path, index: Index, progress: tqdm) -> Dump:
    """Write every table's rows to the folder, and the files they name to the index."""
    parts = {}
    chosen = backed_up(apps)
    for label, model in chosen.items():
        path = folder / f"{label}.jsonl.gz"
        lines = 0
        with writing_lines(path) as packed:
            for batch in _batches(_rows(model)):
                packed.writelines(to_line(row) for row in batch)
                _note_files(model, batch, index)
                lines += len(batch)
                progress.update(len(batch))
        parts[label] = Part(path.name, lines, sha256_of(path))
    return Dump(parts, {label: _names(model) for label, model in chosen.items()})


def count(apps: Apps) -> int:
    """Rows of all tables that are backed up."""
    return sum(model._base_manager.count() for model in backed_up(apps).values())


def _rows(model: type[models.Model]) -> Iterator[tuple[Any, ...]]:
    return model._base_manager.order_by("pk").values_list(*_names(model)).iterator(chunk_size=ROWS)


def _names(model: type[models.Model]) -> list[str]:
    return [field.attname for field in columns(model)]


def _batches(rows: Iterable[Any]) -> Iterator[list[Any]]:
    rows = iter(rows)
    while batch := list(islice(rows, ROWS)):
        yield batch
        reset_queries()  # with DEBUG Django would keep every statement


def _note_files(model: type[models.Model], rows: list[tuple[Any, ...]], index: Index) -> None:
    label, names = model._meta.label_lower, _names(model)
    for place, field in enumerate(columns(model)):
        if isinstance(field, models.FileField):
            index.want(Wanted(row[place], label, field.name) for row in rows if row[place])
    if below := FOLDERS.get(label):
        values = (dict(zip(names, row, strict=True)) for row in rows)
        prefixes = (prefix for row in values for prefix in below.prefixes(row) if prefix)
        index.want_below((prefix, label, below.needed) for prefix in prefixes)


def still_named(apps: Apps, file: Wanted) -> bool:
    """Whether a row names the file now."""
    return apps.get_model(file.model)._base_manager.filter(**{file.field: file.name}).exists()


# -- back into a database ----------------------------------------------------------------------------------------------


def load(apps: Apps, folder: Path, manifest: Manifest, progress: tqdm) -> None:
    """Put the backup's rows in place of all that is there, in one transaction: all of them, or nothing is changed."""
    chosen = backed_up(apps)
    _require_same_tables(chosen, manifest)
    with transaction.atomic():
        _empty(apps)
        for label, model in chosen.items():
            _load_table(model, folder, manifest, label, progress)
        connection.check_constraints()
        _reset_sequences(chosen.values())


def _require_same_tables(chosen: Mapping[str, type[models.Model]], manifest: Manifest) -> None:
    """The migrations are the same; so are the tables, unless somebody's have been changed without one."""
    for label in chosen.keys() ^ manifest.tables.keys():
        raise UnusableBackup(f"The table {label} is only in the backup or only here, at the same migrations.")
    for label, model in chosen.items():
        if _names(model) != manifest.columns[label]:
            raise UnusableBackup(
                f"The table {label} has other columns in the backup than here, at the same migrations."
            )


def _empty(apps: Apps) -> None:
    with connection.cursor() as cursor:
        for label, model in tables(apps).items():
            if label not in KEPT_AS_IT_IS:
                cursor.execute(f"DELETE FROM {connection.ops.quote_name(model._meta.db_table)}")


def _load_table(model: type[models.Model], folder: Path, manifest: Manifest, label: str, progress: tqdm) -> None:
    part, fields, loaded = manifest.tables[label], columns(model), 0
    try:
        for lines in _batches(reading_lines(manifest.path(folder, part))):
            _insert(model, [model(**from_line(line, fields)) for line in lines])
            loaded += len(lines)
            progress.update(len(lines))
    except (DataError, IntegrityError, ValueError) as error:
        raise UnusableBackup(
            f"The database refuses rows of {label}, and nothing was restored: {' '.join(str(error).split())}"
        ) from error
    if loaded != part.lines:
        raise DamagedBackup([f"{part.file} ({loaded} rows of {part.lines})"])


def _insert(model: type[models.Model], rows: list[models.Model]) -> None:
    """As fixtures are loaded: values as they are, no signal, no `auto_now`, no rule of `save`."""
    fields = columns(model)
    most = max(1, connection.ops.bulk_batch_size(fields, rows))
    for start in range(0, len(rows), most):
        model._base_manager.get_queryset()._insert(rows[start : start + most], fields=fields, raw=True)  # type: ignore[attr-defined]  # Django's own


def _reset_sequences(chosen: Iterable[type[models.Model]]) -> None:
    """The next row gets a number that no restored one has."""
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), list(chosen)):
            cursor.execute(statement)
