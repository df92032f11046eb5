"""Alive, ready, measured: each part named by itself."""

from __future__ import annotations

import threading
import time

import pytest
from django.core.files.storage import storages
from django.db import OperationalError, connection
from django.test import Client

from text2song import health, workforce
from text2song.api_keys import create_key
from text2song.models import WorkerPresence

pytestmark = pytest.mark.django_db


@pytest.fixture
def workers():
    for cluster in workforce.CLUSTERS:
        WorkerPresence.objects.create(name=f"host:1:{cluster}", cluster=cluster)


def test_alive_without_signing_in():
    answer = Client().get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok")


def test_ready_names_every_part(workers, storage_backend, stored_files):
    answer = Client().get("/readyz")
    assert answer.status_code == 200
    assert set(answer.json()["checks"]) == {"database", "storage", "cache", "queue"}
    assert all(part["ok"] for part in answer.json()["checks"].values())
    assert stored_files() == [], "the probe cleans up after itself"


def test_no_worker_is_not_ready(workers):
    WorkerPresence.objects.filter(cluster="generation").delete()
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["queue"] == {"ok": False, "detail": "no generation worker is running"}
    assert answer.json()["checks"]["database"]["ok"]


def test_a_store_that_refuses_is_named_alone(workers, monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError("disk full at /secret/place")

    monkeypatch.setattr(type(storages["default"]), "_save", refuse)
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert [name for name, part in answer.json()["checks"].items() if not part["ok"]] == ["storage"]
    assert "secret" not in answer.content.decode()


@pytest.fixture
def writes(monkeypatch):
    """The names of all files that are written to the storage from now on."""
    store, names = type(storages["default"]), []
    save = store._save
    monkeypatch.setattr(store, "_save", lambda self, name, content: names.append(name) or save(self, name, content))
    return names


def test_probes_cost_nothing_and_are_still_true_soon(workers, writes, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr("text2song.health.time.monotonic", lambda: clock[0])
    assert {Client().get("/readyz").status_code for _ in range(30)} == {200}
    assert len(writes) == 1, "one file for thirty probes"
    monkeypatch.setattr("text2song.local_storage.os.replace", _refuse)
    clock[0] += 15
    answer = Client().get("/readyz")
    assert answer.status_code == 503 and answer.json()["checks"]["storage"]["ok"] is False
    monkeypatch.undo()
    assert health.checks()[1].ok, "who asks on Settings is told what is true now"


def _refuse(*args):
    raise OSError(5, "Input/output error")


def test_a_store_that_hangs_does_not_hold_up_every_probe(monkeypatch):
    """Who comes while it is being tried waits a little; nobody tries it a second time meanwhile."""
    tried, release = [], threading.Event()

    def hang():
        tried.append(1)
        release.wait(20)
        return health.Check("storage", True, "")

    monkeypatch.setattr(health, "PATIENCE_SECONDS", 0.1)
    first = threading.Thread(target=health.kept["storage"].result, args=("storage", hang))
    first.start()
    began = time.monotonic()
    check = health.kept["storage"].result("storage", hang)
    assert (check.ok, check.detail, len(tried)) == (False, "does not answer in time", 1)
    assert time.monotonic() - began < 5
    release.set()
    first.join()
    assert health.kept["storage"].result("storage", hang).ok


def test_a_database_that_is_away_does_not_hide_the_others(monkeypatch):
    def gone():
        raise OperationalError("connection refused")

    monkeypatch.setattr(connection, "cursor", gone)
    by_name = {check.name: check.ok for check in health.checks()}
    assert by_name["database"] is False
    assert by_name["storage"] is True


def test_metrics_need_a_key_and_count(workers, user):
    assert Client().get("/metrics").status_code == 401
    _, token = create_key(user=user, name="prometheus", scopes=["read"])
    answer = Client().get("/metrics", headers={"Authorization": f"Api-Key {token}"})
    assert answer.status_code == 200
    assert 'studio_workers_alive{cluster="generation"} 1.0' in answer.content.decode()
    assert 'studio_jobs{state="queued"} 0.0' in answer.content.decode()
