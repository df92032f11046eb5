"""Whole studios backed up and restored by the commands: across databases and stores, and killed in the middle."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from conftest import new_database
from text2song.backup.folder import STORE
from text2song.backup.putting import UNDER_WAY
from text2song.tests.live import ROOT, LiveStudio, wait_until
from training.tests.trainable import preference_rows, write_rows

pytestmark = [pytest.mark.worker, pytest.mark.slow]
QUICK = ["--set=max_steps=2", "--set=batch_size=2", "--set=gradient_accumulation_steps=1", "--set=lora_r=4"]
UNFINISHED = """
from generation.models import BaseModel
from generation.tests.factories import GenerationJobFactory
tiny = BaseModel.objects.get(key="studio-tiny")
waiting = {"base_model": tiny, "duration": 1, "num_samples": 1}
print(GenerationJobFactory(**waiting).pk, GenerationJobFactory(running=True, **waiting).pk)
"""
RATE = """
from django.contrib.auth import get_user_model
from feedback.models import Criterion, Rating
from generation.models import AudioSample
overall, rater = Criterion.objects.get(slug="overall"), get_user_model().objects.get()
for sample in AudioSample.objects.all():
    Rating.objects.create(sample=sample, criterion=overall, rater=rater, score=5)
"""
HASHES = """
from datasets_app.models import Dataset
from datasets_app.building.writing import content_hash
for dataset in Dataset.objects.order_by("created_at"):
    assert content_hash(dataset) == dataset.content_hash
    print(dataset.pk, dataset.content_hash)
"""
ROWS = """
import hashlib, json
from django.apps import apps
from text2song.backup.contents import backed_up
from text2song.backup.database import _rows
from text2song.backup.rows import to_line
for label, model in backed_up(apps).items():
    digest = hashlib.sha256()
    for row in _rows(model):
        digest.update(json.dumps(json.loads(to_line(row)), sort_keys=True).replace("-0.0", "0.0").encode())
    print(label, digest.hexdigest())
"""
"""PostgreSQL's JSON has an order of its own for keys, and no negative zero."""
MANY = """
from pathlib import Path
from django.conf import settings
from generation.models import AudioSample
from generation.tests.factories import AudioSampleFactory
first = AudioSampleFactory(stored=False)
values = {f.attname: getattr(first, f.attname) for f in first._meta.concrete_fields if f.name not in ("id", "index")}
folder = Path(settings.STORAGES["default"]["OPTIONS"]["location"]) / "samples"
folder.mkdir(parents=True)
samples = []
for index in range(1, 3001):
    sample = AudioSample(**values, index=index)
    sample.audio_file, sample.codes_file = f"samples/{sample.pk}.flac", f"samples/{sample.pk}.npz"
    for file in (sample.audio_file, sample.codes_file):
        (folder.parent / file.name).write_bytes(file.name.encode() * 100)
    samples.append(sample)
AudioSample.objects.bulk_create(samples)
first.delete()
"""
SNAPSHOT = """
from threading import Thread
from django.contrib.auth.models import Group
from text2song.backup.database import snapshot
with snapshot():
    assert Group.objects.count() == 0
    writer = Thread(target=Group.objects.create, kwargs={"name": "late"})
    writer.start()
    writer.join(10)
    assert not writer.is_alive(), "somebody who writes has to wait"
    assert Group.objects.count() == 0, "what was written meanwhile is seen"
assert Group.objects.count() == 1
"""
NUL = "from django.contrib.auth.models import Group; Group.objects.create(name='a' + chr(0) + 'b')"
COUNT = "from generation.models import AudioSample; print(AudioSample.objects.count())"


def shell(studio: LiveStudio, script: str) -> str:
    return studio.manage("shell", "--no-imports", "-c", script).strip()


@pytest.fixture
def on_servers(tmp_path: Path, postgres_server: str, s3_server: dict[str, str]) -> LiveStudio:
    """A studio on PostgreSQL and S3, whose database has no tables and whose bucket does not exist."""
    return LiveStudio(
        tmp_path / "servers",
        DATABASE_URL=new_database(postgres_server),
        S3_BUCKET=f"studio-{uuid.uuid4().hex}",
        S3_ENDPOINT_URL=s3_server["endpoint"],
        S3_ACCESS_KEY=s3_server["access"],
        S3_SECRET_KEY=s3_server["secret"],
    )


@pytest.mark.long
@pytest.mark.postgres
@pytest.mark.s3
def test_a_studio_moves_from_files_to_servers_and_back_and_works_on(tmp_path: Path, on_servers: LiveStudio):
    home = LiveStudio(tmp_path / "home")
    home.set_up()
    home.manage("generate", "calm piano", "--samples=2", "--duration=1", f"--out={tmp_path / 'clips'}")
    shell(home, RATE)
    home.manage("build_dataset", "liked", "--kind=supervised", "--min-rating=4")
    votes = write_rows(tmp_path / "votes.jsonl", preference_rows())
    home.manage("import_dataset", str(votes), "--name=Votes")
    datasets = shell(home, HASHES)
    unfinished = shell(home, UNFINISHED).split()
    rows = shell(home, ROWS)
    home.manage("backup", str(tmp_path / "first"))

    on_servers.manage("restore", str(tmp_path / "first"))
    assert shell(on_servers, ROWS) == rows
    assert shell(on_servers, HASHES) == datasets
    with on_servers as studio:
        _audio_streams_as_it_was_made(studio, tmp_path / "clips")
        for job in unfinished:
            studio.wait_for(job, "completed")
    for line in datasets.splitlines():
        on_servers.manage("train", f"--dataset={line.split()[0]}", *QUICK)
    rows = shell(on_servers, ROWS)
    on_servers.manage("backup", str(tmp_path / "second"))

    home_again = LiveStudio(tmp_path / "home-again")
    home_again.set_up()
    home_again.manage("restore", str(tmp_path / "second"))
    assert shell(home_again, ROWS) == rows
    assert shell(home_again, HASHES) == datasets
    label = shell(home_again, "from adapters.models import Adapter; print(Adapter.objects.first().label)")
    home_again.manage("generate", "calm piano", "--duration=1", f"--adapter={label}", f"--out={tmp_path / 'warm'}")
    assert list((tmp_path / "warm").glob("*.flac"))


