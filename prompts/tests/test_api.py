"""The API of prompts, templates and suites, and its conventions."""

from __future__ import annotations

import datetime
import json
import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from generation.tests.factories import AudioSampleFactory, GenerationJobFactory
from prompts.models import Prompt, PromptSuite, PromptTemplate
from prompts.tests.factories import PromptFactory, PromptSuiteFactory, PromptTemplateFactory
from text2song.models import ApiKey
from text2song.tests.clients import caller_with_key

pytestmark = pytest.mark.django_db

PROMPTS, TEMPLATES, SUITES = "/api/v1/prompts/", "/api/v1/templates/", "/api/v1/suites/"
TEMPLATE = {"name": "Walk", "category": "jazz", "text": "a slow walk"}
UNKNOWN = "7b0d5c86-3f0a-4a52-9a5e-0c3fb4f0a001"


def check_error(answer: Any, status: int, *fields: str) -> dict[str, Any]:
    """The one error shape: code, detail, and the fields at fault."""
    assert answer.status_code == status, answer.content
    body = answer.json()
    assert isinstance(body["code"], str) and body["detail"]
    assert set(fields) <= set(body.get("fields", {})), body
    return body


# -- prompts


def test_create_and_retrieve(api: APIClient, user: Any) -> None:  # P-01, P-03, P-08, I-01, I-08
    sent = {
        "text": "  a slow walk ",
        "style": "jazz",
        "mood": "peaceful",
        "tempo": 80,
        "primary_instruments": ["acoustic-piano"],
        "secondary_instruments": ["shaker"],
    }
    answer = api.post(PROMPTS, sent)
    assert answer.status_code == 201
    made = answer.json()
    assert uuid.UUID(made["id"]) and made["created_at"].endswith("Z") and made["author"] == user.username
    got = api.get(f"{PROMPTS}{made['id']}/").json()
    assert got.pop("samples") == []
    assert got == made
    assert {name: got[name] for name in sent} == sent | {"text": "a slow walk"}
    assert got["rendered_text"] == "peaceful jazz, a slow walk, featuring acoustic piano, with subtle shaker, 80 BPM"


def test_only_a_text_is_needed(api: APIClient) -> None:  # P-04
    made = api.post(PROMPTS, {"text": "a walk"}).json()
    assert made["tempo"] is None and made["style"] == "" and made["primary_instruments"] == []
    assert made["rendered_text"] == "a walk"


@pytest.mark.parametrize(
    ("values", "field", "message"),
    [
        ({"text": ""}, "text", "1 to 2000 characters"),
        ({"text": "  \n"}, "text", "1 to 2000 characters"),
        ({"text": None}, "text", "1 to 2000 characters"),
        ({"text": "x" * 2001}, "text", "2001 characters; at most 2000"),
        ({"text": "a\x00b"}, "text", ""),
        ({"text": ["a"]}, "text", ""),
        ({"style": "polka"}, "style", "Unknown style: polka"),
        ({"style": None}, "style", ""),
        ({"mood": "hangry"}, "mood", "Unknown mood: hangry"),
        ({"tempo": 39}, "tempo", "whole number from 40 to 200"),
        ({"tempo": 201}, "tempo", "whole number from 40 to 200"),
        ({"tempo": 80.5}, "tempo", "whole number from 40 to 200"),
        ({"tempo": 5.5}, "tempo", "whole number from 40 to 200"),
        ({"tempo": "fast"}, "tempo", "whole number from 40 to 200"),
        ({"tempo": True}, "tempo", "whole number from 40 to 200"),
        ({"tempo": 10**400}, "tempo", "whole number from 40 to 200"),
        ({"primary_instruments": ["kazoo", "cello", "theremin"]}, "primary_instruments", "kazoo, theremin"),
        ({"secondary_instruments": ["kazoo"]}, "secondary_instruments", "kazoo"),
        ({"primary_instruments": "cello"}, "primary_instruments", ""),
        ({"primary_instruments": {"a": 1}}, "primary_instruments", ""),
        ({"primary_instruments": ["cello", "cello"]}, "primary_instruments", "once"),
        (
            {"primary_instruments": ["rain"], "secondary_instruments": ["rain"]},
            "secondary_instruments",
            "at once: Rain",
        ),
        ({"stile": "jazz"}, "stile", "Unknown field"),
    ],
)
def test_wrong_prompts_are_refused(  # P-02, P-04, P-05, I-02
    api: APIClient, values: dict[str, Any], field: str, message: str
) -> None:
    body = check_error(api.post(PROMPTS, {"text": "a walk"} | values), 400, field)
    assert message in " ".join(body["fields"][field]) and message in body["detail"]
    assert not Prompt.objects.exists()


