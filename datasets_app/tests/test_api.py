"""The API of datasets."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from datasets_app.models import Dataset, Export
from datasets_app.tasks import build_datasets, write_exports
from datasets_app.tests.factories import built, compared_prompts, rated

pytestmark = pytest.mark.django_db

LIST = "/api/v1/datasets/"


def send(page: Client, path: str, body: Any) -> Any:
    return page.post(path, body, content_type="application/json")


def test_a_dataset_is_built_read_and_deleted(curator_page: Client) -> None:
    rated([5, 2])
    answer = send(curator_page, LIST, {"name": "Liked", "kind": "supervised", "filters": {"min_rating": 4}})
    assert answer.status_code == 202
    made = answer.json()
    assert (made["state"], made["filters"], made["training_commands"]) == ("queued", {"min_rating": 4.0}, {})
    assert answer.headers["Location"] == made["url"]
    url = f"{LIST}{made['id']}/"
    assert curator_page.get(f"{url}stats/").json()["code"] == "dataset_not_ready"
    build_datasets(made["id"])
    read = curator_page.get(url).json()
    assert (read["state"], read["progress"], read["row_count"]) == ("ready", 1.0, 1)
    assert read["splits"] == {"train": 1, "validation": 0, "test": 0}
    command = f".venv/bin/python manage.py train --dataset {made['id']} --method sft"
    assert read["training_commands"]["sft"] == f"STUDIO_DATA_DIR={settings.DATA_DIR} {command}"
    assert len(read["content_hash"]) == 64
    assert curator_page.get(f"{url}stats/").json()["ratings"]["5"] == 1
    assert curator_page.delete(url).status_code == 204
    assert curator_page.get(url).status_code == curator_page.delete(url).status_code == 404


def test_lists_leave_deleted_ones_out_unless_asked(page: Client, user: Any) -> None:
    rated([5])
    kept, gone = built(name="Kept"), built(name="Gone", made_by=user)
    page.delete(f"{LIST}{gone.pk}/")
    assert [row["name"] for row in page.get(LIST).json()["results"]] == ["Kept"]
    everything = page.get(LIST, {"include_deleted": "true"}).json()["results"]
    assert {row["name"]: bool(row["deleted_at"]) for row in everything} == {"Kept": False, "Gone": True}
    assert page.get(LIST, {"kind": "preference"}).json()["count"] == 0
    assert page.get(LIST, {"q": "kep"}).json()["results"][0]["id"] == str(kept.pk)
    for wrong in ({"include_deleted": "perhaps"}, {"kind": "neither"}, {"colour": "red"}):
        assert page.get(LIST, wrong).status_code == 400


def test_rows_are_counted_before_anything_is_built(curator_page: Client) -> None:
    rated([5, 4, 3, 2, 1, 1])
    compared_prompts(5)
    told = {"count": 6, "fewer_than": None}, {"count": 5, "fewer_than": None}
    assert send(curator_page, f"{LIST}count/", {"kind": "supervised"}).json() == told[0]
    assert send(curator_page, f"{LIST}count/", {"kind": "preference", "filters": {}}).json() == told[1]
    assert not Dataset.objects.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "", "kind": "supervised"}, "name"),
        ({"name": "x" * 201, "kind": "supervised"}, "name"),
        ({"name": "a\x00b", "kind": "supervised"}, "name"),
        ({"kind": "supervised"}, "name"),
        ({"name": "A", "kind": "neither"}, "kind"),
        ({"name": "A", "kind": "supervised", "colour": "red"}, "colour"),
        ({"name": "A", "kind": "supervised", "filters": []}, "filters"),
        ({"name": "A", "kind": "supervised", "filters": {"stars": 4}}, "filters.stars"),
        ({"name": "A", "kind": "supervised", "filters": {"min_rating": 6}}, "filters.min_rating"),
        ({"name": "A", "kind": "supervised", "filters": {"raters": ["nobody"]}}, "filters.raters"),
        ({"name": "A", "kind": "preference", "filters": {"min_rating": 4}}, "filters.min_rating"),
        ({"name": "A", "kind": "supervised", "seed": -1}, "seed"),
    ],
)
def test_wrong_input_is_refused_by_name(curator_page: Client, body: dict[str, Any], field: str) -> None:
    rated([5])
    answer = send(curator_page, LIST, body)
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == [field]
    assert not Dataset.objects.exists()


def test_nothing_to_build_is_refused(curator_page: Client) -> None:
    answer = send(curator_page, LIST, {"name": "Empty", "kind": "preference"})
    assert (answer.status_code, answer.json()["code"]) == (400, "no_rows")
    assert not Dataset.objects.exists()


def test_exports_are_started_polled_and_downloaded(curator_page: Client) -> None:
    rated([5])
    dataset = built()
    url = f"{LIST}{dataset.pk}/export/"
    started = send(curator_page, url, {"format": "jsonl"})
    assert (started.status_code, started.json()["download_url"]) == (202, None)
    assert send(curator_page, url, {"format": "jsonl"}).json()["id"] == started.json()["id"]
    export_url = reverse("api-dataset-export-detail", args=[started.json()["id"]])
    assert curator_page.get(f"{export_url}download/").status_code == 409
    write_exports(started.json()["id"])
    done = curator_page.get(export_url).json()
    assert (done["state"], done["progress"]) == ("ready", 1.0)
    content = b"".join(curator_page.get(done["download_url"]).streaming_content)
    assert len(content) == done["size"]
    assert json.loads(content)["sample"]["codes"]
    assert [export["id"] for export in curator_page.get(url).json()] == [done["id"]]
    assert send(curator_page, url, {"format": "csv"}).status_code == 400
    export = Export.objects.get()
    export.file.storage.delete(export.file.name)
    assert curator_page.get(done["download_url"]).json()["code"] == "export_missing"


def test_ids_that_are_none_and_unknown_ones(page: Client) -> None:
    assert page.get(f"{LIST}seven/").status_code == 400
    for path in (f"{LIST}{uuid.uuid4()}/", f"{LIST}{uuid.uuid4()}/stats/", f"/api/v1/dataset-exports/{uuid.uuid4()}/"):
        assert page.get(path).status_code == 404
    assert Client().get(LIST).status_code == 401


def test_readiness_is_told(curator_page: Client) -> None:
    rated([5, 5, 2, 4, 4, 5])
    liked, decided = curator_page.get(f"{LIST}readiness/").json()
    assert (liked["have"], liked["missing"], liked["is_ready"]) == (5, 45, False)
    nothing = {"have": None, "want": 50, "fewer_than": 5, "missing": None, "is_ready": False}
    assert decided == {"kind": "preference"} | nothing


def test_the_list_takes_few_queries(page: Client, django_assert_max_num_queries: Any) -> None:
    rated([5])
    for number in range(6):
        built(name=f"Dataset {number}")
    with django_assert_max_num_queries(8):
        page.get(LIST)