def _audio_streams_as_it_was_made(studio: LiveStudio, clips: Path) -> None:
    made = {hashlib.sha256(path.read_bytes()).hexdigest() for path in clips.glob("*.flac")}
    samples = studio.api.get("/audio/").raise_for_status().json()["results"]
    links = [studio.api.get(f"/audio/{sample['id']}/stream/").headers["Location"] for sample in samples]
    streamed = {hashlib.sha256(httpx.get(link).content).hexdigest() for link in links}
    assert made and made <= streamed


@pytest.mark.long
def test_killed_in_the_middle_both_commands_go_on(tmp_path: Path):
    source, target, backup = LiveStudio(tmp_path / "source"), LiveStudio(tmp_path / "target"), tmp_path / "backup"
    source.set_up()
    shell(source, MANY)
    copied = _kill_when(source, ["backup", str(backup)], lambda: _files(backup / STORE))
    assert 0 < len(copied) < 6000 and not (backup / "manifest.json").exists()
    assert "no finished backup" in target.manage("restore", str(backup), check=False)
    source.manage("backup", str(backup))
    kept = sum(path.stat().st_ino == inode for path, inode in copied.items() if path.exists())
    assert kept >= len(copied) - 64, "what was copied before the kill was copied again"
    source.manage("backup", str(backup), "--check")

    media = tmp_path / "target" / "var" / "media"
    target.set_up()
    put = _kill_when(target, ["restore", str(backup)], lambda: _files(media))
    assert 0 < len(put) < 6000
    assert shell(target, COUNT) == "0", "rows come last"
    target.manage("restore", str(backup))
    assert shell(target, COUNT) == "3000"
    assert not (tmp_path / "target" / "var" / UNDER_WAY).exists()
    kept = sum(path.stat().st_ino == inode for path, inode in put.items())
    assert kept >= len(put) - 64
    original = tmp_path / "source" / "var" / "media"
    assert _contents(media) == _contents(original)


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_rows_are_of_one_moment_and_nobody_waits(tmp_path: Path, database: str, request: pytest.FixtureRequest):
    servers = (
        {"DATABASE_URL": new_database(request.getfixturevalue("postgres_server"))} if database == "postgres" else {}
    )
    studio = LiveStudio(tmp_path, **servers)
    studio.manage("migrate")
    shell(studio, SNAPSHOT)


@pytest.mark.postgres
def test_rows_the_other_database_refuses_are_told_and_none_is_restored(tmp_path: Path, postgres_server: str):
    source, target = (
        LiveStudio(tmp_path / "source"),
        LiveStudio(tmp_path / "target", DATABASE_URL=new_database(postgres_server)),
    )
    for studio in (source, target):
        studio.set_up()
    shell(source, NUL)
    source.manage("backup", str(tmp_path / "backup"))
    rows = shell(target, ROWS)
    said = target.manage("restore", str(tmp_path / "backup"), check=False)
    assert "The database refuses rows of auth.group, and nothing was restored" in said and "Traceback" not in said
    assert shell(target, ROWS) == rows


@pytest.mark.long
def test_a_backup_of_an_older_studio_is_brought_up_to_date(tmp_path: Path):
    """Made before migrating, by the code that will migrate; restored where there are no tables yet."""
    old, new = LiveStudio(tmp_path / "old"), LiveStudio(tmp_path / "new")
    old.set_up()
    old.manage("migrate", "datasets_app", "0001_initial")
    shell(old, "from prompts.models import PromptTemplate; PromptTemplate.objects.first().delete()")
    old.manage("backup", str(tmp_path / "backup"))
    new.manage("restore", str(tmp_path / "backup"))
    new.manage("migrate", "--check")
    old.manage("migrate")
    assert shell(new, ROWS) == shell(old, ROWS)
    new.set_up()
    assert "ahead of the backup" in new.manage("restore", str(tmp_path / "backup"), check=False)


def _contents(media: Path) -> dict[Path, bytes]:
    """All files but what a killed process was writing."""
    return {path.relative_to(media): path.read_bytes() for path in media.rglob("*.*") if path.name[0] != "."}


def _files(folder: Path) -> dict[Path, int]:
    """Finished files and their inodes."""
    found = {}
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found |= {Path(parent, name): os.stat(Path(parent, name)).st_ino for name in names if not name.startswith(".")}
    return found


def _kill_when(studio: LiveStudio, arguments: list[str], begun: Callable[[], dict[Path, int]]) -> dict[Path, int]:
    """SIGKILL the command as soon as it has written a few hundred files; returns them."""
    process = subprocess.Popen([sys.executable, "manage.py", *arguments], cwd=ROOT, env=studio.environment)
    wait_until(lambda: len(begun()) >= 300, 60, "the first files")
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    return begun()