def test_every_fault_is_named_at_once(api: APIClient) -> None:  # P-05
    wrong = {"text": "a walk", "style": "polka", "mood": "hangry", "primary_instruments": ["kazoo"]}
    body = check_error(api.post(PROMPTS, wrong), 400, "style", "mood", "primary_instruments")
    assert all(word in body["detail"] for word in ("polka", "hangry", "kazoo"))


@pytest.mark.parametrize(
    "raw", ["{", "[]", '"x"', "null", "", '{"text": }', "[" * 100_000, '{"text": "a", "tempo": Infinity}', "\xff"]
)
def test_malformed_bodies_are_refused(api: APIClient, raw: str) -> None:  # I-02
    check_error(api.post(PROMPTS, raw.encode("latin-1"), content_type="application/json"), 400)


@pytest.mark.parametrize("field", ["text", "style", "primary_instruments"])
def test_halves_of_surrogate_pairs_are_refused(api: APIClient, field: str) -> None:
    half = ["\\ud800"] if field == "primary_instruments" else "\\ud800"
    raw = json.dumps({"text": "a walk", field: half}).replace("\\\\ud800", "\\ud800")
    check_error(api.post(PROMPTS, raw, content_type="application/json"), 400)


def test_prompts_never_change(api: APIClient) -> None:
    url = f"{PROMPTS}{PromptFactory().pk}/"
    for method in (api.put, api.patch):
        check_error(method(url, {"text": "other"}), 405)


def test_samples_of_a_prompt_are_playable(api: APIClient) -> None:  # P-21
    prompt = PromptFactory()
    sample = AudioSampleFactory(job=GenerationJobFactory(prompt=prompt, completed=True))
    AudioSampleFactory(job=GenerationJobFactory(prompt=prompt, completed=True, deleted_at=timezone.now()))
    (shown,) = api.get(f"{PROMPTS}{prompt.pk}/").json()["samples"]
    assert shown["id"] == str(sample.pk) and shown["job"] == str(sample.job_id) and shown["label"] == "A"
    assert str(sample.pk) in shown["stream_url"]
    stream = api.get(shown["stream_url"])
    assert stream.status_code in (200, 302)


def test_list_is_paged_newest_first(api: APIClient) -> None:  # P-20, I-07
    for n in range(21):
        PromptFactory(text=f"melody {n}")
    body = api.get(PROMPTS).json()
    assert body["count"] == 21 and len(body["results"]) == 20 and body["next"]
    assert body["results"][0]["text"] == "melody 20"
    assert len(api.get(PROMPTS, {"page_size": 1}).json()["results"]) == 1
    assert len(api.get(PROMPTS, {"page_size": 100}).json()["results"]) == 21
    assert api.get(PROMPTS, {"ordering": "created_at"}).json()["results"][0]["text"] == "melody 0"
    check_error(api.get(PROMPTS, {"page": 99}), 404)


