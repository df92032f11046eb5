"""Files on the store that no row names: left by workers that died between writing and committing.

Safe beside running workers: a file becomes a row's by a commit soon after it is written, so only files that have been
nobody's for long are removed, and the rows are asked at that moment.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.apps import apps
from django.core.files.storage import storages
from django.db import models
from django.utils import timezone

OLD = timedelta(days=1)
"""After this long a file that no row names belongs to no work that goes on."""
AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Orphan:
    """A stored file that no row names."""

    name: str
    size: int
    modified_at: datetime


def orphans(older_than: timedelta = OLD) -> Iterator[Orphan]:
    """Every stored file that no row names, and that was written longer ago than `older_than`."""
    for names in _batches(""):
        for name in sorted(set(names) - _named(names)):
            orphan = _look_at(name)
            if orphan is not None and orphan.modified_at <= timezone.now() - older_than:
                yield orphan


def prune(older_than: timedelta = OLD) -> list[Orphan]:
    """Remove them; returns what was removed."""
    removed = []
    for orphan in orphans(older_than):
        if not _named([orphan.name]):
            storages["default"].delete(orphan.name)
            removed.append(orphan)
    for folder in {orphan.name.rpartition("/")[0] for orphan in removed}:
        _remove_if_empty(folder)
    return removed


def _batches(folder: str) -> Iterator[list[str]]:
    """Names of all stored files, some at a time."""
    try:
        folders, files = storages["default"].listdir(folder)
    except FileNotFoundError:
        return
    names = [f"{folder}/{name}".strip("/") for name in files]
    for start in range(0, len(names), AT_ONCE):
        yield names[start : start + AT_ONCE]
    for name in folders:
        yield from _batches(f"{folder}/{name}".strip("/"))


def _named(names: list[str]) -> set[str]:
    """Those of `names` that a row names: in a file field, or as its model says by `named_among`."""
    found: set[str] = set()
    for model in apps.get_models():
        for field in model._meta.local_concrete_fields:
            if isinstance(field, models.FileField):
                rows = model._base_manager.filter(**{f"{field.name}__in": names})
                found.update(rows.values_list(field.name, flat=True))
        if named_among := getattr(model, "named_among", None):
            found |= named_among(names)
    return found


def _look_at(name: str) -> Orphan | None:
    """None for one that went meanwhile."""
    store = storages["default"]
    try:
        modified = store.get_modified_time(name)
        return Orphan(name, store.size(name), modified if modified.tzinfo else modified.replace(tzinfo=UTC))
    except OSError:
        return None


def _remove_if_empty(folder: str) -> None:
    """Folders of local files go with the last file; object stores have none."""
    while folder:
        with contextlib.suppress(OSError):
            if any(storages["default"].listdir(folder)):
                return
            storages["default"].delete(folder)
        folder = folder.rpartition("/")[0]
