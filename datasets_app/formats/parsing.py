"""Reading rows from files that others wrote. Nothing in them is trusted: what is no row is refused with the reason."""

from __future__ import annotations

import json
import math
import uuid
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from datasets_app.exceptions import InvalidRow
from datasets_app.formats.rows import JUDGE_LENGTH, ClipRow, PreferenceRow, Row, SupervisedRow, codes_digest
from feedback.models.judgements import NOTE_LENGTH, TAG_LENGTH
from generation.specs import Codes

SPLITS = ("train", "validation", "test")
LONGEST_TEXT = 10_000
MOST_CODEBOOKS, MOST_FRAMES = 32, 100_000
LARGEST_CODE = np.iinfo(np.int16).max
LONGEST_LINE = 64 * 1024 * 1024
PARQUET_BATCH = 16


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a JSON Lines file, or of an exported folder or zip of Parquet files, one after another.

    Raises `InvalidRow`, which names file and line, and `OSError`.
    """
    if path.is_dir():
        yield from _read_folder(path)
    elif zipfile.is_zipfile(path):
        yield from _read_zip(path)
    else:
        yield from _parsed(_lines(path), path.name)


def parse_row(values: Any) -> Row:
    """A row from JSON values; unknown names are ignored. Raises `InvalidRow`."""
    reader = _Reader(values)
    shared: dict[str, Any] = {
        "split": reader.choice("split", SPLITS),
        "prompt_id": reader.identity("prompt_id"),
        "prompt": reader.text("prompt"),
        "asked": reader.text("asked", empty=True) if reader.values.get("asked") is not None else "",
        "text": reader.text("text"),
        "weight": reader.number("weight", above=0.0),
        "votes": _votes(reader),
    }
    if "sample" in reader.values:
        if _judge(reader):
            raise InvalidRow("judge must be left out of a rated clip; only pairs are labelled by a taste.")
        tags = reader.words("tags")
        return SupervisedRow(**shared, sample=_clip(reader, "sample", tags), rating=reader.number("rating", 1.0, 5.0))
    chosen, rejected = _clip(reader, "chosen"), _clip(reader, "rejected")
    if chosen.sample_id == rejected.sample_id:
        raise InvalidRow("chosen and rejected are the same clip.")
    margin = reader.number("margin", 0.0, 1.0)
    return PreferenceRow(**shared, chosen=chosen, rejected=rejected, margin=margin, judge=_judge(reader))


def _votes(reader: _Reader) -> int:
    """None of people where a machine labelled the row: anything else would count it as their answer."""
    if _judge(reader):
        return reader.whole("votes", low=0, high=0)
    return reader.whole("votes", low=1, high=2**31 - 1) if "votes" in reader.values else 1


def _judge(reader: _Reader) -> str:
    return reader.text("judge", longest=JUDGE_LENGTH) if reader.values.get("judge") is not None else ""


def _clip(row: _Reader, name: str, tags: tuple[str, ...] | None = None) -> ClipRow:
    reader = _Reader(row.values.get(name), f"{name}.")
    codes = reader.codes("codes")
    return ClipRow(
        sample_id=reader.identity("sample_id"),
        codes=codes,
        codes_sha256=codes_digest(codes),
        seed=reader.whole("seed", low=0, high=2**62),
        duration=reader.number("duration", above=0.0, high=86_400.0),
        sample_rate=reader.whole("sample_rate", low=1, high=1_000_000),
        model=reader.text("model", longest=80),
        base_revision=reader.text("base_revision", longest=64, empty=True),
        adapter=reader.text("adapter", longest=220) if reader.values.get("adapter") is not None else None,
        tags=reader.words("tags") if tags is None else tags,
        notes=reader.words("notes", longest=NOTE_LENGTH),
    )


class _Reader:
    """Values of an object by name, each checked."""

    def __init__(self, values: Any, prefix: str = "") -> None:
        if not isinstance(values, Mapping):
            raise InvalidRow(f"{prefix.rstrip('.') or 'A row'} must be an object.")
        self.values, self.prefix = values, prefix

    def _refuse(self, name: str, wanted: str) -> InvalidRow:
        return InvalidRow(f"{self.prefix}{name} must be {wanted}.")

    def text(self, name: str, longest: int = LONGEST_TEXT, empty: bool = False) -> str:
        value = self.values.get(name)
        if not isinstance(value, str) or len(value) > longest or "\x00" in value or not (value or empty):
            raise self._refuse(name, f"a text of at most {longest} characters")
        return value

    def words(self, name: str, longest: int = TAG_LENGTH) -> tuple[str, ...]:
        value = self.values.get(name)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(word, str) and len(word) <= longest for word in value):
            raise self._refuse(name, f"a list of texts of at most {longest} characters")
        return tuple(value)

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        value = self.values.get(name)
        if value not in choices:
            raise self._refuse(name, f"one of {', '.join(choices)}")
        return str(value)

    def identity(self, name: str) -> uuid.UUID:
        try:
            return uuid.UUID(self.text(name, longest=36))
        except ValueError as error:
            raise self._refuse(name, "a UUID") from error

    def whole(self, name: str, low: int, high: int) -> int:
        value = self.values.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self._refuse(name, f"a whole number from {low} to {high}")
        return value

    def number(self, name: str, low: float = -math.inf, high: float = math.inf, *, above: float = -math.inf) -> float:
        value = self.values.get(name)
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if value is None or not is_number or not (low <= value <= high and value > above):
            raise self._refuse(name, "a number in its range")
        return float(value)

    def codes(self, name: str) -> Codes:
        """`[K, T]` int16 from lists of equal length."""
        try:
            codes = np.asarray(self.values.get(name))
        except ValueError as error:
            raise self._refuse(name, "lists of equal length") from error
        if codes.ndim != 2 or codes.dtype.kind not in "iu":
            raise self._refuse(name, "lists of whole numbers, one list per codebook")
        if not (1 <= codes.shape[0] <= MOST_CODEBOOKS and 1 <= codes.shape[1] <= MOST_FRAMES):
            raise self._refuse(name, f"1 to {MOST_CODEBOOKS} lists of 1 to {MOST_FRAMES} codes")
        if codes.min() < 0 or codes.max() > LARGEST_CODE:
            raise self._refuse(name, f"codes from 0 to {LARGEST_CODE}")
        return codes.astype(np.int16)


# -- files ---------------------------------------------------------------------------------------------------------


def _lines(path: Path) -> Iterator[Any]:
    with path.open("rb") as file:
        while line := file.readline(LONGEST_LINE + 1):
            if len(line) > LONGEST_LINE:
                raise InvalidRow(f"a line is longer than {LONGEST_LINE // 2**20} MiB.")
            if line.strip():
                try:
                    yield json.loads(line)
                except (ValueError, RecursionError) as error:
                    raise InvalidRow("this is no JSON.") from error


def _parsed(rows: Iterable[Any], name: str) -> Iterator[Row]:
    number = 0
    remaining = iter(rows)
    while True:
        number += 1
        try:
            values = next(remaining)
            row = parse_row(values)
        except StopIteration:
            return
        except InvalidRow as error:
            raise InvalidRow(f"{name}, row {number}: {error.message}") from error
        yield row


def _read_folder(folder: Path) -> Iterator[Row]:
    tables = sorted(folder.rglob("*.parquet"))
    files = tables or sorted(folder.rglob("*.jsonl"))
    if not files:
        raise InvalidRow(f"{folder.name} holds neither Parquet nor JSON Lines files.")
    for file in files:
        yield from _parsed(_parquet_rows(file) if tables else _lines(file), file.name)


def _read_zip(path: Path) -> Iterator[Row]:
    with zipfile.ZipFile(path) as archive:
        tables = sorted(name for name in archive.namelist() if name.endswith(".parquet"))
        if not tables:
            raise InvalidRow(f"{path.name} holds no Parquet files.")
        for name in tables:
            with archive.open(name) as file:
                yield from _parsed(_parquet_rows(file), name)


def _parquet_rows(source: Any) -> Iterator[Any]:
    """Rows without their audio."""
    import pyarrow
    from pyarrow.parquet import ParquetFile

    try:
        table = ParquetFile(source)
        columns = [name for name in table.schema_arrow.names if not name.endswith("audio")]
        for batch in table.iter_batches(batch_size=PARQUET_BATCH, columns=columns):
            yield from batch.to_pylist()
    except pyarrow.ArrowException as error:
        raise InvalidRow("this is no Parquet file.") from error
