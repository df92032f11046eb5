"""The schema holds every endpoint; the documentation loads nothing from outside."""

from __future__ import annotations

import re

import pytest
import yaml
from django.core.management import call_command
from django.test import Client

from text2song.tests.test_api_garbage import routes

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def schema(tmp_path_factory):
    file = tmp_path_factory.mktemp("schema") / "schema.yml"
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(file))
    return yaml.safe_load(file.read_text())


def test_the_schema_is_valid_and_made_without_warnings(schema):
    assert schema["openapi"].startswith("3.") and schema["info"]["title"] == "Text2Song Studio API"


def test_every_endpoint_is_in_the_schema(schema):
    def bare(path):
        return re.sub(r"\{\w+\}", "{}", path)

    documented = {(bare(path), method) for path, methods in schema["paths"].items() for method in methods}
    served = {(bare(path), method) for path, methods in routes().items() for method in methods if method != "head"}
    assert served <= documented and len(served) > 40


def test_every_operation_has_a_summary_and_the_error_shape(schema):
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            if not path.startswith("/api/v1/"):
                continue
            assert operation.get("summary"), f"{method} {path}"
            assert {"401", "403", "429"} <= set(operation["responses"]), f"{method} {path}"
            for status, answer in operation["responses"].items():
                if status[0] == "4" and status != "416":
                    content = answer["content"]["application/json"]
                    assert content["schema"]["$ref"].endswith("/Error"), f"{method} {path} {status}"
                    assert content["examples"], f"{method} {path} {status}"


def test_every_body_has_an_example(schema):
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                reference = content["schema"].get("$ref", "").rpartition("/")[2]
                assert content.get("examples"), f"{method} {path} {reference}"


def test_queued_work_is_202_creation_201_deletion_204(schema):
    def statuses(path, method):
        return set(schema["paths"][f"/api/v1/{path}"][method]["responses"])

    assert "202" in statuses("generate/", "post") and "202" in statuses("jobs/{id}/retry/", "post")
    assert "202" in statuses("models/{key}/fetch/", "post")
    assert "201" in statuses("prompts/", "post") and "201" in statuses("favorites/", "post")
    for path, methods in schema["paths"].items():
        if "delete" in methods:  # of several things, the answer says how many
            assert ("204" if "{" in path else "200") in methods["delete"]["responses"], path


def test_schema_and_documentation_need_a_sign_in(page):
    assert Client().get("/api/schema/").status_code == 401
    answer = page.get("/api/schema/")
    assert answer.status_code == 200 and b"/api/v1/generate/" in answer.content


def test_the_documentation_loads_nothing_from_outside(page):
    answer = page.get("/api/docs/")
    assert answer.status_code == 200
    html = answer.content.decode()
    loaded = re.findall(r"(?:src|<link[^>]* href)=[\"']([^\"']+)", html)
    assert loaded and all(address.startswith("/") and not address.startswith("//") for address in loaded)
    script = page.get("/api/docs/?script=")
    assert not re.findall(r"https?://(?!testserver)[\w.]+", html + script.content.decode())
    policy = answer["Content-Security-Policy"]
    assert "http" not in policy and "unsafe-eval" not in policy
    assert re.search(r"script-src[^;]*", policy)[0] == "script-src 'self'"
