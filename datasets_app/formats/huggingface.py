"""The Hugging Face folder: Parquet files of each split with codes and sound, and a dataset card, as one zip."""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.template.loader import render_to_string
from django.utils.text import slugify

from datasets_app.formats.rows import to_json
from datasets_app.formats.training_command import training_command
from datasets_app.models import Clip, Dataset, DatasetItem
from generation.sound.files import load_audio_bytes

if TYPE_CHECKING:
    import pyarrow

ROWS_AT_ONCE = 16
"""In memory together, with their sound; also the size of a row group."""
ROWS_A_FILE = 256 * ROWS_AT_ONCE
CARD = "README.md"


def write_huggingface(dataset: Dataset, items: Iterator[DatasetItem], path: Path) -> None:
    """Write the zip to `path`; once unpacked, `datasets.load_dataset(folder)` reads it."""
    with tempfile.TemporaryDirectory(prefix="parquet-", dir=path.parent) as scratch:
        tables = _Tables(dataset, Path(scratch))
        try:
            for item in items:
                tables.add(item)
        finally:
            tables.close()
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
            archive.writestr(CARD, card(dataset))
            for table in tables.paths:
                archive.write(table, f"data/{table.name}")


def card(dataset: Dataset) -> str:
    """The dataset card: a YAML header for tools, then what people want to know."""
    context = {
        "dataset": dataset,
        "slug": slugify(dataset.name) or "dataset",
        "one_line_name": json.dumps(" ".join(dataset.name.split()), ensure_ascii=False),
        "splits": [(value, getattr(dataset, f"{value}_rows")) for value in DatasetItem.Split.values],
        "filters": json.dumps(dataset.filters, indent=2, sort_keys=True, ensure_ascii=False),
        "command": training_command(dataset, elsewhere=True),
        "accuracy": _accuracy(dataset),
    }
    return render_to_string("datasets/card.md", context)


def _accuracy(dataset: Dataset) -> str:
    found = dataset.statistics.get("labels", {}).get("accuracy")
    if not found or found["value"] is None:
        return "How well it predicts people is not known here."
    return (
        f"It predicts {found['value']:.0%} of people's votes on prompts it did not learn from "
        f"(95 % interval {found['low']:.0%} to {found['high']:.0%})."
    )


class _Tables:
    """Parquet files of at most `ROWS_A_FILE` rows of one split: what a writer remembers grows with its row groups."""

    def __init__(self, dataset: Dataset, folder: Path) -> None:
        self.folder = folder
        self.schema = schema(dataset.kind, labelled=bool(dataset.labelled))
        self.paths: list[Path] = []
        self.writers: dict[str, Any] = {}
        self.waiting: dict[str, list[dict[str, Any]]] = {}
        self.rows: Counter[str] = Counter()

    def add(self, item: DatasetItem) -> None:
        rows = self.waiting.setdefault(item.split, [])
        rows.append(table_row(item))
        if len(rows) >= ROWS_AT_ONCE:
            self._flush(item.split)

    def close(self) -> None:
        for split, rows in self.waiting.items():
            if rows:
                self._flush(split)
        for writer in self.writers.values():
            writer.close()

    def _flush(self, split: str) -> None:
        import pyarrow

        rows, self.waiting[split] = self.waiting[split], []
        self._writer(split).write_table(pyarrow.Table.from_pylist(rows, schema=self.schema))
        self.rows[split] += len(rows)
        if self.rows[split] % ROWS_A_FILE == 0:
            self.writers.pop(split).close()

    def _writer(self, split: str) -> Any:
        from pyarrow.parquet import ParquetWriter

        if split not in self.writers:
            self.paths.append(self.folder / f"{split}-{self.rows[split] // ROWS_A_FILE:05}.parquet")
            self.writers[split] = ParquetWriter(self.paths[-1], self.schema, compression="zstd")
        return self.writers[split]


def table_row(item: DatasetItem) -> dict[str, Any]:
    """The row as it is in JSON, and the sound of its clips in columns of their own; imported clips have none."""
    values = to_json(item.to_row())
    for name in ("sample", "chosen", "rejected"):
        if name in values:
            clip: Clip = getattr(item, name)
            sound = {"bytes": load_audio_bytes(clip.sample), "path": values[name]["audio"]} if clip.sample else None
            values[_audio_column(name)] = sound
    return values


def schema(kind: str, *, labelled: bool = False) -> pyarrow.Schema:
    """Columns of a kind, and which of them `datasets` decodes as audio; `judge` is there only where a taste was one."""
    import pyarrow as pa

    clip = {
        "sample_id": pa.string(),
        "audio": pa.string(),
        "codes": pa.list_(pa.list_(pa.int16())),
        "seed": pa.int64(),
        "duration": pa.float64(),
        "sample_rate": pa.int32(),
        "model": pa.string(),
        "base_revision": pa.string(),
        "adapter": pa.string(),
        "notes": pa.list_(pa.string()),
    }
    tags, sound = pa.list_(pa.string()), pa.struct({"bytes": pa.binary(), "path": pa.string()})
    names = ("id", "split", "prompt_id", "prompt", "asked", "text")
    columns: dict[str, Any] = {name: pa.string() for name in names} | {"weight": pa.float64(), "votes": pa.int32()}
    if kind == Dataset.Kind.SUPERVISED:
        columns |= {"rating": pa.float64(), "tags": tags, "sample": pa.struct(clip), "audio": sound}
        audio = ["audio"]
    else:
        pair = {name: pa.struct(clip | {"tags": tags}) for name in ("chosen", "rejected")}
        audio = [_audio_column(name) for name in pair]
        judge = {"judge": pa.string()} if labelled else {}
        columns |= {"margin": pa.float64(), **judge, **pair, **dict.fromkeys(audio, sound)}
    features = {name: {"_type": "Audio"} for name in audio}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    return pa.schema(columns, metadata=metadata)


def _audio_column(clip: str) -> str:
    return "audio" if clip == "sample" else f"{clip}_audio"
