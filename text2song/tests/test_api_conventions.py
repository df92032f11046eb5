"""What every part of the API has in common."""

from __future__ import annotations

import re
import uuid
from datetime import datetime, timedelta

import pytest
from django.core.management import call_command
from django.test import Client
from rest_framework.test import APIClient

from feedback.tests.factories import ListeningTestFactory
from generation.tests.factories import AudioSampleFactory, BaseModelFactory, GenerationJobFactory, PromptFactory
from text2song.api.throttles import RequestThrottle
from text2song.models import ApiKey
from text2song.tests.clients import caller, caller_with_key

pytestmark = pytest.mark.django_db
ROOT = "/api/v1/"
LISTS = ("prompts", "templates", "suites", "models", "jobs", "audio", "favorites", "collections", "share-links")


def in_shape(answer, status, code=None):
    """The answer's body, once it is known to be the one error shape."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/json"
    body = answer.json()
    assert set(body) <= {"code", "detail", "fields"} and {"code", "detail"} <= set(body)
    assert re.fullmatch(r"[a-z_]+", body["code"]) and body["detail"][0] and body["detail"].strip()
    for messages in body.get("fields", {}).values():
        assert messages and all(isinstance(message, str) for message in messages)
    assert code in (None, body["code"])
    return body


# -- who may ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [*LISTS, "generate", "jobs/statistics", "audio/compare", "prompts/vocabulary"])
def test_without_a_key_everything_is_401(path):
    answer = APIClient().get(f"{ROOT}{path}/")
    in_shape(answer, 401, "not_authenticated")
    assert answer["WWW-Authenticate"] == "Api-Key"


@pytest.mark.parametrize(
    "header",
    [
        "Api-Key t2s_0000000000000000000000000000000000000000000000000000000000000000",
        "Api-Key",
        "Api-Key two words",
        "Api-Key \xff\xfe",
        "Api-Key a\x00b",
        "Bearer something",
        "Basic cml0YTpsaXN0ZW4tY2xvc2VseQ==",
    ],
)
def test_a_bad_key_is_401(user, header):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=header)
    in_shape(client.get(f"{ROOT}jobs/"), 401)


def test_a_key_works_until_it_is_revoked_or_expires(user):
    client = caller_with_key(user, "read")
    assert client.get(f"{ROOT}jobs/").status_code == 200
    ApiKey.objects.all().delete()
    body = in_shape(client.get(f"{ROOT}jobs/"), 401)
    assert "revoked" in body["detail"]
    expired = caller_with_key(user, "read", expiry=timedelta(seconds=-1))
    in_shape(expired.get(f"{ROOT}jobs/"), 401)
    user.is_active = False
    user.save()
    in_shape(caller_with_key(user, "read", name="other").get(f"{ROOT}jobs/"), 401)


def test_a_key_made_by_the_command_works_and_is_stored_hashed(user, capsys):
    call_command("create_api_key", user.username, "--name", "script")
    key = re.search(r"t2s_\w+", capsys.readouterr().out)[0]
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Api-Key {key}")
    assert client.get(f"{ROOT}jobs/").status_code == 200
    stored = ApiKey.objects.get()
    assert key not in (stored.digest, stored.token_key) and stored.last_used_at is not None


def test_a_scope_that_is_too_small_is_403(user):
    reader = caller_with_key(user, "read")
    body = in_shape(reader.post(f"{ROOT}prompts/", {"text": "x"}), 403, "permission_denied")
    assert "write" in body["detail"]
    writer = caller_with_key(user, "write", name="writer")
    assert "read" in in_shape(writer.get(f"{ROOT}jobs/"), 403)["detail"]
    assert writer.post(f"{ROOT}prompts/", {"text": "x"}).status_code == 201


def test_a_role_that_is_too_small_is_403(user):
    BaseModelFactory(key="test-tiny")
    in_shape(caller(user).post(f"{ROOT}models/test-tiny/activate/"), 403, "permission_denied")


def test_sessions_need_a_csrf_token(user):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(user)
    assert browser.get(f"{ROOT}jobs/").status_code == 200
    body = in_shape(browser.post(f"{ROOT}prompts/", {"text": "x"}, "application/json"), 403)
    assert "CSRF" in body["detail"]
    browser.get("/create/")
    token = browser.cookies["csrftoken"].value
    allowed = browser.post(f"{ROOT}prompts/", {"text": "x"}, "application/json", headers={"X-CSRFToken": token})
    assert allowed.status_code == 201, allowed.content


def test_a_key_needs_no_csrf_token(user):
    client = caller_with_key(user, "write")
    client.handler.enforce_csrf_checks = True
    assert client.post(f"{ROOT}prompts/", {"text": "x"}).status_code == 201


# -- wrong input -------------------------------------------------------------------------------------------------


def test_wrong_fields_are_named(user):
    body = in_shape(caller(user).post(f"{ROOT}prompts/", {"text": "", "tempo": 20}), 400, "invalid")
    assert set(body["fields"]) == {"text", "tempo"} and "40" in body["detail"] and "200" in body["detail"]


@pytest.mark.parametrize(
    "raw", [b"{", b"[1,", b"\xff\xfe", b'{"text": NaN}', b"[" * 100_000, b'{"seed": ' + b"9" * 5000 + b"}", b"\x00"]
)
def test_malformed_json_is_400(user, raw):
    in_shape(caller(user).post(f"{ROOT}generate/", raw, content_type="application/json"), 400, "parse_error")


@pytest.mark.parametrize("raw", [b"[]", b'"text"', b"7", b"null", b"true"])
def test_json_that_is_no_object_is_400(user, raw):
    in_shape(caller(user).post(f"{ROOT}generate/", raw, content_type="application/json"), 400, "invalid")


def test_a_body_over_the_limit_is_413(user, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    in_shape(caller(user).post(f"{ROOT}prompts/", {"text": "x" * 2000}), 413, "body_too_large")


def test_other_content_types_are_415_and_methods_405(user):
    in_shape(caller(user).post(f"{ROOT}prompts/", "text=x", content_type="application/x-www-form-urlencoded"), 415)
    in_shape(caller(user).put(f"{ROOT}jobs/", {}), 405, "method_not_allowed")


@pytest.mark.parametrize("path", ["prompts", "templates", "suites", "generate", "jobs", "audio", "favorites"])
def test_malformed_ids_are_400_and_unknown_ones_404(user, path):
    in_shape(caller(user).get(f"{ROOT}{path}/not-an-id/"), 400)
    in_shape(caller(user).get(f"{ROOT}{path}/{uuid.uuid4()}/"), 404, "not_found")


def test_unknown_addresses_are_404_in_the_shape(user):
    for path in ("nowhere/", "jobs", "jobs/a/b/c/"):
        in_shape(caller(user).get(f"{ROOT}{path}"), 404, "not_found")
    in_shape(APIClient().get("/api/v2/jobs/"), 404)


@pytest.mark.parametrize("path", ["jobs", "nowhere/", "jobs/a/b/c/", "../v2/", "../"])
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_writing_to_unknown_addresses_is_404_and_no_matter_of_forms(user, method, path):
    client = caller_with_key(user, "read", "write")
    client.handler.enforce_csrf_checks = True
    in_shape(getattr(client, method)(f"{ROOT}{path}".replace("v1/../", ""), {}), 404, "not_found")


def test_what_is_refused_before_the_views_has_the_shape_too(user):
    client = caller_with_key(user, "read", "write")
    client.handler.enforce_csrf_checks = True
    in_shape(client.get(f"{ROOT}jobs/", HTTP_HOST="evil.example"), 400, "bad_request")
    in_shape(client.post("/api/docs/", {}), 405, "method_not_allowed")
    in_shape(APIClient().get("/api/schema/"), 401, "not_authenticated")
    broken = client.generic("POST", f"{ROOT}adapters/", b"--x", content_type="multipart/form-data; boundary=\xe9")
    in_shape(broken, 400, "parse_error")
    in_shape(client.generic("POST", f"{ROOT}prompts/", b"{}", content_type=";;"), 415)


@pytest.mark.parametrize("path", [*LISTS, "jobs/statistics"])
def test_an_unknown_format_is_400_and_names_those_there_are(user, path):
    body = in_shape(caller(user).get(f"{ROOT}{path}/?format=xml"), 400, "invalid")
    assert "xml" in body["fields"]["format"][0] and "json" in body["detail"]


@pytest.mark.parametrize("page", ["0", "-1", "1.5", "many", "", "٣"])
def test_a_page_that_is_no_number_is_400(user, page):
    answer = caller(user).get(f"{ROOT}jobs/", {"page": page})
    assert in_shape(answer, 400, "invalid")["fields"]["page"]


def test_busy_and_existing_things_are_409(user):
    job = GenerationJobFactory(completed=True, requested_by=user)
    in_shape(caller(user).delete(f"{ROOT}generate/{job.pk}/"), 409, "job_finished")


def test_a_suite_that_a_test_stands_on_is_409(curator):
    suite = ListeningTestFactory().suite
    in_shape(caller(curator).delete(f"{ROOT}suites/{suite.pk}/"), 409, "suite_in_use")


# -- limits --------------------------------------------------------------------------------------------------------


def test_the_limit_per_time_is_429_with_retry_after(user, monkeypatch):
    monkeypatch.setattr(RequestThrottle, "THROTTLE_RATES", {"user": "3/min", "generate": "3/min"})
    client = caller(user)
    answers = [client.get(f"{ROOT}jobs/") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    body = in_shape(answers[-1], 429, "throttled")
    assert "3 requests a minute" in body["detail"] and 0 < int(answers[-1]["Retry-After"]) <= 61


# -- lists ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", LISTS)
def test_lists_are_paged_and_refuse_unknown_filters(user, path):
    client = caller(user)
    body = client.get(f"{ROOT}{path}/").json()
    assert set(body) == {"count", "next", "previous", "results"}
    for query in ("colour=blue", "ordering=colour", "page_size=0", "page_size=many"):
        in_shape(client.get(f"{ROOT}{path}/?{query}"), 400)
    in_shape(client.get(f"{ROOT}{path}/?page=999"), 404)


def test_pages_hold_20_and_at_most_100(user):
    for _ in range(105):
        PromptFactory(author=user)
    client = caller(user)
    first = client.get(f"{ROOT}prompts/").json()
    assert (first["count"], len(first["results"])) == (105, 20) and first["next"] and not first["previous"]
    assert len(client.get(f"{ROOT}prompts/", {"page_size": 100}).json()["results"]) == 100
    for too_many in ("101", "1000", "9" * 400):
        refused = in_shape(client.get(f"{ROOT}prompts/", {"page_size": too_many}), 400, "invalid")
        assert refused["fields"]["page_size"] == ["page_size must be a whole number from 1 to 100."]
    assert len(client.get(f"{ROOT}prompts/", {"page": 6}).json()["results"]) == 5
    times = [prompt["created_at"] for prompt in first["results"]]
    assert times == sorted(times, reverse=True), "newest first"


def test_times_are_utc_with_a_zone_and_ids_are_uuids(user):
    sample = AudioSampleFactory(stored=False)
    client = caller(user)
    client.cookies["tz"] = "Asia/Tokyo"  # pages show times in the reader's zone; the API does not
    for path in (f"jobs/{sample.job_id}", f"audio/{sample.pk}", f"prompts/{sample.job.prompt_id}"):
        body = client.get(f"{ROOT}{path}/").json()
        assert uuid.UUID(body["id"])
        assert body["created_at"].endswith("Z")
        assert datetime.fromisoformat(body["created_at"]).utcoffset() == timedelta(0)
