"""Checkpoints on the default storage, so that a run can go on on another machine.

The trainer writes them to the run's folder on this machine, each a folder `step-000123` that is whole once it is there.
On the storage each claim writes below a prefix of its own, and the run's row names what counts: a checkpoint is stored
once the row says so, and is removed after the row has ceased to. A late worker can do neither to another's.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

import structlog
from django.core.files.base import File
from django.core.files.storage import storages

from text2song.work import ClaimLost
from training.models import TrainingRun

log = structlog.get_logger(__name__)

PREFIX, LAST_FILE = "step-", "progress.json"
READ_SIZE = 1 << 20


def store_checkpoints(run: TrainingRun) -> list[str]:
    """Bring the storage to what the folder of a claimed run holds; returns the checkpoints that are new there.

    Raises `ClaimLost` when the run is no longer this claim's; what was written is removed then.
    """
    here, there = local_checkpoints(run.folder), dict(run.checkpoints)
    prefix = f"{run.files}/{run.claimed_name('checkpoints')}"
    new = {name: f"{prefix}/{name}" for name in sorted(here - set(there))}
    if new and not run.is_mine():  # asked first: what is uploaded while the database is away is nobody's for good
        raise ClaimLost
    try:
        for name, target in new.items():
            _upload(run.folder / name, target)
        _commit(run, {name: target for name, target in (there | new).items() if name in here})
    except ClaimLost:
        remove_stored(new.values())
        raise
    remove_stored(target for name, target in there.items() if name not in here)
    return list(new)


def _commit(run: TrainingRun, checkpoints: dict[str, str]) -> None:
    """From now on these are the run's; the steps made since the last ones are progress that a death does not undo."""
    if not run.report(checkpoints=checkpoints, progressed=True):
        raise ClaimLost
    run.checkpoints = checkpoints


def fetch_checkpoints(run: TrainingRun) -> None:
    """Bring the stored checkpoints to the run's folder, unless it has newer ones: this machine trained it last."""
    here, there = local_checkpoints(run.folder), run.checkpoints
    if not there or (here and max(here) >= max(there)):
        return
    shutil.rmtree(run.folder, ignore_errors=True)
    for name in sorted(there):
        _download(there[name], run.folder / name)


def remove_checkpoints(run: TrainingRun) -> None:
    """Take all of the run's checkpoints off the storage."""
    remove_stored(run.checkpoints.values())


def remove_stored(prefixes: Iterable[str]) -> None:
    """Remove stored checkpoints that no row names. What cannot be removed now is found by `prune`."""
    for prefix in prefixes:
        try:
            for file in _files(prefix):
                storages["default"].delete(f"{prefix}/{file}")
            storages["default"].delete(prefix)  # the empty folder; object stores have none
        except Exception:
            log.warning("checkpoint_not_removed", prefix=prefix, exc_info=True)


def local_checkpoints(folder: Path) -> set[str]:
    """Names of the whole checkpoints in a folder of this machine."""
    return {path.name for path in folder.glob(f"{PREFIX}*") if (path / LAST_FILE).is_file()}


def _upload(folder: Path, prefix: str) -> None:
    for path in sorted(folder.iterdir()):
        with path.open("rb") as stream:
            storages["default"].save(f"{prefix}/{path.name}", File(stream))


def _download(prefix: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetch-") as scratch:
        whole = Path(scratch) / target.name
        whole.mkdir()
        for file in _files(prefix):
            with storages["default"].open(f"{prefix}/{file}", "rb") as stored, (whole / file).open("wb") as local:
                shutil.copyfileobj(stored, local, READ_SIZE)
        whole.rename(target)


def _files(prefix: str) -> list[str]:
    """Names below `prefix`; none where there is nothing."""
    try:
        return storages["default"].listdir(prefix)[1]
    except FileNotFoundError:
        return []
