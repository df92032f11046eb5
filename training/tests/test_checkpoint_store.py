"""Checkpoints on local files and on a real object store: kept alike, whole or not at all, found by other machines."""

from __future__ import annotations

import shutil

import pytest
from django.core.files.storage import storages

from training.checkpoint_store import fetch_checkpoints, remove_checkpoints, store_checkpoints, stored_checkpoints
from training.tests.factories import TrainingRunFactory

pytestmark = pytest.mark.django_db


def write(run, step: int, text: str = "weights") -> None:
    folder = run.folder / f"step-{step:06d}"
    folder.mkdir(parents=True)
    (folder / "state.safetensors").write_text(text)
    (folder / "progress.json").write_text("{}")


def test_the_storage_follows_the_folder(storage_backend, stored_files):
    run = TrainingRunFactory(running=True)
    assert stored_checkpoints(run) == set() and store_checkpoints(run) == []
    write(run, 2)
    write(run, 4)
    (run.folder / ".step-000006.partial").mkdir()
    assert store_checkpoints(run) == ["step-000002", "step-000004"] and store_checkpoints(run) == []
    shutil.rmtree(run.folder / "step-000002")
    write(run, 6)
    assert store_checkpoints(run) == ["step-000006"]
    assert stored_checkpoints(run) == {"step-000004", "step-000006"}
    remove_checkpoints(run)
    assert stored_files() == []


def test_another_machine_goes_on_from_what_is_stored(storage_backend):
    run = TrainingRunFactory(running=True)
    write(run, 4, "four")
    store_checkpoints(run)
    shutil.rmtree(run.folder)
    write(run, 2, "older")
    fetch_checkpoints(run)
    assert sorted(path.name for path in run.folder.iterdir()) == ["step-000004"]
    assert (run.folder / "step-000004" / "state.safetensors").read_text() == "four"
    write(run, 6, "newer than the store")
    fetch_checkpoints(run)
    assert (run.folder / "step-000006" / "state.safetensors").read_text() == "newer than the store"


def test_a_checkpoint_whose_last_file_is_missing_does_not_count(storage_backend):
    run = TrainingRunFactory(running=True)
    write(run, 2)
    store_checkpoints(run)
    storages["default"].delete(f"{run.files}/step-000002/progress.json")
    shutil.rmtree(run.folder)
    assert stored_checkpoints(run) == set()
    fetch_checkpoints(run)
    assert not run.folder.exists()
