"""Each examination of the doctor: what it says of faults that are made for real, and that each has its bounds."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from django_q.brokers import get_broker
from django_q.models import OrmQ, Schedule
from packaging.requirements import Requirement

from adapters.tests.factories import AdapterFactory
from generation.base_models.catalogue import sync_catalogue
from generation.models import BaseModel
from generation.tests.factories import BaseModelFactory, GenerationJobFactory
from text2song.doctor import database, machine, model_files, store, work
from text2song.doctor.clock import compare
from text2song.doctor.configuration import configuration
from text2song.doctor.examination import Examination, carry_out
from text2song.doctor.finding import Finding, ok, warning
from text2song.models import WorkerPresence
from text2song.workforce import CLUSTERS

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
with_database = pytest.mark.django_db


def told(findings: Iterable[Finding]) -> tuple[str, str, str]:
    """The one finding there is."""
    (found,) = findings
    assert bool(found.mend) == (found.level != "ok")
    return found.level, found.found, found.mend


def idle_workers(**values: Any) -> None:
    for cluster in CLUSTERS:
        WorkerPresence.objects.create(name=f"host:1:{cluster}", cluster=cluster, **values)


# -- examinations beside each other ----------------------------------------------------------------------------------


def test_what_fails_or_hangs_hides_nothing_else():
    def breaks() -> Iterable[Finding]:
        yield ok("So far so good.")
        raise ZeroDivisionError("by zero")

    def hangs() -> Iterable[Finding]:
        threading.Event().wait()
        yield ok("never")

    late = warning("There is much.", "Take the time.")
    started = time.monotonic()
    report = carry_out(
        [
            Examination("broken", breaks),
            Examination("hanging", hangs, seconds=0.1),
            Examination("long", hangs, seconds=0.1, overdue=late),
            Examination("dependent", lambda: [ok("not asked")], needs=("fine", "broken")),
            Examination("dependent of that", lambda: [ok("not asked")], needs=("dependent",)),
            Examination("fine", lambda: [ok("All is well.")]),
        ]
    )
    found = {examined.subject: examined.findings for examined in report}
    assert time.monotonic() - started < 5
    assert [finding.level for finding in found["broken"]] == ["ok", "wrong"]
    assert "ZeroDivisionError: by zero" in found["broken"][1].found
    assert found["hanging"][0].level == "wrong" and "did not answer within" in found["hanging"][0].found
    assert found["long"] == [late]
    assert found["dependent"] == [warning("Not examined: broken first has to be mended, or examined.", "")]
    assert found["dependent of that"][0].level == "warning"
    assert found["fine"] == [ok("All is well.")]


# -- database and clocks ----------------------------------------------------------------------------------------------


@with_database
def test_a_sound_database():
    assert told(database.reachable())[0] == "ok"
    assert told(database.migrations())[0] == "ok"
    assert told(database.writable())[0] == "ok"
    assert told(database.clock())[0] == "ok"
    assert not WorkerPresence.objects.exists()


@with_database
def test_migrations_of_another_release():
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES ('text2song', '9999_next', %s)", [timezone.now()]
        )
    level, found, mend = told(database.migrations())
    assert (level, mend) == ("warning", "Run the newest release here.")
    assert "text2song.9999_next is not known" in found
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE name = '9999_next'")
        cursor.execute("DELETE FROM django_migrations WHERE app = 'training'")
    level, found, mend = told(database.migrations())
    assert (level, mend) == ("wrong", "Run `manage.py setup`.")
    assert "training.0001_initial" in found


@pytest.mark.parametrize(
    ("ahead", "level", "said"),
    [
        (0 * SECOND, "ok", "agrees"),
        (-9 * SECOND, "ok", "agrees"),
        (10 * SECOND, "warning", "10 seconds ahead of"),
        (-29 * SECOND, "warning", "29 seconds behind"),
        (30 * SECOND, "wrong", "30 seconds ahead of"),
        (-3600 * SECOND, "wrong", "3600 seconds behind"),
    ],
)
def test_clocks_are_compared_both_ways(ahead: timedelta, level: str, said: str):
    found = compare("the database", ahead, database.ANOTHER_TIME, database.UNUSABLE_TIME)
    assert found.level == level and said in found.found


@with_database
def test_a_worker_whose_clock_is_ahead():
    idle_workers(seen_at=timezone.now() + MINUTE)
    of_workers = list(database.clock())[1:]
    assert [finding.level for finding in of_workers] == ["wrong"] * 3
    assert "host:1:default is 60 seconds ahead" in of_workers[0].found


# -- store ------------------------------------------------------------------------------------------------------------


def test_a_store_that_works(storage_backend: str, stored_files: Any):
    levels = {finding.level for finding in store.usable()}
    assert stored_files() == []
    assert "wrong" not in levels
    assert told(store.clock())[0] == "ok"


@pytest.mark.s3
def test_a_bucket_that_is_not_there(s3_storage: str, settings: Any):
    other(settings, bucket_name="no-such-bucket")
    settings.S3_BUCKET = "no-such-bucket"
    level, found, mend = told(store.usable())
    assert level == "wrong" and "the bucket no-such-bucket at http://127.0.0.1" in found
    assert mend == "Correct S3_BUCKET, or run `manage.py setup`, which creates the bucket."
    assert told(store.clock())[0] == "ok", "an answer with an error has a date too"
    assert told(store.usable())[0] == "wrong", "looking has not made it"


@pytest.mark.s3
def test_keys_the_store_does_not_know(s3_storage: str, settings: Any):
    other(settings, secret_key="another")
    level, found, mend = told(store.usable())
    assert level == "wrong" and "S3_SECRET_KEY" in mend
    assert "another" not in found


@pytest.mark.s3
def test_links_that_lead_nowhere(s3_storage: str, settings: Any):
    other(settings, public_endpoint_url="http://127.0.0.1:1")
    level, found, mend = told(list(store.usable())[1:])
    assert level == "warning" and "http://127.0.0.1:1" in found and "S3_PUBLIC_URL" in mend


@pytest.mark.s3
def test_links_that_the_store_refuses(s3_storage: str, s3_server: dict[str, str], settings: Any):
    """Signed for a host name that a proxy, or another name of the machine, does not pass on."""
    other(settings, public_endpoint_url=f"{s3_server['endpoint']}/elsewhere")
    level, found, _ = told(list(store.usable())[1:])
    assert level == "wrong" and "browsers get no sound" in found


def other(settings: Any, **options: Any) -> None:
    """The store as it is, but for these options."""
    default = settings.STORAGES["default"]
    settings.STORAGES = {**settings.STORAGES, "default": {**default, "OPTIONS": {**default["OPTIONS"], **options}}}


def test_a_folder_that_cannot_be_written(tmp_path: Any):
    (tmp_path / "media").write_text("a file stands where the folder should be")
    level, found, mend = told(store.usable())
    assert level == "wrong" and found.startswith(f"Nothing can be written to the folder {tmp_path / 'media'}")
    assert mend == "Give the user that runs the studio the right to read and write there."


@with_database
def test_adapters_whose_files_are_gone_or_damaged(storage_backend: str):
    assert told(store.adapters(deep=True)) == ("ok", "There are none yet.", "")
    whole, gone, damaged = AdapterFactory(), AdapterFactory(), AdapterFactory()
    assert told(store.adapters(deep=True))[1] == "3 of 3 read in full."
    storages["default"].delete(gone.file_name("adapter_model.safetensors"))
    name = damaged.file_name("adapter_model.safetensors")
    with storages["default"].open(name) as file:
        content = bytes([file.read(1)[0] ^ 1]) + file.read()
    storages["default"].delete(name)
    storages["default"].save(name, ContentFile(content))
    level, found, mend = told(store.adapters(deep=False))
    assert level == "wrong" and f"{gone.label} cannot be used" in found and "is not on the store" in found
    assert gone.files in mend
    deep = {finding.found for finding in store.adapters(deep=True)}
    assert len(deep) == 2 and not any(whole.label in found for found in deep)
    assert any(damaged.label in found and "damaged" in found for found in deep)


@with_database
def test_files_that_belong_to_nobody_are_counted(tmp_path: Any):
    storages["default"].save("samples/young.flac", ContentFile(b"young"))
    assert told(store.orphans())[0] == "ok"
    storages["default"].save("samples/old.flac", ContentFile(b"older"))
    old = time.time() - 3 * 24 * 3600
    os.utime(tmp_path / "media" / "samples" / "old.flac", (old, old))
    level, found, mend = told(store.orphans())
    assert level == "warning" and found.startswith("1 stored files, 5 bytes") and "manage.py prune" in mend


# -- work -------------------------------------------------------------------------------------------------------------


@with_database
def test_messages_that_lie_beside_an_idle_worker():
    idle_workers()
    assert told(work.messages())[1] == "None lies around."
    get_broker("generation").enqueue("a message")
    level, found, _ = told(work.messages())
    assert level == "warning" and found.startswith("1 messages lie beside an idle generation worker")
    WorkerPresence.objects.filter(cluster="generation").update(doing="run_job")
    assert told(work.messages())[0] == "ok", "a busy worker fetches them later"
    assert "1 for generation" in told(work.broker())[1]
    OrmQ.objects.update(key="of-another-project")
    assert "clusters that do not exist" in told(work.messages())[1]


@with_database
def test_workers_that_hang_and_work_that_waits():
    idle_workers(turned_at=timezone.now() - MINUTE, doing="")
    GenerationJobFactory()
    found = {finding.found: finding for finding in work.workers()}
    assert "In the cluster generation, the generation worker does not move; 1 wait." in found
    assert all(finding.level == "wrong" for finding in found.values())
    WorkerPresence.objects.update(turned_at=timezone.now())
    assert [finding.found for finding in work.workers()] == [
        "default: 0 of 1 busy, nothing waiting.",
        "generation: 0 of 1 busy, 1 waiting.",
        "training: 0 of 1 busy, nothing waiting.",
    ]


@with_database
def test_a_schedule_that_is_missing_changed_or_overdue():
    missing = "sweep-listening-tests, refit-tastes, forget-set-aside, purge-deletions, sweep-rounds, prune"
    assert told(work.schedule())[1] == f"Not as it should be in the schedule: {missing}."
    call_command("setup")
    assert told(work.schedule())[0] == "ok"
    Schedule.objects.filter(name="prune").update(next_run=timezone.now() - 20 * MINUTE)
    level, found, mend = told(work.schedule())
    assert (level, found) == ("wrong", "prune is 20 minutes overdue.")
    assert "Q_CLUSTER_NAME=default" in mend
    Schedule.objects.filter(name="prune").update(next_run=timezone.now(), func="os.getcwd")
    assert told(work.schedule()) == ("wrong", "Not as it should be in the schedule: prune.", "Run `manage.py setup`.")


@with_database
def test_work_left_behind_is_counted():
    assert told(work.unfinished())[0] == "ok"
    GenerationJobFactory(running=True)
    assert told(work.unfinished())[1] == "1 pieces of work are marked as done by workers that are gone."
    WorkerPresence.objects.create(name="host:1:1", cluster="generation")
    assert told(work.unfinished()) == ("ok", "1 in work, nothing left behind.", "")


# -- model files ------------------------------------------------------------------------------------------------------


@with_database
def test_the_active_model_must_be_here_whole_and_the_same(settings: Any, tmp_path: Any):
    assert "No base model is active" in told(model_files.model_files(deep=False))[1]
    copy = tmp_path / "studio-tiny"
    shutil.copytree(settings.BUNDLED_MODEL_DIR, copy)
    settings.BUNDLED_MODEL_DIR = copy
    sync_catalogue()
    assert told(model_files.model_files(deep=False))[0] == "ok"

    config = copy / "generation_config.json"
    config.write_text(config.read_text() + "\n")
    level, found, mend = told(model_files.model_files(deep=False))
    assert level == "warning" and "are not those it was added with" in found and "manage.py setup" in mend

    with (copy / "model.safetensors").open("r+b") as weights:
        weights.truncate(1000)
    level, found, mend = told(model_files.model_files(deep=False))
    assert level == "wrong" and "damaged or was not copied completely" in found and "version control" in mend

    shutil.rmtree(copy)
    assert told(model_files.model_files(deep=False))[0] == "wrong"


@with_database
def test_models_that_unfinished_work_needs():
    sync_catalogue()
    job = GenerationJobFactory(base_model=BaseModelFactory(installed=False, key="musicgen-large-2"))
    BaseModelFactory(installed=False)
    findings = list(model_files.model_files(deep=False))
    assert [finding.level for finding in findings] == ["ok", "wrong"], "and none that nothing needs"
    assert f"{job.base_model}, needed by unfinished jobs, cannot be used" in findings[1].found
    assert "manage.py fetch_model musicgen-large-2" in findings[1].mend
    job.cancel()
    assert told(model_files.model_files(deep=False))[0] == "ok"


@with_database
def test_a_row_that_describes_another_model():
    sync_catalogue()
    BaseModel.objects.filter(is_active=True).update(sample_rate=11_025)
    level, found, _ = told(model_files.model_files(deep=True))
    assert level == "wrong" and "another model's than its row describes" in found


# -- this machine -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "has_nvidia", "level", "said"),
    [
        ({"devices": [["NVIDIA X", 80_000_000_000]]}, True, "ok", "sees NVIDIA X (74.5 GB)"),
        ({}, False, "ok", "sees no GPU; the processor"),
        ({"mps": True}, False, "ok", "Apple's GPU"),
        ({}, True, "warning", "does not see the NVIDIA GPU"),
        ({"built_for_gpu": False}, True, "warning", "built without CUDA"),
    ],
)
def test_what_torch_sees_beside_what_there_is(
    seen: dict[str, Any], has_nvidia: bool, level: str, said: str, monkeypatch: Any
):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    torch = {"version": "2.11.0", "built_for_gpu": True, "mps": False, "devices": [], **seen}
    found = machine.judge_devices(torch, has_nvidia=has_nvidia)
    assert found.level == level and said in found.found


def test_a_torch_that_cannot_be_loaded(tmp_path: Any, monkeypatch: Any):
    (tmp_path / "torch.py").write_text("raise OSError('libcudart.so: cannot open shared object file')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    level, found, mend = told(machine.gpu())
    assert level == "wrong" and "libcudart.so: cannot open" in found and "requirements.txt" in mend


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("Django>=5.2,<5.3", ""),
        ("django<2", "is installed; django<2 is needed."),
        ("no-such-package>=1", "no-such-package is not installed; no-such-package>=1 is needed."),
        ("no-such-package>=1; sys_platform == 'none'", ""),
    ],
)
def test_versions_that_do_not_fit(line: str, fault: str):
    found = machine.misfit(Requirement(line))
    assert found.endswith(fault) and bool(found) == bool(fault)


def test_a_data_folder_that_is_gone(settings: Any, tmp_path: Any):
    settings.DATA_DIR = tmp_path / "not-mounted"
    data, scratch = machine.disk()
    assert data.level == "wrong" and f"{settings.DATA_DIR} cannot be written: No such file" in data.found
    assert "STUDIO_DATA_DIR" in data.mend and scratch.level == "ok"


def test_what_fills_the_data_folder(settings: Any, tmp_path: Any):
    settings.DATA_DIR = tmp_path
    for name, size in {"a": 1, "b": 5, "c": 3, "d": 2}.items():
        (tmp_path / name / "deeper").mkdir(parents=True)
        (tmp_path / name / "deeper" / "file").write_bytes(bytes(size * 1024))
    assert "it holds b 5.0 KB, c 3.0 KB, d 2.0 KB" in next(iter(machine.disk())).found


# -- settings ---------------------------------------------------------------------------------------------------------


def test_at_home_nothing_is_asked_for(settings: Any):
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
    assert told(configuration())[0] == "ok"


@pytest.mark.parametrize(
    ("changes", "level", "said"),
    [
        ({}, "warning", "without HTTPS"),
        ({"DEBUG": True}, "wrong", "DEBUG is on"),
        ({"ALLOWED_HOSTS": ["*"]}, "warning", "any host name"),
        ({"SECURE_SSL_REDIRECT": True}, "warning", "every page redirects to itself"),
        ({"SECRET_KEY": "short"}, "warning", "SECRET_KEY has less than 50 characters"),
        ({"X_FRAME_OPTIONS": "SAMEORIGIN"}, "warning", "X_FRAME_OPTIONS"),
    ],
)
def test_what_bites_when_others_reach_it(settings: Any, changes: dict[str, Any], level: str, said: str):
    settings.ALLOWED_HOSTS = ["studio.example"]
    for name, value in changes.items():
        setattr(settings, name, value)
    found = [finding for finding in configuration() if said in finding.found]
    assert [finding.level for finding in found] == [level], list(configuration())
    assert found[0].mend


def test_behind_a_proxy_with_https_all_is_well(settings: Any):
    settings.ALLOWED_HOSTS = ["studio.example"]
    settings.SECURE_SSL_REDIRECT = settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    settings.SECURE_HSTS_SECONDS = 31_536_000
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = settings.SECURE_HSTS_PRELOAD = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert told(configuration())[0] == "ok"


def test_a_key_of_one_machine_beside_a_store_for_many(settings: Any, tmp_path: Any):
    settings.DATA_DIR, settings.S3_BUCKET = tmp_path, "studio"
    (tmp_path / "secret_key").write_text(settings.SECRET_KEY)
    found = [finding.found for finding in configuration() if "SECRET_KEY was generated" in finding.found]
    assert len(found) == 1
