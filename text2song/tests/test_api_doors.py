"""Every endpoint keeps the same rules: asked twice, with wrong types, true for a number, unknown fields and filters.

The endpoints are read from the OpenAPI schema and the routes, so that a new one has to be entered here.
"""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator

from adapters.tests.factories import AdapterFactory, TasteFactory, tiny_base
from datasets_app.tests.factories import rated
from feedback.tests.factories import ListeningTestFactory, RatingFactory, TagFactory, TrialFactory
from generation.services import make_collection, share
from generation.tests.factories import AudioSampleFactory, BaseModelFactory, FavoriteFactory, GenerationJobFactory
from prompts.tests.factories import PromptFactory, PromptSuiteFactory, PromptTemplateFactory
from text2song.tests.clients import caller
from text2song.tests.factories import UserFactory
from text2song.tests.test_api_conventions import in_shape
from training.rounds.tests.factories import begun
from training.tests.factories import DatasetFactory, ExperimentFactory, TrainingRunFactory

pytestmark = pytest.mark.django_db
ROOT = "/api/v1/"
AGAIN_ACCEPTED: dict[str, str] = {
    "prompts/": "a prompt is what was asked for, and may be asked for again",
    "prompts/preview/": "stores nothing",
    "generate/": "another job; the same one with an Idempotency-Key",
    "audio/{id}/extend/": "another job; the same one with an Idempotency-Key",
    "audio/{id}/variations/": "another job; the same one with an Idempotency-Key",
    "collections/{id}/items/": "clips that are in it stay where they are",
    "collections/{id}/order/": "the same order",
    "share-links/": "another link",
    "feedback/": "what was said is replaced (200)",
    "datasets/": "names of datasets may repeat: each is another snapshot",
    "datasets/count/": "stores nothing",
    "datasets/{id}/export/": "the export that is there is answered again",
    "experiments/": "names of experiments may repeat",
    "rounds/{id}/advance/": "one that goes on is looked at again, and nothing is done twice",
    "rounds/{id}/more/": "the votes wanted are counted from those given",
    "runs/": "another run of the experiment",
    "listening-tests/": "names of tests may repeat",
    "trials/{token}/heard/": "what was heard counts once",
    "trials/{token}/vote/": "the same answer is the same vote",
}
"""Bodies that may be sent again, and why; everything else that is posted twice is a conflict."""
ELSEWHERE: dict[str, str] = {
    "adapters/": "adapters/tests/test_api.py",
    "models/": "generation/tests/test_known_models.py",
    "encoders/": "generation/tests/test_encoders.py",
    "promotions/": "training/promotion/tests/test_promotion.py",
    "listening-tests/{id}/reopen/": "feedback/listening_tests/tests/test_life.py: only a completed test is reopened",
    "trials/{token}/heard/": "feedback/listening_tests/tests/test_api.py",
    "trials/{token}/vote/": "feedback/listening_tests/tests/test_api.py",
}
"""Bodies that need more than a row or two: they are posted twice in these tests."""


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return SchemaGenerator().get_schema(request=None, public=True)


def operations(schema: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation)
        for path, methods in schema["paths"].items()
        if path.startswith(ROOT)
        for method, operation in methods.items()
    ]


def properties(schema: dict[str, Any], operation: dict[str, Any]) -> list[tuple[str, dict[str, dict[str, Any]]]]:
    """The media type and fields of every body an operation takes."""

    def resolved(found: dict[str, Any]) -> list[dict[str, Any]]:
        if "$ref" in found:
            return resolved(schema["components"]["schemas"][found["$ref"].rpartition("/")[2]])
        return [one for part in found["oneOf"] for one in resolved(part)] if "properties" not in found else [found]

    content = operation.get("requestBody", {}).get("content", {})
    return [(media, body["properties"]) for media, it in content.items() for body in resolved(it["schema"])]


