"""`manage.py doctor` as a process: faults that are made for real are named, and none hides the other parts."""

from __future__ import annotations

import json
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from text2song.tests.live import ROOT, LiveStudio

pytestmark = [pytest.mark.worker, pytest.mark.slow]

Report = dict[str, list[dict[str, str]]]
NOWHERE = "127.0.0.1:1"


def doctor(folder: Path, *, before: tuple[str, ...] = (), **environment: str) -> tuple[int, Report]:
    """The exit status and what was found, by subject, of a studio whose data is below `folder`."""
    done = subprocess.run(
        [*before, sys.executable, "manage.py", "doctor", "--json"],
        cwd=ROOT,
        env=LiveStudio(folder, **environment).environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    report: Report = {}
    try:
        told = json.loads(done.stdout)
    except ValueError as error:
        raise AssertionError(f"no report:\n{done.stdout}\n{done.stderr}") from error
    for finding in told["findings"]:
        report.setdefault(finding["subject"], []).append(finding)
    assert told["well"] == (done.returncode == 0)
    return done.returncode, report


def wrong(report: Report) -> dict[str, str]:
    """What is wrong, by subject; every one says how to mend it."""
    found = [finding for findings in report.values() for finding in findings if finding["level"] == "wrong"]
    assert all(finding["mend"] for finding in found)
    return {finding["subject"]: f"{finding['found']} {finding['mend']}" for finding in found}


@pytest.fixture(scope="module")
def set_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A studio's data as `setup` makes it, without anything running."""
    folder = tmp_path_factory.mktemp("set-up")
    LiveStudio(folder).manage("setup")  # just now: what its schedule is late with would be told
    return folder


@pytest.fixture
def studio(set_up: Path, tmp_path: Path) -> Path:
    """A copy of it for one test."""
    shutil.copytree(set_up / "var", tmp_path / "var", ignore=shutil.ignore_patterns("static"))
    return tmp_path


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that accepts, and never says a word."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(50)
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_without_workers_only_they_are_missing(studio: Path):
    status, report = doctor(studio)
    assert status == 1
    assert set(wrong(report)) == {"workers"}
    assert [finding["found"] for finding in report["workers"]] == [
        "In the cluster default, no queue worker is running.",
        "In the cluster generation, no generation worker is running.",
        "In the cluster training, no training worker is running.",
    ]
    assert "Q_CLUSTER_NAME=training" in report["workers"][2]["mend"]


def test_a_database_file_that_is_gone_is_not_made_anew(studio: Path):
    file = studio / "var" / "studio.sqlite3"
    file.unlink()
    status, report = doctor(studio)
    assert status == 1
    assert wrong(report) == {
        "database": f"The database file {file} is not there. "
        "Put it back from a copy; `manage.py setup` begins a new one."
    }
    assert not file.exists()
    assert report["workers"][0]["level"] == "warning" and "Not examined" in report["workers"][0]["found"]
    assert report["store"][0]["level"] == report["GPU"][0]["level"] == report["disk"][0]["level"] == "ok"


def test_a_damaged_database_is_named(studio: Path):
    (studio / "var" / "studio.sqlite3").write_bytes(b"not at all a database" * 1000)
    status, report = doctor(studio)
    assert status == 1
    assert wrong(report)["database"].endswith("Put it back from a copy: the file is damaged.")


def test_missing_tables_are_told_as_missing_migrations(studio: Path):
    (studio / "var" / "studio.sqlite3").write_bytes(b"")
    status, report = doctor(studio)
    assert status == 1
    assert set(wrong(report)) == {"migrations"}
    assert "Run `manage.py setup`." in wrong(report)["migrations"]


def test_a_locked_database_is_told_as_locked(studio: Path):
    holder = sqlite3.connect(studio / "var" / "studio.sqlite3", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        status, report = doctor(studio)
    finally:
        holder.close()
    assert status == 1
    assert "The database takes nothing new: database is locked." in wrong(report)["writing"]
    assert "End the process that holds it locked" in wrong(report)["writing"]


def test_servers_that_are_away_are_each_named(studio: Path):
    status, report = doctor(
        studio,
        DATABASE_URL=f"postgres://studio:secret@{NOWHERE}/studio",
        REDIS_URL=f"redis://{NOWHERE}/0",
        S3_BUCKET="studio",
        S3_ENDPOINT_URL=f"http://{NOWHERE}",
        S3_ACCESS_KEY="studio",
        S3_SECRET_KEY="secret",
    )
    assert status == 1
    found = wrong(report)
    assert set(found) == {"database", "store", "cache", "queue"}
    assert "DATABASE_URL" in found["database"] and "S3_ENDPOINT_URL" in found["store"]
    assert "REDIS_URL" in found["cache"] and "REDIS_URL" in found["queue"]
    assert "secret" not in str(found)
    assert report["versions"][0]["level"] == report["memory"][0]["level"] == "ok"


def test_servers_that_never_answer_hold_nothing_up(studio: Path, silent: str):
    started = time.monotonic()
    status, report = doctor(
        studio,
        DATABASE_URL=f"postgres://studio:secret@{silent}/studio",
        REDIS_URL=f"redis://{silent}/0",
        S3_BUCKET="studio",
        S3_ENDPOINT_URL=f"http://{silent}",
        S3_ACCESS_KEY="studio",
        S3_SECRET_KEY="secret",
    )
    assert time.monotonic() - started < 75
    assert status == 1
    assert set(wrong(report)) == {"database", "store", "cache", "queue"}
    assert all("REDIS_URL" in wrong(report)[subject] for subject in ("cache", "queue"))


def in_a_full_disk(run: Callable[..., Any], studio: Path) -> Any:
    """`run` in a mount namespace in which the data is on a small disk without room."""
    var = studio / "var"
    script = (
        'mount -t tmpfs -o size=6m studio "$0" && cp -a "$0.kept/." "$0" && '
        '{ dd if=/dev/zero of="$0/filler" bs=1k 2>/dev/null; shift 0; exec "$@"; }'
    )
    shutil.copytree(var, f"{var}.kept")
    return run(before=("unshare", "--mount", "--map-root-user", "sh", "-c", script, str(var)))


def test_a_full_disk_is_told_as_full(studio: Path):
    if subprocess.run(["unshare", "--mount", "--map-root-user", "true"], check=False).returncode:
        pytest.skip("this system lets nobody mount a small disk")
    status, report = in_a_full_disk(lambda **how: doctor(studio, **how), studio)
    assert status == 1
    found = wrong(report)
    assert {"store", "disk"} <= set(found)
    assert "No space left on device" in found["store"] and "Free space on the disk" in found["store"]
    assert "it holds filler" in found["disk"]
    assert {"database", "writing"} & set(found), "SQLite writes to the same disk"
    assert report["memory"][0]["level"] == "ok"


@pytest.mark.worker
def test_a_healthy_studio_is_well(live_studio: LiveStudio):
    status, report = doctor(live_studio.folder)
    assert (status, wrong(report)) == (0, {})
    assert len(report["workers"]) == 3
    levels = {finding["level"] for findings in report.values() for finding in findings}
    assert levels == {"ok"}, report


def test_it_reads_well_at_a_terminal(studio: Path):
    said = LiveStudio(studio).manage("doctor", check=False)
    assert "wrong    workers             In the cluster default, no queue worker is running.\n" in said
    assert "Start it: `Q_CLUSTER_NAME=default python manage.py qcluster`" in said
    assert "3 wrong, 0 warnings" in said


def test_it_needs_no_torch(studio: Path):
    """With torch made impossible to find, as on a machine that only serves pages."""
    (studio / "sitecustomize.py").write_text(
        "import sys\n"
        "from importlib.machinery import PathFinder\n"
        "find = PathFinder.find_spec\n"
        "PathFinder.find_spec = staticmethod(\n"
        "    lambda name, *rest: None if name.partition('.')[0] in ('torch', 'peft') else find(name, *rest)\n"
        ")\n"
    )
    _, report = doctor(studio, PYTHONPATH=str(studio))
    assert report["GPU"][0]["found"] == "torch is not installed, so this machine serves pages only."
    assert report["versions"][0]["found"] == "All packages are of the versions that requirements-web.txt names."
    assert set(wrong(report)) == {"workers"}