def test_search_and_filters(api: APIClient, user: Any) -> None:  # P-22, P-23, P-24
    old = timezone.now() - datetime.timedelta(days=10)
    PromptFactory(text="rain", style="jazz", tempo=80, created_at=old)
    both = PromptFactory(text="piano in the rain", style="rock")
    user.favorites.create(prompt=both)

    def found(**query: Any) -> list[str]:
        body = api.get(PROMPTS, query).json()
        assert body["count"] == len(body["results"])
        return [prompt["text"] for prompt in body["results"]]

    assert found(q="rain piano") == ["piano in the rain", "rain"]
    assert found(q="rain", style="jazz") == ["rain"]
    assert found(tempo_min=40) == ["rain"] and found(tempo_min=80, tempo_max=80) == ["rain"]
    assert found(created_before=(old + datetime.timedelta(minutes=1)).isoformat()) == ["rain"]
    assert found(created_after=(old + datetime.timedelta(minutes=1)).isoformat()) == ["piano in the rain"]
    assert found(favorites="true") == ["piano in the rain"]
    assert found(mine="true") == []
    assert found(q="accordion") == []
    hearts = {p["text"]: p["is_favorite"] for p in api.get(PROMPTS).json()["results"]}
    assert hearts == {"rain": False, "piano in the rain": True}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"style": "polka"}, "style"),
        ({"mood": "hangry"}, "mood"),
        ({"tempo_min": "5.5"}, "tempo_min"),
        ({"tempo_min": "fast"}, "tempo_min"),
        ({"tempo_min": "100", "tempo_max": "50"}, "tempo_max"),
        ({"created_after": "yesterday"}, "created_after"),
        ({"created_after": "2026-02-30"}, "created_after"),
        ({"mine": "perhaps"}, "mine"),
        ({"colour": "blue"}, "colour"),
        ({"ordering": "colour"}, "ordering"),
        ({"q": "\x00"}, "q"),
    ],
)
def test_wrong_filters_are_refused(api: APIClient, query: dict[str, str], field: str) -> None:  # I-07
    check_error(api.get(PROMPTS, query), 400, field)


def test_list_takes_a_fixed_number_of_queries(api: APIClient, django_assert_num_queries: Any) -> None:
    PromptFactory()
    api.get(PROMPTS)
    with django_assert_num_queries(4):  # session, user, count, rows
        api.get(PROMPTS)
    for _ in range(5):
        PromptFactory()
    with django_assert_num_queries(4):
        api.get(PROMPTS)


def test_delete(api: APIClient, other_api: APIClient, curator_api: APIClient, user: Any, other_user: Any) -> None:
    mine, second = PromptFactory(author=user), PromptFactory(author=user)
    other_user.favorites.create(prompt=mine)
    check_error(other_api.delete(f"{PROMPTS}{mine.pk}/"), 403)
    answer = api.delete(f"{PROMPTS}{mine.pk}/")
    assert answer.status_code == 204 and answer.content == b""
    assert other_user.favorites.count() == 0
    check_error(api.get(f"{PROMPTS}{mine.pk}/"), 404)
    check_error(api.delete(f"{PROMPTS}{mine.pk}/"), 404)
    assert curator_api.delete(f"{PROMPTS}{second.pk}/").status_code == 204


def test_delete_in_a_frozen_suite(api: APIClient, user: Any) -> None:  # X-04, I-03
    prompt = PromptFactory(author=user)
    PromptSuiteFactory(name="Baseline", prompts=[prompt], frozen=True)
    body = check_error(api.delete(f"{PROMPTS}{prompt.pk}/"), 409)
    assert body["code"] == "prompt_in_frozen_suite" and "Baseline" in body["detail"]


@pytest.mark.parametrize("path", [PROMPTS, TEMPLATES, SUITES])
def test_unknown_and_malformed_ids(api: APIClient, path: str) -> None:  # I-02, I-03
    check_error(api.get(f"{path}{UNKNOWN}/"), 404)
    check_error(api.get(f"{path}not-an-id/"), 400, "id")


def test_vocabulary(api: APIClient) -> None:  # P-11 to P-19
    body = api.get(f"{PROMPTS}vocabulary/").json()
    assert len(body["styles"]) == 22 and len(body["moods"]) == 16
    assert [group["slug"] for group in body["instrument_groups"]] == [
        "keys",
        "strings",
        "drums",
        "winds",
        "synths",
        "world",
        "textures",
    ]
    assert body["tempo"] == {"min": 40, "max": 200} and body["max_text_length"] == 2000
    assert {"slug": "acoustic-strings-ensemble", "label": "Strings Ensemble"} in body["instrument_groups"][5][
        "instruments"
    ]


