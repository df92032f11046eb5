"""manifest.json: what a finished backup holds."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from text2song.backup.exceptions import NotABackup, UnusableBackup
from text2song.backup.folder import MANIFEST, SNAPSHOTS, reading_lines

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Part:
    """A gzipped file of lines in the snapshot's folder."""

    file: str
    lines: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of the store. `sha256` is empty where a row named a file that was not there."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """`tables` are by model, `columns` the names of their values in order, `files` lists an `Entry` a line."""

    format: int
    made_at: str
    studio_version: str
    snapshot: str
    migrations: list[str]
    tables: dict[str, Part]
    columns: dict[str, list[str]]
    files: Part
    bytes: int
    missing: int

    @property
    def rows(self) -> int:
        return sum(part.lines for part in self.tables.values())

    def path(self, folder: Path, part: Part) -> Path:
        return folder / SNAPSHOTS / self.snapshot / part.file

    def entries(self, folder: Path) -> Iterator[Entry]:
        """The files of the store, in the order of their names."""
        for line in reading_lines(self.path(folder, self.files)):
            yield Entry(*json.loads(line))

    def write(self, folder: Path) -> None:
        """Put it in place of the last one, in one step, after everything it names has reached the disk."""
        os.sync()
        new = folder / f"{MANIFEST}.new"
        with new.open("w", encoding="utf-8") as stream:
            json.dump(asdict(self), stream, indent=1)
            stream.flush()
            os.fsync(stream.fileno())
        new.replace(folder / MANIFEST)
        os.sync()


def find_manifest(folder: Path) -> Manifest | None:
    """The manifest of the folder's finished backup; None where there is none."""
    return read_manifest(folder) if (folder / MANIFEST).is_file() else None


def read_manifest(folder: Path) -> Manifest:
    """Raises `NotABackup` where there is none that can be read, `UnusableBackup` for one of a newer format."""
    try:
        values = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if values["format"] > FORMAT:
            raise UnusableBackup(
                f"{folder} was made by a newer studio (version {values['studio_version']}, format {values['format']}). "
                "Install that version or a later one, and restore with it."
            )
        return _manifest(values)
    except FileNotFoundError as error:
        raise NotABackup(
            f"{folder} holds no finished backup: it has no {MANIFEST}. Run `manage.py backup` on it again to finish it."
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotABackup(f"{folder / MANIFEST} cannot be read: it is damaged, or no manifest of a backup.") from error


def _manifest(values: dict[str, Any]) -> Manifest:
    tables = {label: Part(**part) for label, part in values["tables"].items()}
    manifest = Manifest(**values | {"tables": tables, "files": Part(**values["files"])})
    for name in (manifest.snapshot, *(part.file for part in (manifest.files, *tables.values()))):
        if Path(name).name != name:
            raise ValueError(f"{name} leads out of the backup")
    return manifest


def studio_version() -> str:
    """As pyproject.toml has it."""
    with (settings.BASE_DIR / "pyproject.toml").open("rb") as stream:
        return tomllib.load(stream)["project"]["version"]
