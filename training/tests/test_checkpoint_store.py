"""Checkpoints on local files and on a real object store: the run's row names what counts, and each claim its own."""

from __future__ import annotations

import shutil

import pytest
from django.core.files.storage import FileSystemStorage, storages
from django.db import OperationalError, connection

from text2song.work import ClaimLost
from training.models import TrainingRun
from training.runs.checkpoint_store import fetch_checkpoints, local_checkpoints, remove_checkpoints, store_checkpoints
from training.tests.factories import TrainingRunFactory

pytestmark = pytest.mark.django_db


def claimed(run: TrainingRun | None = None, worker: str = "host:1:1") -> TrainingRun:
    """A run under a new claim, as an object of its own."""
    run = TrainingRun.objects.get(pk=(run or TrainingRunFactory()).pk)
    assert run.claim(worker)
    return run


def taken_over(run: TrainingRun, worker: str = "host:2:2") -> TrainingRun:
    """The run under another worker's claim."""
    assert TrainingRun.objects.get(pk=run.pk).take_up()
    return claimed(run, worker)


def stored(run: TrainingRun) -> dict[str, str]:
    return TrainingRun.objects.get(pk=run.pk).checkpoints


def write(run, step: int, text: str = "weights") -> None:
    folder = run.folder / f"step-{step:06d}"
    folder.mkdir(parents=True)
    (folder / "state.safetensors").write_text(text)
    (folder / "progress.json").write_text("{}")


def test_the_storage_follows_the_folder(storage_backend, stored_files):
    run = claimed()
    assert store_checkpoints(run) == [] and stored(run) == {}
    write(run, 2)
    write(run, 4)
    (run.folder / ".step-000006.partial").mkdir()
    assert store_checkpoints(run) == ["step-000002", "step-000004"] and store_checkpoints(run) == []
    assert set(stored(run)) == {"step-000002", "step-000004"} and TrainingRun.objects.get().progressed
    shutil.rmtree(run.folder / "step-000002")
    write(run, 6)
    assert store_checkpoints(run) == ["step-000006"]
    assert set(stored(run)) == {"step-000004", "step-000006"}
    assert stored_files() == sorted(
        f"{prefix}/{name}" for prefix in stored(run).values() for name in ("progress.json", "state.safetensors")
    )
    remove_checkpoints(run)
    assert stored_files() == []


def test_another_machine_goes_on_from_what_is_stored(storage_backend):
    run = claimed()
    write(run, 4, "four")
    store_checkpoints(run)
    shutil.rmtree(run.folder)
    write(run, 2, "older")
    run = taken_over(run)
    fetch_checkpoints(run)
    assert sorted(path.name for path in run.folder.iterdir()) == ["step-000004"]
    assert (run.folder / "step-000004" / "state.safetensors").read_text() == "four"
    write(run, 6, "newer than the store")
    fetch_checkpoints(run)
    assert (run.folder / "step-000006" / "state.safetensors").read_text() == "newer than the store"


def test_a_checkpoint_whose_last_file_is_missing_does_not_count(storage_backend):
    run = claimed()
    write(run, 2)
    store_checkpoints(run)
    storages["default"].delete(f"{stored(run)['step-000002']}/progress.json")
    shutil.rmtree(run.folder)
    fetch_checkpoints(run)
    assert local_checkpoints(run.folder) == set()


def test_half_an_upload_counts_for_nothing_and_is_made_good_by_the_next(monkeypatch):
    save_file = FileSystemStorage._save

    def full(self, name, content):
        if name.endswith("state.safetensors"):
            raise OSError(28, "No space left on device")
        return save_file(self, name, content)

    run = claimed()
    write(run, 2, "two")
    with monkeypatch.context() as broken, pytest.raises(OSError, match="No space"):
        broken.setattr(FileSystemStorage, "_save", full)
        store_checkpoints(run)
    assert stored(run) == {} and not TrainingRun.objects.get().progressed
    assert store_checkpoints(run) == ["step-000002"]
    shutil.rmtree(run.folder)
    fetch_checkpoints(taken_over(run))
    assert (run.folder / "step-000002" / "state.safetensors").read_text() == "two"


def test_a_late_worker_removes_only_what_it_wrote(storage_backend, stored_files, settings, tmp_path):
    late = claimed()
    write(late, 2, "two")
    store_checkpoints(late)
    run = taken_over(late)
    settings.RUNS_DIR = tmp_path / "another machine"
    fetch_checkpoints(run)
    write(run, 4, "four")
    assert store_checkpoints(run) == ["step-000004"]
    before, named = stored_files(), stored(run)

    settings.RUNS_DIR = tmp_path / "runs"
    write(late, 4, "late")
    shutil.rmtree(late.folder / "step-000002")
    with pytest.raises(ClaimLost):
        store_checkpoints(late)
    assert stored_files() == before and stored(run) == named
    with storages["default"].open(f"{named['step-000004']}/state.safetensors") as file:
        assert file.read() == b"four"
    with storages["default"].open(f"{named['step-000002']}/state.safetensors") as file:
        assert file.read() == b"two"


def test_a_cancelled_run_keeps_what_it_had_stored(stored_files):
    run = claimed()
    write(run, 2)
    store_checkpoints(run)
    before = stored_files()
    TrainingRun.objects.get().cancel()
    write(run, 4)
    with pytest.raises(ClaimLost):
        store_checkpoints(run)
    assert stored_files() == before and set(stored(run)) == {"step-000002"}


def test_a_commit_whose_answer_was_lost_is_not_undone(monkeypatch, stored_files):
    run = claimed()
    write(run, 2, "two")
    report = TrainingRun.report

    def lost(self, **values):
        report(self, **values)
        raise OperationalError("server closed the connection unexpectedly")

    with monkeypatch.context() as broken, pytest.raises(OperationalError):
        broken.setattr(TrainingRun, "report", lost)
        store_checkpoints(run)
    named, files = stored(run), stored_files()
    assert set(named) == {"step-000002"} and len(files) == 2
    assert store_checkpoints(run) == ["step-000002"], "once more, to the same place"
    assert (stored(run), stored_files()) == (named, files)


def test_while_the_database_is_away_nothing_is_uploaded(monkeypatch, stored_files):
    run = claimed()
    write(run, 2)

    def refuse(*args, **kwargs):
        raise OperationalError("server closed the connection unexpectedly")

    with monkeypatch.context() as broken, pytest.raises(OperationalError):
        broken.setattr(connection, "cursor", refuse)
        store_checkpoints(run)
    assert stored_files() == [] and store_checkpoints(run) == ["step-000002"]