def test_preview_is_what_gets_saved(api: APIClient) -> None:  # P-09, P-10
    draft = {"text": " a walk. ", "style": "jazz", "tempo": 90}
    body = api.post(f"{PROMPTS}preview/", draft).json()
    assert body["rendered_text"] == "jazz, a walk, 90 BPM" and body["used"] == 7 and body["limit"] == 2000
    assert body["missing"] == ["primary_instruments", "mood"]
    assert body["suggestions"][0]["options"][0]["value"] == "acoustic-piano,double-bass"
    assert not Prompt.objects.exists()
    assert api.post(PROMPTS, draft).json()["rendered_text"] == body["rendered_text"]


def test_preview_of_nothing_and_of_nonsense(api: APIClient) -> None:
    assert api.post(f"{PROMPTS}preview/", {}).json()["rendered_text"] == ""
    check_error(api.post(f"{PROMPTS}preview/", {"tempo": 5.5}), 400, "tempo")
    check_error(api.post(f"{PROMPTS}preview/", {"style": "polka"}), 400, "style")
    check_error(api.post(f"{PROMPTS}preview/", {"text": "x" * 2001}), 400, "text")


# -- templates


def test_template_list(api: APIClient, user: Any) -> None:  # P-25, P-26, P-27
    PromptTemplateFactory(owner=user, name="Aaa mine", category="jazz")
    PromptTemplateFactory(name="Hidden")
    listed = api.get(TEMPLATES).json()["results"]
    assert [t["is_system"] for t in listed] == [True] * 7 + [False]
    assert "Hidden" not in [t["name"] for t in listed]
    jazz = api.get(TEMPLATES, {"category": "jazz"}).json()["results"]
    assert [t["name"] for t in jazz] == ["Jazz Lounge", "Aaa mine"]
    assert [t["name"] for t in api.get(TEMPLATES, {"is_system": "false"}).json()["results"]] == ["Aaa mine"]
    check_error(api.get(TEMPLATES, {"category": "polka"}), 400, "category")


def test_template_crud(api: APIClient, user: Any) -> None:  # P-29, P-31
    sent = TEMPLATE | {"description": "Mine", "tempo": 90, "primary_instruments": ["cello"], "duration": 12}
    answer = api.post(TEMPLATES, sent)
    assert answer.status_code == 201
    made = answer.json()
    assert {name: made[name] for name in sent} == sent and made["is_system"] is False
    url = f"{TEMPLATES}{made['id']}/"
    answer = api.patch(url, {"tempo": 100})
    assert answer.status_code == 200 and answer.json()["tempo"] == 100
    assert answer.json()["primary_instruments"] == ["cello"]
    assert api.put(url, TEMPLATE).status_code == 200
    assert api.delete(url).status_code == 204
    check_error(api.get(url), 404)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"category": "polka"}, "category"),
        ({"category": "x" * 51}, "category"),
        ({"text": ""}, "text"),
        ({"text": "x" * 2001}, "text"),
        ({"tempo": 5.5}, "tempo"),
        ({"duration": 0}, "duration"),
        ({"duration": 121}, "duration"),
        ({"secondary_instruments": ["kazoo"]}, "secondary_instruments"),
        ({"is_system": True}, "is_system"),
        ({"owner": None}, "owner"),
    ],
)
def test_wrong_templates_are_refused(api: APIClient, user: Any, values: dict[str, Any], field: str) -> None:
    check_error(api.post(TEMPLATES, TEMPLATE | values), 400, field)
    assert not PromptTemplate.objects.filter(owner=user).exists()


def test_template_names_and_limit(api: APIClient, other_api: APIClient, user: Any) -> None:  # P-30
    assert api.post(TEMPLATES, TEMPLATE).status_code == 201
    assert check_error(api.post(TEMPLATES, TEMPLATE), 409)["code"] == "template_name_taken"
    assert other_api.post(TEMPLATES, TEMPLATE).status_code == 201
    second = api.post(TEMPLATES, TEMPLATE | {"name": "Other"}).json()
    check_error(api.patch(f"{TEMPLATES}{second['id']}/", {"name": "Walk"}), 409)
    PromptTemplate.objects.bulk_create(
        PromptTemplate(owner=user, name=f"T{n}", category="jazz", text="x") for n in range(98)
    )
    body = check_error(api.post(TEMPLATES, TEMPLATE | {"name": "One more"}), 400)
    assert body["code"] == "too_many_templates" and "100" in body["detail"]