@pytest.fixture
def world(curator, settings, monkeypatch):
    """One of most things, and the addresses by which they are found."""
    settings.MAX_ACTIVE_JOBS_PER_USER = 10**6
    rates = {"user": "1000000000/min", "generate": "1000000000/min"}
    monkeypatch.setattr("text2song.api.throttles.RequestThrottle.THROTTLE_RATES", rates)
    BaseModelFactory(key="test-tiny", is_active=True)
    sample = AudioSampleFactory(job=GenerationJobFactory(completed=True, requested_by=curator))
    trial = TrialFactory(rater=curator)
    ids = {
        "prompts": sample.job.prompt_id,
        "templates": PromptTemplateFactory(owner=curator).pk,
        "suites": PromptSuiteFactory(prompts=[PromptFactory()]).pk,
        "jobs": sample.job_id,
        "generate": sample.job_id,
        "audio": sample.pk,
        "favorites": FavoriteFactory(user=curator, sample=sample).pk,
        "collections": make_collection(actor=curator, name="Mornings").pk,
        "share-links": share(target=sample, actor=curator).pk,
        "listening-tests": ListeningTestFactory().pk,
        "datasets": DatasetFactory().pk,
        "adapters": AdapterFactory().pk,
        "tastes": TasteFactory().pk,
        "experiments": ExperimentFactory(created_by=curator).pk,
        "rounds": begun(UserFactory()).pk,
        "runs": TrainingRunFactory().pk,
        "tags": TagFactory(name="warm").pk,
        "feedback": RatingFactory(rater=curator, sample=sample).pk,
    }
    client = caller(curator)
    client.raise_request_exception = False

    def filled(path: str) -> str:
        some_id = str(ids.get(path.split("/")[3], uuid.uuid4()))
        names = {"key": "test-tiny", "token": trial.token, "file_format": "wav"}
        return re.sub(r"\{(\w+)\}", lambda found: names.get(found[1], some_id), path)

    return client, filled, sample


def send(client: Any, method: str, address: str, media: str, body: dict[str, Any]) -> Any:
    form = media == "multipart/form-data"
    return getattr(client, method)(address, body, format="multipart" if form else "json")


WRONG = {"string": {"a": 1}, "integer": "many", "number": [1], "boolean": "perhaps", "array": 7, "object": 7}


def kind_of(schema: dict[str, Any], field: dict[str, Any]) -> str:
    for part in (field, *field.get("allOf", ()), *field.get("oneOf", ()), *field.get("anyOf", ())):
        if "$ref" in part:
            return kind_of(schema, schema["components"]["schemas"][part["$ref"].rpartition("/")[2]])
        if "type" in part:
            return part["type"]
    return "any"


def test_every_body_refuses_unknown_fields_and_names_the_known_ones(schema, world):
    client, filled, _ = world
    seen = 0
    for method, path, operation in operations(schema):
        for media, fields in properties(schema, operation):
            kind = {"kind": fields["kind"]["pattern"].strip("^$")} if "pattern" in fields.get("kind", {}) else {}
            body = in_shape(send(client, method, filled(path), media, kind | {"colour": "blue"}), 400, "invalid")
            assert "colour" in body["fields"], (method, path, body)
            assert all(name in body["detail"] for name in fields), (method, path, body)
            seen += 1
    assert seen > 30


def test_every_field_refuses_a_wrong_type_and_numbers_refuse_true(schema, world):
    client, filled, _ = world
    numbers = 0
    for method, path, operation in operations(schema):
        for media, fields in properties(schema, operation):
            if media != "application/json":  # a form has nothing but text
                continue
            kind = {"kind": fields["kind"]["pattern"].strip("^$")} if "pattern" in fields.get("kind", {}) else {}
            for name, field in fields.items():
                of = kind_of(schema, field)
                for value in [WRONG.get(of), *([True] if of in ("integer", "number") else [])]:
                    if value is None or (name == "kind" and kind):
                        continue
                    answer = client.generic(method.upper(), filled(path), *as_json(kind | {name: value}))
                    told = in_shape(answer, 400)
                    named = {key.partition(".")[0] for key in told.get("fields", {})}
                    assert name in named, (method, path, name, value, told)
                    numbers += value is True
    assert numbers > 25


