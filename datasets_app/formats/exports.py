"""Datasets as files, written row by row: a million rows need no more memory than a thousand."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from django.core.files import File

from datasets_app.exceptions import DatasetNotReady
from datasets_app.formats.huggingface import write_huggingface
from datasets_app.formats.rows import to_json
from datasets_app.models import Dataset, DatasetItem, Export
from text2song.outages import write_refused
from text2song.work import patiently

ROWS_AT_ONCE = 200
REPORT_EVERY = 50
BLOCK = 1024 * 1024


def write(export: Export) -> bool:
    """Write the file of a claimed export; it ends ready or failed. True when it is ready."""
    export.perform(_write, lambda error: write_refused(error, export.sentence(error)))
    return export.is_ready


def _write(export: Export) -> None:
    with tempfile.TemporaryDirectory(prefix="export-") as scratch:
        path = Path(scratch) / f"dataset.{export.suffix}"
        write_file(export.dataset, export.format, path, on_row=lambda done: _report(export, done))
        with path.open("rb") as file:
            digest = _digest(file)
            export.file.save(f"{export.claimed_name()}.{export.suffix}", File(file), save=False)
        name, storage = export.file.name, export.file.storage
        ended = patiently(lambda: export.complete(file=name, size=path.stat().st_size, sha256=digest))
    if not ended and name and not Export.objects.filter(file=name).exists():
        storage.delete(name)


def write_file(
    dataset: Dataset, file_format: str, path: Path, on_row: Callable[[int], None] = lambda done: None
) -> None:
    """Write a built dataset to `path` in a format; `on_row` is told how many rows are done."""
    if not dataset.is_ready:
        raise DatasetNotReady(dataset.name, dataset.state)
    items = _counted(items_of(dataset), on_row)
    if file_format == Export.Format.HUGGINGFACE:
        write_huggingface(dataset, items, path)
    else:
        write_jsonl(items, path)


def items_of(dataset: Dataset) -> Iterator[DatasetItem]:
    """The rows in their order, with all it takes to export them, read some at a time."""
    return dataset.items.order_by("position").with_clips().iterator(chunk_size=ROWS_AT_ONCE)


def write_jsonl(items: Iterator[DatasetItem], path: Path) -> None:
    """One self-contained row a line."""
    with path.open("w", encoding="utf-8") as file:
        for item in items:
            row = json.dumps(to_json(item.to_row()), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
            file.write(f"{row}\n")


def _counted(items: Iterator[DatasetItem], on_row: Callable[[int], None]) -> Iterator[DatasetItem]:
    for number, item in enumerate(items, start=1):
        yield item
        on_row(number)


def _report(export: Export, done: int) -> None:
    if done % REPORT_EVERY == 0:
        export.count(done, export.rows_total)


def _digest(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while block := file.read(BLOCK):
        digest.update(block)
    file.seek(0)
    return digest.hexdigest()