def test_templates_of_others(api: APIClient) -> None:  # P-31
    system = PromptTemplate.objects.get(name="Jazz Lounge")
    foreign = PromptTemplateFactory()
    for change in (api.delete, lambda url: api.patch(url, {"tempo": 99}), lambda url: api.put(url, TEMPLATE)):
        assert check_error(change(f"{TEMPLATES}{system.pk}/"), 403)["code"] == "system_template"
        check_error(change(f"{TEMPLATES}{foreign.pk}/"), 404)
    check_error(api.patch(f"{TEMPLATES}{system.pk}/", {"tempo": 5.5}), 403)  # who may not need not know what is wrong


# -- suites


def test_suite_life(curator_api: APIClient, api: APIClient) -> None:  # P-32
    a, b = PromptFactory(), PromptFactory()
    answer = curator_api.post(SUITES, {"name": "Check", "prompts": [str(b.pk), str(a.pk)]})
    assert answer.status_code == 201
    suite = answer.json()
    assert suite["prompts"] == [str(b.pk), str(a.pk)] and suite["is_frozen"] is False
    url = f"{SUITES}{suite['id']}/"
    assert curator_api.patch(url, {"prompts": [str(a.pk)]}).json()["prompts"] == [str(a.pk)]
    frozen = curator_api.post(f"{url}freeze/").json()
    assert frozen["is_frozen"] is True and frozen["frozen_at"]
    for answer in (
        curator_api.patch(url, {"prompts": [str(b.pk)]}),
        curator_api.patch(url, {"name": "Other"}),
        curator_api.post(f"{url}freeze/"),
        curator_api.delete(url),
    ):
        assert check_error(answer, 409)["code"] == "suite_frozen"
    assert api.get(url).json()["prompts"] == [str(a.pk)]
    assert [s["id"] for s in api.get(SUITES, {"frozen": "true"}).json()["results"]] == [suite["id"]]
    assert api.get(SUITES, {"frozen": "false"}).json()["count"] == 0


def test_wrong_suites(curator_api: APIClient) -> None:
    body = check_error(curator_api.post(SUITES, {"name": "Check", "prompts": [UNKNOWN]}), 400, "prompts")
    assert UNKNOWN in body["detail"]
    check_error(curator_api.post(SUITES, {"name": "Check", "prompts": ["nonsense"]}), 400)
    check_error(curator_api.post(SUITES, {"name": ""}), 400, "name")
    assert not PromptSuite.objects.exists()
    empty = curator_api.post(SUITES, {"name": "Empty"}).json()
    check_error(curator_api.post(f"{SUITES}{empty['id']}/freeze/"), 400)


def test_a_suite_name_that_is_taken_is_a_conflict_at_every_door(curator_api: APIClient, curator: Any) -> None:
    PromptSuiteFactory(name="Taken")
    own = f"{SUITES}{PromptSuiteFactory(name='Own').pk}/"
    for answer in (
        curator_api.post(SUITES, {"name": "Taken"}),
        curator_api.post(SUITES, {"name": "  Taken "}),
        curator_api.put(own, {"name": "Taken"}),
        curator_api.patch(own, {"name": "Taken"}),
    ):
        assert check_error(answer, 409, "name")["code"] == "suite_name_taken"
    page = Client()
    page.force_login(curator)
    items = {"items-TOTAL_FORMS": 0, "items-INITIAL_FORMS": 0}
    suite_id = own.split("/")[-2]
    for address in (
        reverse("suite-create"),
        reverse("suite-edit", args=[suite_id]),
        reverse("admin:prompts_promptsuite_add"),
        reverse("admin:prompts_promptsuite_change", args=[suite_id]),
    ):
        answer = page.post(address, {"name": "Taken", "description": "", **items})
        assert answer.status_code == 409 and "already" in answer.content.decode(), address
    assert sorted(PromptSuite.objects.filter(name__in=("Taken", "Own")).values_list("name", flat=True)) == [
        "Own",
        "Taken",
    ]
    assert curator_api.put(own, {"name": "Own"}).status_code == 200