def as_json(body: dict[str, Any]) -> tuple[bytes, str]:
    import json

    return json.dumps(body).encode(), "application/json"


def test_every_endpoint_refuses_unknown_query_parameters_and_names_those_of_the_schema(schema, world):
    client, filled, _ = world
    for method, path, operation in operations(schema):
        answer = getattr(client, method)(f"{filled(path)}?colour=blue")
        told = in_shape(answer, 400, "invalid")
        documented = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "query"}
        known = told["fields"]["colour"][0].partition("Known: ")[2].rstrip(".").split(", ")
        assert set(known) == documented | {"format"}, (method, path)


# -- asked twice -----------------------------------------------------------------------------------------------------


@pytest.fixture
def stage(world, curator):
    """What the bodies below name."""
    _, _, sample = world
    base = tiny_base()
    arms = [{"model": base.key}, {"adapter": str(AdapterFactory(base_model=base).pk)}]
    suite = PromptSuiteFactory(prompts=[PromptFactory()], frozen=True)
    clips = rated([5, 2])
    TagFactory(name="other")
    return {"sample": sample, "arms": arms, "suite": suite, "clips": clips}


def bodies(stage: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """A body that is accepted, for every endpoint that takes one by POST."""
    sample, clip = stage["sample"], stage["clips"][0]
    return {
        "prompts/": {"text": "calm"},
        "prompts/preview/": {"text": "calm"},
        "templates/": {"name": "mine", "category": "jazz", "text": "calm"},
        "suites/": {"name": "mine", "prompts": [str(sample.job.prompt_id)]},
        "generate/": {"text": "calm", "duration": 1},
        "favorites/": {"prompt": str(PromptFactory().pk)},
        "collections/": {"name": "mine"},
        "collections/{id}/items/": {"samples": [str(sample.pk)]},
        "collections/{id}/order/": {"samples": [str(sample.pk)]},
        "share-links/": {"sample": str(sample.pk)},
        "audio/{id}/extend/": {"seconds": 1},
        "audio/{id}/variations/": {"keep_seconds": 0.2},
        "feedback/": {"kind": "rating", "sample": str(clip.pk), "scores": {"overall": 3}},
        "tags/": {"name": "mine", "sign": "good"},
        "tags/{id}/merge/": {"into": "other"},
        "datasets/": {"name": "mine", "kind": "supervised"},
        "datasets/count/": {"kind": "supervised"},
        "datasets/{id}/export/": {"format": "jsonl"},
        "experiments/": {"name": "mine"},
        "tastes/": {"name": "mine"},
        "rounds/": {"drawn": 4, "votes_wanted": 4, "clips_per_prompt": 2},
        "rounds/{id}/advance/": {},
        "rounds/{id}/more/": {"votes": 1},
        "runs/": {"experiment": str(ExperimentFactory().pk)},
        "listening-tests/": {"name": "mine", "suite": str(stage["suite"].pk), "arms": stage["arms"], "duration": 1},
    }


def test_what_is_posted_twice_is_a_conflict_unless_the_table_says_why_not(schema, stage, world):
    client, filled, _ = world
    posted = [(path, found) for method, path, found in operations(schema) if method == "post"]
    takes_body = {path.removeprefix(ROOT) for path, found in posted if properties(schema, found)}
    known = bodies(stage)
    assert takes_body == set(known) | set(ELSEWHERE), "a new endpoint is entered in the table"
    for path, body in known.items():
        address = filled(f"{ROOT}{path}")
        first = client.post(address, body)
        assert first.status_code in (200, 201, 202), (path, first.content)
        again = client.post(address, body)
        if path in AGAIN_ACCEPTED:
            assert again.status_code in (200, 201, 202), (path, again.content)
        else:
            in_shape(again, 409)
