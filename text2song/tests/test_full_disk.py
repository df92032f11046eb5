"""A disk that is really full: everything says so, nothing half is left, and all goes on once there is room."""

from __future__ import annotations

import io
import re
import sqlite3

import httpx
import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError, connection
from django.test import Client
from django.urls import reverse

from adapters.exceptions import AdapterFilesUnavailable
from adapters.files.keeping import local_folder
from generation.exceptions import StorageUnavailable
from text2song.outages import DATA_DISK_FULL, DATABASE_AWAY, DATABASE_DISK_FULL, STORE_FULL, outage_behind
from text2song.tests.live import PASSWORD
from text2song.tests.live_web import LiveWeb

FULL = DATA_DISK_FULL.sentence


@pytest.fixture
def full_store(small_disk, settings):
    """The default storage is on a disk with 20 kB left."""
    folder = small_disk.folder / "media"
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": "text2song.local_storage.WholeFileStorage", "OPTIONS": {"location": str(folder)}},
    }
    folder.mkdir()
    small_disk.fill(leave=20_000)
    return small_disk


def files_under(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


# -- the whole studio on a full disk ------------------------------------------------------------------------------


@pytest.mark.worker
@pytest.mark.slow
def test_with_everything_on_a_full_disk_pages_and_api_name_it(small_disk, tmp_path):
    environment = {"STUDIO_DATA_DIR": str(small_disk.folder / "var")}
    with LiveWeb(tmp_path, **environment) as studio, httpx.Client(base_url=studio.url, timeout=60) as browser:
        # The workers have the database open all the time; alone, SQLite could not even make its files for reading now.
        worker = sqlite3.connect(small_disk.folder / "var" / "studio.sqlite3")
        worker.execute("SELECT COUNT(*) FROM auth_user").fetchone()
        form = browser.get("/sign-in/")
        fields = {"username": "studio", "password": PASSWORD, "csrfmiddlewaretoken": token_in(form.text)}
        small_disk.fill()

        refused = studio.api.post("/prompts/", json={"text": "calm piano " * 100})
        assert refused.status_code == 503, refused.text
        assert refused.json() == {"code": "disk_full", "detail": FULL}
        assert int(refused.headers["Retry-After"]) > 0
        for _ in range(3):
            assert studio.api.get("/prompts/").status_code == 200, "what is stored can still be read"

        page = browser.post("/sign-in/", data=fields)
        assert page.status_code == 503, page.text
        assert "holds the studio&#x27;s data is full" in page.text and "<h1>" in page.text
        poll = browser.post("/sign-in/", data=fields, headers={"HX-Request": "true"})
        assert (poll.status_code, poll.text) == (503, FULL), "the page stays and shows the sentence"

        checks = httpx.get(f"{studio.url}/readyz", timeout=60).json()["checks"]
        assert checks["storage"]["detail"] == FULL
        assert checks["cache"]["ok"] is False and FULL in checks["cache"]["detail"]

        small_disk.make_room()
        assert studio.api.post("/prompts/", json={"text": "calm piano"}).status_code == 201
        assert browser.post("/sign-in/", data=fields).status_code == 302
        assert studio.api.get("/prompts/").json()["count"] == 1, "what was refused has left no row"
        worker.close()


@pytest.mark.worker
@pytest.mark.slow
@pytest.mark.postgres
def test_with_the_database_elsewhere_a_full_data_disk_hinders_no_call(small_disk, tmp_path, postgres_url):
    environment = {"STUDIO_DATA_DIR": str(small_disk.folder / "var"), "DATABASE_URL": postgres_url}
    with LiveWeb(tmp_path, **environment) as studio:
        small_disk.fill()
        assert studio.api.post("/prompts/", json={"text": "calm piano"}).status_code == 201
        assert {studio.api.get("/prompts/").status_code for _ in range(20)} == {200}
        assert httpx.get(f"{studio.url}/readyz").json()["checks"]["cache"]["ok"] is False
        assert "cache_unavailable" in studio.log.read_text()


def token_in(html):
    return re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', html)[1]


# -- files --------------------------------------------------------------------------------------------------------


def test_a_file_that_does_not_fit_leaves_nothing_and_spares_what_was_there(full_store):
    store = storages["default"]
    store.save("a/kept", ContentFile(b"old"))
    for name in ("a/kept", "b/new"):
        with pytest.raises(OSError):
            store.save(name, ContentFile(bytes(1_000_000)))
    assert [path.name for path in files_under(full_store.folder / "media")] == ["kept"]
    assert store.open("a/kept").read() == b"old"
    assert store.save("a/kept", ContentFile(b"new")) == "a/kept"
    assert store.open("a/kept").read() == b"new"


@pytest.mark.django_db
def test_a_clip_that_does_not_fit_fails_its_job_with_the_reason(full_store):
    from generation.jobs import storing as samples
    from generation.models import AudioSample
    from generation.specs import SampleResult
    from generation.tests.factories import GenerationJobFactory

    job = GenerationJobFactory()
    assert job.claim("me")
    noise = np.random.default_rng(0).standard_normal((1, 32000 * 4)).astype("float32")
    codes = np.zeros((4, 200), dtype=np.int16)
    result = SampleResult(str(job.pk), index=0, codes=codes, audio=noise, sample_rate=32000, frame_rate=50)
    with pytest.raises(StorageUnavailable, match=re.escape(FULL)):
        samples.store_result(job, result)
    assert files_under(full_store.folder / "media") == [] and not AudioSample.objects.exists()


@pytest.mark.django_db
def test_an_adapter_that_does_not_fit_is_refused_with_the_reason(full_store, user):
    from adapters.models import AdapterRegistration
    from adapters.tests.factories import adapter_zip, tiny_base

    base = tiny_base()
    client = Client()
    client.force_login(user)
    fields = {"name": "warm", "version": "1.0.0", "base_model": base.pk}
    archive = adapter_zip()
    full_store.fill()
    page = client.post(reverse("adapter-upload"), {**fields, "files": [SimpleUploadedFile("a.zip", archive)]})
    assert FULL.replace("'", "&#x27;") in page.content.decode()
    assert files_under(full_store.folder / "media") == [] and not AdapterRegistration.objects.exists()


@pytest.mark.django_db
def test_an_adapter_that_cannot_be_brought_to_a_worker_says_why(small_disk, settings):
    from adapters.tests.factories import AdapterFactory

    adapter = AdapterFactory()
    settings.ADAPTERS_DIR = small_disk.folder / "adapters"
    small_disk.fill()
    with pytest.raises(AdapterFilesUnavailable, match=re.escape(FULL)):
        local_folder(adapter)
    assert files_under(small_disk.folder / "adapters") == []


@pytest.mark.django_db
def test_an_export_that_does_not_fit_says_why(full_store, monkeypatch):
    from datasets_app.formats import exports
    from datasets_app.models import Export
    from datasets_app.tests.factories import built, rated_prompts

    full_store.make_room()
    rated_prompts()
    export = Export.objects.create(dataset=built(), format=Export.Format.JSONL)
    assert export.claim("me")
    full_store.fill()
    monkeypatch.setattr(exports, "write_file", lambda dataset, form, path, on_row: path.write_bytes(bytes(1_000_000)))
    assert exports.write(export) is False
    export.refresh_from_db()
    assert export.error == FULL
    assert files_under(full_store.folder / "media" / "exports") == []


# -- a database that is away --------------------------------------------------------------------------------------


@pytest.fixture
def gone(db, monkeypatch):
    """From now on the database does not answer."""

    def lose():
        def refuse(*args, **kwargs):
            raise OperationalError("could not connect to server: /secret/place")

        monkeypatch.setattr(connection, "cursor", refuse)

    yield lose
    monkeypatch.undo()


def test_pages_say_that_the_database_is_away_and_offer_to_try_again(page, gone):
    page.raise_request_exception = False
    gone()
    for path in ("/", "/library/?q=a&page=2", "/jobs/", "/settings/"):
        answer = page.get(path)
        html = answer.content.decode()
        assert answer.status_code == 503, path
        assert str(DATABASE_AWAY.sentence) in html and "secret" not in html
        assert f'href="{path.replace("&", "&amp;")}"' in html and "Try again" in html
        assert answer["Retry-After"] == "5"
    assert "Back button" in page.post("/create/", {"text": "long"}).content.decode()


def test_htmx_gets_the_sentence_alone_so_that_the_page_stays(page, gone):
    page.raise_request_exception = False
    gone()
    answer = page.get("/status/", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.content.decode()) == (503, DATABASE_AWAY.sentence)
    assert answer["Content-Type"].startswith("text/plain")


def test_the_api_says_it_in_its_shape_for_keys_and_for_sessions(page, gone):
    page.raise_request_exception = False
    gone()
    for headers in ({}, {"Authorization": "Api-Key t2s_0000"}):
        answer = page.get("/api/v1/jobs/", headers=headers)
        assert answer.status_code == 503
        assert answer.json() == {"code": "database_unavailable", "detail": DATABASE_AWAY.sentence}


def test_a_bug_stays_a_bug(page, monkeypatch):
    def broken(*args, **kwargs):
        raise ZeroDivisionError

    page.raise_request_exception = False
    monkeypatch.setattr("text2song.pages.overview.figures", broken)
    assert page.get("/").status_code == 500
    monkeypatch.setattr("generation.querysets.GenerationJobQuerySet.statistics", broken)
    answer = page.get("/api/v1/jobs/statistics/")
    assert answer.status_code == 500 and answer.json()["code"] == "server_error"


# -- the many tongues of a full disk ------------------------------------------------------------------------------


def behind(error, cause=None):
    error.__cause__ = cause
    return outage_behind(error)


class PostgresError(Exception):
    pgcode = "53100"


class StoreError(Exception):
    response = {"Error": {"Code": "XMinioStorageFull"}, "ResponseMetadata": {"HTTPStatusCode": 507}}


def test_what_is_out_of_order_is_read_from_the_error():
    wrapped = OSError("could not write")
    assert behind(OSError(28, "No space left")) is DATA_DISK_FULL
    assert behind(OSError(122, "Disk quota exceeded")) is DATA_DISK_FULL
    assert behind(wrapped, OSError(28, "No space left")) is DATA_DISK_FULL
    assert behind(OperationalError("x"), sqlite3.OperationalError("database or disk is full")) is DATA_DISK_FULL
    assert behind(OperationalError("x"), PostgresError()) is DATABASE_DISK_FULL
    assert behind(wrapped, StoreError()) is STORE_FULL
    assert behind(OperationalError("server closed the connection")) is DATABASE_AWAY
    for nothing in (OSError(13, "denied"), ValueError("x"), io.UnsupportedOperation("x")):
        assert behind(nothing) is None


@pytest.mark.django_db
def test_a_wrong_statement_is_no_outage():
    with pytest.raises(Exception) as caught, connection.cursor() as cursor:
        cursor.execute("SELECT nothing FROM nowhere")
    assert outage_behind(caught.value) is None