def test_users_only_read_suites(api: APIClient) -> None:  # I-04
    url = f"{SUITES}{PromptSuiteFactory(prompts=[PromptFactory()]).pk}/"
    assert api.get(url).status_code == 200
    for answer in (api.post(SUITES, {"name": "x"}), api.patch(url, {"name": "x"}), api.delete(url)):
        check_error(answer, 403)
    check_error(api.post(f"{url}freeze/"), 403)


def test_suite_list_queries(api: APIClient, django_assert_num_queries: Any) -> None:
    for _ in range(3):
        PromptSuiteFactory(prompts=[PromptFactory(), PromptFactory()])
    api.get(SUITES)
    with django_assert_num_queries(5):  # session, user, count, suites, items
        api.get(SUITES)


# -- who calls


@pytest.mark.parametrize("path", [PROMPTS, TEMPLATES, SUITES, f"{PROMPTS}vocabulary/"])
def test_without_a_sign_in(db: None, path: str) -> None:  # I-04
    check_error(APIClient().get(path), 401)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION="Api-Key nonsense")
    check_error(client.get(path), 401)


def test_a_key_needs_the_scope(user: Any) -> None:  # I-04
    reader = caller_with_key(user, ApiKey.READ, name="reader")
    assert reader.get(PROMPTS).status_code == 200
    check_error(reader.post(PROMPTS, {"text": "a walk"}), 403)
    writer = caller_with_key(user, ApiKey.READ, ApiKey.WRITE, name="writer")
    assert writer.post(PROMPTS, {"text": "a walk"}).status_code == 201


def test_a_session_needs_the_csrf_token(user: Any) -> None:  # I-04
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(user)
    check_error(client.post(PROMPTS, {"text": "a walk"}), 403)


def test_schema_describes_it(api: APIClient) -> None:  # I-09
    paths = api.get("/api/schema/", headers={"accept": "application/vnd.oai.openapi+json"}).json()["paths"]
    for path in ("prompts/", "prompts/{id}/", "prompts/vocabulary/", "prompts/preview/", "templates/", "suites/"):
        assert f"/api/v1/{path}" in paths
    assert "/api/v1/suites/{id}/freeze/" in paths
    assert {p["name"] for p in paths["/api/v1/prompts/"]["get"]["parameters"]} >= {
        "q",
        "style",
        "mood",
        "tempo_min",
        "tempo_max",
        "created_after",
        "created_before",
    }
    assert "examples" in paths["/api/v1/prompts/"]["post"]["requestBody"]["content"]["application/json"]


def test_put_replaces_and_patch_does_not(api: APIClient, curator_api: APIClient) -> None:
    """Everything that takes PUT: what is left out goes back to its default."""
    full = TEMPLATE | {
        "description": "d",
        "style": "jazz",
        "mood": "dark",
        "tempo": 90,
        "duration": 5,
        "primary_instruments": ["cello"],
        "secondary_instruments": ["rain"],
    }
    template = api.post(TEMPLATES, full).json()
    url = f"{TEMPLATES}{template['id']}/"
    patched = api.patch(url, {"text": "a walk"}).json()
    assert {name: patched[name] for name in full} == full | {"text": "a walk"}
    replaced = api.put(url, TEMPLATE).json()
    defaults = {"description": "", "style": "", "mood": "", "tempo": None, "duration": None}
    defaults |= {"primary_instruments": [], "secondary_instruments": []}
    assert {name: replaced[name] for name in full} == TEMPLATE | defaults
    prompt = PromptFactory()
    suite = curator_api.post(SUITES, {"name": "Check", "description": "d", "prompts": [str(prompt.pk)]}).json()
    url = f"{SUITES}{suite['id']}/"
    patched = curator_api.patch(url, {"name": "Again"}).json()
    assert (patched["description"], patched["prompts"]) == ("d", [str(prompt.pk)])
    replaced = curator_api.put(url, {"name": "Check"}).json()
    assert (replaced["name"], replaced["description"], replaced["prompts"]) == ("Check", "", [])
