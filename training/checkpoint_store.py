"""Checkpoints on the default storage, so that a run can go on on another machine.

The trainer writes them to the run's folder on this machine, each a folder `step-000123` that is whole once it is there.
On the storage the file `progress.json` is written last and removed first: a checkpoint without it does not count.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import structlog
from django.core.files.base import File
from django.core.files.storage import storages

from training.models import TrainingRun

log = structlog.get_logger(__name__)

PREFIX, LAST_FILE = "step-", "progress.json"
READ_SIZE = 1 << 20


def store_checkpoints(run: TrainingRun) -> list[str]:
    """Bring the storage to what the run's folder holds; returns the checkpoints that are new there."""
    here, there = local_checkpoints(run.folder), stored_checkpoints(run)
    new = sorted(here - there)
    for name in new:
        _upload(run, name)
    for name in there - here:
        _remove(run, name)
    return new


def fetch_checkpoints(run: TrainingRun) -> None:
    """Bring the stored checkpoints to the run's folder, unless it has newer ones: this machine trained it last."""
    here, there = local_checkpoints(run.folder), stored_checkpoints(run)
    if not there or (here and max(here) >= max(there)):
        return
    shutil.rmtree(run.folder, ignore_errors=True)
    for name in sorted(there):
        _download(run, name)


def stored_checkpoints(run: TrainingRun) -> set[str]:
    """Names of the whole checkpoints on the storage."""
    return {name for name in _names(run.files)[0] if LAST_FILE in _names(f"{run.files}/{name}")[1]}


def remove_checkpoints(run: TrainingRun) -> None:
    """Take all of the run's checkpoints off the storage."""
    for name in _names(run.files)[0]:
        _remove(run, name)


def local_checkpoints(folder: Path) -> set[str]:
    """Names of the whole checkpoints in a folder of this machine."""
    return {path.name for path in folder.glob(f"{PREFIX}*") if (path / LAST_FILE).is_file()}


def _upload(run: TrainingRun, name: str) -> None:
    files = sorted((run.folder / name).iterdir(), key=lambda path: path.name == LAST_FILE)
    for path in files:
        with path.open("rb") as stream:
            storages["default"].save(f"{run.files}/{name}/{path.name}", File(stream))


def _download(run: TrainingRun, name: str) -> None:
    run.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=run.folder, prefix=".fetch-") as scratch:
        whole = Path(scratch) / name
        whole.mkdir()
        for file in _names(f"{run.files}/{name}")[1]:
            stored = storages["default"].open(f"{run.files}/{name}/{file}", "rb")
            with stored, (whole / file).open("wb") as local:
                shutil.copyfileobj(stored, local, READ_SIZE)
        whole.rename(run.folder / name)


def _remove(run: TrainingRun, name: str) -> None:
    prefix = f"{run.files}/{name}"
    for file in sorted(_names(prefix)[1], key=lambda file: file != LAST_FILE):
        storages["default"].delete(f"{prefix}/{file}")
    storages["default"].delete(prefix)  # the empty folder; object stores have none


def _names(prefix: str) -> tuple[list[str], list[str]]:
    """Folders and files below `prefix`; none where there is nothing."""
    try:
        return storages["default"].listdir(prefix)
    except FileNotFoundError:
        return [], []
