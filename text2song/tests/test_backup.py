"""Backup and restore within one process: what is kept, what is refused, what is copied again."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from django_q.models import OrmQ, Schedule

from adapters.tests.factories import AdapterFactory, AdapterRegistrationFactory
from datasets_app.models import Clip, Dataset
from datasets_app.tests.factories import clips
from feedback.tests.factories import RatingFactory
from generation.models import AudioSample, GenerationJob
from generation.tests.factories import AudioSampleFactory, GenerationJobFactory
from prompts.models import PromptTemplate
from text2song.backup import copying, restoring
from text2song.backup.contents import FOLDERS, LEFT_OUT, columns, tables
from text2song.backup.exceptions import DamagedBackup, NotABackup, StudioInTheWay, UnusableBackup
from text2song.backup.folder import MANIFEST, STORE, locked, object_path
from text2song.backup.making import make_backup
from text2song.backup.manifest import read_manifest
from text2song.backup.restoring import restore_backup
from text2song.backup.verifying import check_backup
from text2song.models import WorkerPresence
from text2song.tests.factories import UserFactory
from training.tests.factories import TrainingRunFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    return tmp_path / "backup"


def fill() -> AudioSample:
    """Rows and files of every kind that is out of the ordinary."""
    sample = clips(2)[0]
    RatingFactory(sample=sample)
    UserFactory().groups.add(Group.objects.create(name="raters"))
    template = PromptTemplate.objects.create(name="mine", category="jazz", text="a tune", owner=UserFactory())
    PromptTemplate.objects.filter(pk=template.pk).update(updated_at="2020-02-03T04:05:06.789012Z")
    AdapterFactory(training_config={"nested": [1.5, None, "é\u2028"]})
    run = TrainingRunFactory(running=True)
    for name in ("weights.safetensors", "progress.json"):
        storages["default"].save(f"{run.files}/step-000120/{name}", ContentFile(name.encode()))
    clip = Clip(dataset=Dataset.objects.create(name="imported", kind="supervised"), sample_key=sample.pk, seed=2**40,
                codes_sha256="0" * 64, duration=0.1, sample_rate=8000, model="other")  # fmt: skip
    clip.codes_file.save("clip.npz", ContentFile(b"codes"), save=True)
    GenerationJobFactory(running=True)
    return sample


def all_rows() -> dict[str, list[tuple[Any, ...]]]:
    """Every row of what a backup holds, by model."""
    kept = {label: model for label, model in tables(apps).items() if label not in LEFT_OUT}
    return {
        label: list(model._base_manager.order_by("pk").values_list(*(field.attname for field in columns(model))))
        for label, model in kept.items()
    }


def contents(names: list[str]) -> dict[str, bytes]:
    return {name: storages["default"].open(name).read() for name in names}


def lose_everything(names: list[str]) -> None:
    for name in names:
        storages["default"].delete(name)
    call_command("flush", interactive=False, verbosity=0)


def written_when(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def change_manifest(folder: Path, **values: Any) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(manifest | values))


def test_all_rows_and_files_come_back(storage_backend, backup, stored_files):
    fill()
    rows, files = all_rows(), contents(stored_files())
    assert len(files) >= 9 and any(name.startswith("runs/") for name in files)
    made = make_backup(backup)
    assert (made.copied, made.lost, made.gone) == (len(files), [], [])
    assert made.manifest.rows == sum(map(len, rows.values()))
    lose_everything(stored_files())
    restore_backup(backup)
    assert all_rows() == rows
    assert contents(stored_files()) == files
    # Numbers go on behind those of the restored rows, also on PostgreSQL.
    assert Group.objects.create(name="creators").pk > max(row[0] for row in rows["auth.group"])
    restored = Clip.objects.get()
    restored.pk = None
    restored.dataset = Dataset.objects.create(name="another", kind="supervised")
    restored.save()


def test_every_table_of_the_database_is_backed_up_or_named_as_left_out(backup):
    fill()
    manifest = make_backup(backup).manifest
    labels = {model._meta.db_table: label for label, model in tables(apps).items()}
    with connection.cursor() as cursor:
        there = set(connection.introspection.table_names(cursor)) - {"django_migrations"}
        assert {labels.get(name, name) for name in there} == manifest.tables.keys() | LEFT_OUT.keys()
        assert not manifest.tables.keys() & LEFT_OUT.keys()
        for table in there - {tables(apps)[label]._meta.db_table for label in LEFT_OUT}:
            found = {column.name for column in connection.introspection.get_table_description(cursor, table)}
            names = {
                apps.get_model(labels[table])._meta.get_field(name).column for name in manifest.columns[labels[table]]
            }
            assert names == found, table


def test_every_model_that_keeps_files_below_a_prefix_is_known():
    assert {label for label, model in tables(apps).items() if hasattr(model, "named_among")} == FOLDERS.keys()
    for row in (AdapterFactory(), AdapterRegistrationFactory(), TrainingRunFactory()):
        values = {field.attname: getattr(row, field.attname) for field in columns(type(row))}
        assert row.files in FOLDERS[row._meta.label_lower].prefixes(values)


def test_an_upload_that_waits_to_be_unpacked_is_kept_and_what_nothing_names_is_not(backup):
    storages["default"].save("uploads/abc/upload.zip", ContentFile(b"sent"))
    storages["default"].save("exports/stray.zip", ContentFile(b"left"))
    AdapterRegistrationFactory(files="", upload="uploads/abc")
    made = make_backup(backup)
    assert [entry.name for entry in made.manifest.entries(backup)] == ["uploads/abc/upload.zip"]


def test_sessions_messages_and_workers_do_not_come_back_and_the_schedule_stays(backup):
    Session.objects.create(session_key="k" * 32, session_data="", expire_date=timezone.now())
    OrmQ.objects.create(key="default", payload="x")
    make_backup(backup)
    long_ago = timezone.now() - 2 * WorkerPresence.TIMEOUT
    WorkerPresence.objects.create(name="host:1:1", cluster="default", seen_at=long_ago)
    Schedule.objects.create(func="generation.tasks.sweep")
    restore_backup(backup)
    assert not Session.objects.exists() and not OrmQ.objects.exists() and not WorkerPresence.objects.exists()
    assert Schedule.objects.exists()


def test_running_work_comes_back_as_that_of_a_worker_nobody_hears_of(backup):
    job = GenerationJobFactory(running=True)
    make_backup(backup)
    lose_everything([])
    restore_backup(backup)
    assert GenerationJob.objects.get(pk=job.pk).worker == job.worker
    assert not WorkerPresence.objects.alive().exists()


# -- running it again --------------------------------------------------------------------------------------------------


def test_the_same_folder_again_copies_what_is_new_and_drops_what_is_gone(storage_backend, backup):
    first, second = AudioSampleFactory(), AudioSampleFactory()
    assert make_backup(backup).copied == 4
    kept = written_when(backup / STORE)
    assert make_backup(backup).copied == 0 and written_when(backup / STORE) == kept
    AudioSampleFactory()
    second.delete_files()
    second.delete()
    made = make_backup(backup)
    assert (made.copied, made.manifest.files.lines) == (2, 4)
    assert len([path for path in (backup / STORE).rglob("*") if path.is_file()]) == len(
        {entry.sha256 for entry in made.manifest.entries(backup)}
    )
    assert len(list((backup / "snapshots").iterdir())) == 1
    storages["default"].save(first.audio_file.name, ContentFile(b"another take"))
    assert make_backup(backup).copied == 1
    check_backup(backup)
    restore_backup(backup, replace=True)
    assert first.audio_file.open().read() == b"another take"


def test_an_interrupted_update_leaves_the_last_backup_whole_and_is_gone_on_with(backup, monkeypatch):
    AudioSampleFactory()
    before = make_backup(backup).manifest
    sample = AudioSampleFactory()

    def copies_one(self: copying.Copier, name: str) -> Any:
        if name == sample.codes_file.name:
            raise OSError(28, "No space left on device")
        return copy(self, name)

    copy = copying.Copier._copy
    with monkeypatch.context() as patched:
        patched.setattr(copying.Copier, "_copy", copies_one)
        with pytest.raises(CommandError, match=r"No space left on device\.\nRun `manage.py backup` again"):
            call_command("backup", str(backup))
    assert check_backup(backup) == before
    assert make_backup(backup).manifest.files.lines == 4
    check_backup(backup)


def test_one_command_at_a_time(backup):
    make_backup(backup)
    with locked(backup), pytest.raises(CommandError, match="Another command is at work"):
        call_command("backup", str(backup))
    with locked(backup), pytest.raises(CommandError, match="Another command is at work"):
        call_command("restore", str(backup))


# -- files that are not there ------------------------------------------------------------------------------------------


def test_lost_files_are_named_and_told_by_the_exit_status(storage_backend, backup, capsys):
    sample, adapter = AudioSampleFactory(), AdapterFactory(stored=False)
    storages["default"].delete(sample.codes_file.name)
    with pytest.raises(CommandError) as raised:
        call_command("backup", str(backup))
    assert raised.value.returncode == 3
    assert sample.codes_file.name in str(raised.value) and adapter.files in str(raised.value)
    call_command("restore", str(backup), "--replace")
    assert "2 files that rows name were not on the store" in capsys.readouterr().out
    assert AudioSample.objects.get().audio_file.open().read()


def test_files_deleted_while_the_backup_is_made_are_no_error(backup, monkeypatch, capsys):
    sample = AudioSampleFactory()
    copy_all = copying.Copier.copy_all

    def after_a_deletion(self: copying.Copier) -> None:
        sample.delete_files()
        sample.delete()
        copy_all(self)

    monkeypatch.setattr(copying.Copier, "copy_all", after_a_deletion)
    call_command("backup", str(backup))
    assert f"Deleted while the backup was made: {sample.audio_file.name}, " in capsys.readouterr().out


def test_a_checkpoint_that_changes_while_it_is_copied_is_left_out_whole(backup, monkeypatch):
    run, store = TrainingRunFactory(running=True), storages["default"]
    for step in (1, 2):
        for name in ("weights", "progress.json"):
            store.save(f"{run.files}/step-{step}/{name}", ContentFile(b"x"))
    copy, written = copying.Copier._copy, []

    def while_it_is_written(self: copying.Copier, name: str) -> Any:
        found = copy(self, name)
        if name.endswith("step-2/weights"):
            written.append(store.save(name, ContentFile(b"x" * (2 + len(written)))))
        return found

    monkeypatch.setattr(copying.Copier, "_copy", while_it_is_written)
    manifest = make_backup(backup).manifest
    names = [entry.name.removeprefix(f"{run.files}/") for entry in manifest.entries(backup)]
    assert names == ["step-1/progress.json", "step-1/weights"] and len(written) == copying.ROUNDS


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("harm", ["changed", "missing", "row", "list"])
def test_a_damaged_backup_is_named_and_changes_nothing(backup, harm):
    sample = AudioSampleFactory()
    manifest = make_backup(backup).manifest
    entry = next(entry for entry in manifest.entries(backup) if entry.name == sample.audio_file.name)
    part = manifest.files if harm == "list" else manifest.tables["generation.audiosample"]
    path = object_path(backup, entry.sha256) if harm in ("changed", "missing") else manifest.path(backup, part)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.unlink()
    if harm != "missing":
        path.write_bytes(content)
    sample.delete_files()
    rows = all_rows()
    with pytest.raises(DamagedBackup, match=path.name) as raised:
        restore_backup(backup, replace=True)
    assert harm in ("row", "list") or sample.audio_file.name in raised.value.message
    assert all_rows() == rows and not storages["default"].exists(sample.audio_file.name)
    with pytest.raises(CommandError, match=path.name):
        call_command("backup", str(backup), "--check")


def test_a_studio_that_holds_something_is_replaced_only_when_told_so(backup):
    make_backup(backup)
    AudioSampleFactory.create_batch(2)
    with pytest.raises(CommandError, match=r"2 audio samples.* run the command again with --replace"):
        call_command("restore", str(backup))
    assert AudioSample.objects.count() == 2
    call_command("restore", str(backup), "--replace")
    assert not AudioSample.objects.exists()


def test_a_running_studio_is_refused(backup, monkeypatch):
    make_backup(backup)
    monkeypatch.setattr(restoring, "SILENCE", 0)
    WorkerPresence.objects.create(name="host:1:1", cluster="generation")
    with pytest.raises(StudioInTheWay, match="1 workers are alive"):
        restore_backup(backup)


def test_backups_of_other_versions_say_what_to_do(backup):
    migrations = make_backup(backup).manifest.migrations
    change_manifest(backup, migrations=[*migrations, "generation.0999_from_the_future"])
    with pytest.raises(UnusableBackup, match=r"0999_from_the_future.*Install that version"):
        restore_backup(backup)
    change_manifest(backup, migrations=[name for name in migrations if name != "datasets_app.0002_ties"])
    with pytest.raises(UnusableBackup, match=r"ahead of the backup.*datasets_app.0002_ties.*without tables"):
        restore_backup(backup)
    change_manifest(backup, format=2)
    with pytest.raises(UnusableBackup, match="newer studio"):
        restore_backup(backup)


def test_folders_that_are_no_backups(tmp_path):
    (tmp_path / "letter.txt").write_text("dear diary")
    with pytest.raises(NotABackup, match=r"letter\.txt"):
        make_backup(tmp_path)
    for command in (["restore"], ["backup", "--check"]):
        with pytest.raises(CommandError, match="no finished backup"):
            call_command(*command, str(tmp_path))
    (tmp_path / MANIFEST).write_text("{}")
    with pytest.raises(NotABackup, match="damaged"):
        read_manifest(tmp_path)
    change_manifest(tmp_path, format=1, snapshot="../..", tables={}, files={"file": "a", "lines": 0, "sha256": ""},
                    made_at="", studio_version="", migrations=[], columns={}, bytes=0, missing=0)  # fmt: skip
    with pytest.raises(NotABackup, match="damaged"):
        read_manifest(tmp_path)


def test_a_backup_is_for_its_owners_eyes_only(backup):
    AudioSampleFactory()
    make_backup(backup)
    for path in (backup, *backup.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
