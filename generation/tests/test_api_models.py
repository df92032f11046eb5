"""Base models through the API."""

from __future__ import annotations

import pytest

from generation.models import BaseModel, ModelFetch
from generation.tests.factories import BaseModelFactory, GenerationJobFactory, ModelFetchFactory
from text2song.tests.clients import caller

pytestmark = pytest.mark.django_db
URL = "/api/v1/models/"


@pytest.fixture
def api(user):
    return caller(user)


@pytest.fixture
def staff(curator):
    return caller(curator)


@pytest.fixture(autouse=True)
def _no_models():
    BaseModel.objects.all().delete()


def test_models_show_what_they_can_do_and_need(api):
    BaseModelFactory(key="best", quality=40, installed=False)
    BaseModelFactory(key="tiny", quality=10, is_active=True)
    body = api.get(URL).json()
    assert [model["key"] for model in body["results"]] == ["tiny", "best"]
    tiny, best = body["results"]
    assert tiny["is_active"] and tiny["is_ready"] and not best["is_ready"] and not best["is_active"]
    shown = {
        "display_name",
        "max_duration",
        "recommended_duration",
        "memory_gb",
        "sample_rate",
        "description",
        "licence",
    }
    assert shown <= set(tiny)
    assert tiny["hub_id"] == "example/tiny" and tiny["fetch"] is None
    assert api.get(f"{URL}tiny/").json() == tiny


def test_the_path_of_a_folder_is_not_told(api):
    BaseModelFactory(key="mine", source=BaseModel.Source.FOLDER, location="/srv/secret/place", installed=False)
    assert "/srv/secret/place" not in api.get(f"{URL}mine/").content.decode()


@pytest.mark.parametrize("path", ["", "activate/", "fetch/"])
def test_an_unknown_key_is_answered_with_the_known_ones(staff, path):
    BaseModelFactory(key="tiny")
    answer = staff.post(f"{URL}nowhere/{path}") if path else staff.get(f"{URL}nowhere/")
    assert answer.status_code == 404 and "tiny" in answer.json()["detail"]


def test_activate(staff):
    BaseModelFactory(key="old", is_active=True)
    BaseModelFactory(key="new")
    answer = staff.post(f"{URL}new/activate/")
    assert answer.status_code == 200 and answer.json()["is_active"]
    assert list(BaseModel.objects.filter(is_active=True).values_list("key", flat=True)) == ["new"]


def test_a_model_without_files_is_not_activated(staff):
    BaseModelFactory(key="far", installed=False)
    answer = staff.post(f"{URL}far/activate/")
    assert answer.status_code == 409 and answer.json()["code"] == "model_not_ready"


def test_fetching_and_its_progress(staff, api):
    BaseModelFactory(key="far", display_name="Far", installed=False)
    assert api.get(f"{URL}far/fetch/").status_code == 404
    answer = staff.post(f"{URL}far/fetch/")
    assert answer.status_code == 202 and answer.json()["state"] == "queued"
    assert api.get(f"{URL}far/fetch/").json()["id"] == answer.json()["id"]
    assert api.get(f"{URL}far/").json()["fetch"]["state"] == "queued"


def test_a_fetch_under_way_conflicts_with_its_progress(staff):
    fetch = ModelFetchFactory(running=True)
    answer = staff.post(f"{URL}{fetch.base_model.key}/fetch/")
    assert answer.status_code == 409
    assert answer.json()["code"] == "fetch_in_progress" and "50 %" in answer.json()["detail"]


def test_stopping_a_fetch(staff, api):
    fetch = ModelFetchFactory(running=True)
    url = f"{URL}{fetch.base_model.key}/fetch/"
    assert api.delete(url).status_code == 403
    assert staff.delete(url).status_code == 204
    assert ModelFetch.objects.get().state == "cancelled"
    assert staff.delete(url).status_code == 400


def test_a_model_that_is_here_is_not_fetched(staff):
    BaseModelFactory(key="tiny")
    assert staff.post(f"{URL}tiny/fetch/").status_code == 400


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"path": "relative/place"}, "absolute"),
        ({"path": "/nowhere/at/all"}, "no folder"),
        ({"path": "/" + "x" * 400}, "path"),
        ({}, "path"),
        ({"path": "/tmp", "max_duration": 0}, "max_duration"),
    ],
)
def test_a_broken_folder_is_refused_with_what_is_wrong(staff, body, words):
    answer = staff.post(URL, body)
    assert answer.status_code == 400 and words in answer.json()["detail"] + str(answer.json().get("fields"))
    assert not BaseModel.objects.exists()


def test_a_folder_without_weights_is_refused(staff, tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    answer = staff.post(URL, {"path": str(tmp_path)})
    assert answer.status_code == 400 and answer.json()["code"] == "broken_model_folder"
    assert "bert" in answer.json()["detail"]


def test_removing_a_folder_model(staff, tmp_path):
    BaseModelFactory(key="mine", source=BaseModel.Source.FOLDER, location=str(tmp_path), installed=False)
    assert staff.delete(f"{URL}mine/").status_code == 204
    assert tmp_path.exists(), "the files stay"


def test_a_model_that_is_needed_is_not_removed(staff):
    hub = BaseModelFactory(key="hub")
    active = BaseModelFactory(key="active", source=BaseModel.Source.FOLDER, is_active=True)
    busy = BaseModelFactory(key="busy", source=BaseModel.Source.FOLDER)
    GenerationJobFactory(base_model=busy)
    assert staff.delete(f"{URL}{hub.key}/").status_code == 400
    assert staff.delete(f"{URL}{active.key}/").status_code == 409
    assert staff.delete(f"{URL}{busy.key}/").status_code == 409
    assert BaseModel.objects.count() == 3


def test_users_read_and_curators_change(api):
    BaseModelFactory(key="tiny")
    assert api.get(URL).status_code == 200
    for method, path in (("post", ""), ("post", "tiny/activate/"), ("post", "tiny/fetch/"), ("delete", "tiny/")):
        answer = getattr(api, method)(f"{URL}{path}", {})
        assert answer.status_code == 403 and answer.json()["code"] == "permission_denied"
