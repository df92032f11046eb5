"""Garbage thrown at every endpoint is answered in the one error shape, and never with a server error."""

from __future__ import annotations

import json
import random
import re
import uuid

import pytest
from django.urls import URLPattern, URLResolver

from feedback.models import Tag
from generation.tests.factories import (
    AudioSampleFactory,
    BaseModelFactory,
    FavoriteFactory,
    GenerationJobFactory,
    PromptFactory,
)
from text2song.api import urls as api_urls
from text2song.tests.clients import caller

pytestmark = pytest.mark.django_db

WORDS: list[object] = [
    None,
    True,
    -1,
    0,
    1.5,
    1e308,
    10**400,
    "",
    " ",
    "x" * 5000,
    "a\x00b",
    "\ud800",
    "💥‮‏",
    "'; DROP TABLE prompts; --",
    "../../etc/passwd",
    "{{7*7}}",
    [],
    ["a", 1, None],
    [[["deep"]]],
    {},
    {"a": {"b": []}},
]
SHARPEST: list[object] = [None, 10**400, 1e308, "", "a\x00b", "\ud800", "x" * 5000, ["a", 1, None], {"a": []}]
QUERY_VALUES = [
    "",
    " ",
    "\x00",
    "x" * 3000,
    "%00",
    "💥",
    "-1",
    "1e400",
    "null",
    "9" * 400,
    "0000-00-00",
    "a,b,,c",
    "[]",
]
RAW_BODIES = [b"", b"{", b"[]", b"null", b"\xff", b'"', b"[" * 5000, b'{"a": NaN}', b"{}" * 2, b"\x00" * 10]
ID_VALUES = ["x", "-1", "0", "%00", "..", "é", "null", "a" * 300, str(uuid.uuid4()), "%F0%9F%92%A5", "'%22<>"]


def routes() -> dict[str, list[str]]:
    """Every address of the API and its methods, read from the router."""

    def walk(patterns, prefix=""):
        for pattern in patterns:
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, prefix + str(pattern.pattern))
            elif isinstance(pattern, URLPattern) and hasattr(pattern.callback, "actions"):
                path = str(pattern.pattern).replace("^", "").replace("$", "")
                yield (
                    prefix + re.sub(r"\(\?P<(\w+)>(?:\[[^\]]*\][+*]?|[^()])*\)", r"{\1}", path),
                    pattern.callback.actions,
                )

    # A view adds "head" once it has been called; its answers have no body to judge.
    return {
        f"/api/v1/{path}": [action for action in actions if action != "head"]
        for path, actions in walk(api_urls.urlpatterns)
    }


def body_fields() -> list[str]:
    """Names that bodies and queries of the API know, so that garbage reaches what reads them."""
    from feedback.api import serializers as feedback
    from feedback.api.filters import FeedbackFilter, PreferenceFilter, TagFilter
    from generation.api import serializers as generation
    from generation.api.filters import AudioFilter, FavoriteFilter, JobApiFilter
    from prompts.api import serializers as prompts
    from prompts.api.filters import PromptFilter, PromptSuiteFilter, PromptTemplateFilter

    named = set()
    for module in (feedback, generation, prompts):
        for name in dir(module):
            found = getattr(module, name)
            if name.endswith("Serializer") and hasattr(found, "_declared_fields"):
                named |= set(found._declared_fields) | set(getattr(getattr(found, "Meta", None), "fields", ()) or ())
    of_feedback = (FeedbackFilter, PreferenceFilter, TagFilter)
    of_generation = (AudioFilter, FavoriteFilter, JobApiFilter)
    for filters in (*of_feedback, *of_generation, PromptFilter, PromptSuiteFilter, PromptTemplateFilter):
        named |= set(filters.base_filters)
    return sorted(named | {"page", "page_size", "ordering", "ids", "format"})


@pytest.fixture
def world(curator):
    """One of everything, and a curator's client: nothing is refused for want of rights."""
    BaseModelFactory(key="test-tiny", is_active=True)
    sample = AudioSampleFactory(job=GenerationJobFactory(completed=True, requested_by=curator))
    FavoriteFactory(user=curator, sample=sample)
    PromptFactory(author=curator)
    client = caller(curator)
    client.raise_request_exception = False
    return client, sample


@pytest.fixture(autouse=True)
def _no_limits(settings, monkeypatch):
    settings.MAX_ACTIVE_JOBS_PER_USER = 10**6
    rates = {"user": "1000000000/min", "generate": "1000000000/min"}
    monkeypatch.setattr("text2song.api.throttles.RequestThrottle.THROTTLE_RATES", rates)


def judge(answer, what):
    assert answer.status_code < 500, f"{what}: {answer.status_code} {answer.content[:300]!r}"
    if answer.status_code >= 400 and answer.status_code != 416:
        body = answer.json()
        assert {"code", "detail"} <= set(body) <= {"code", "detail", "fields"}, f"{what}: {body}"
        assert isinstance(body["detail"], str) and body["detail"], what
        assert len(answer.content) < 20_000, f"{what}: echoes too much"


def filled(path, sample, key="test-tiny"):
    """The address with ids of rows that exist, where they can."""
    own = {"generate": sample.job_id, "jobs": sample.job_id, "audio": sample.pk, "prompts": sample.job.prompt_id}
    own |= {"tags": Tag.objects.get(name="catchy").pk}
    kind = path.split("/")[3]
    return path.replace("{pk}", str(own.get(kind, uuid.uuid4()))).replace("{key}", key).replace("{file_format}", "wav")


def test_there_are_routes_to_throw_at():
    found = routes()
    assert len(found) > 20 and "/api/v1/generate/{pk}/" in found and "/api/v1/models/{key}/fetch/" in found
    assert not any("(" in path for path in found)


def test_garbage_ids(world):
    client, _ = world
    for path, methods in routes().items():
        if "{" not in path:
            continue
        for value in ID_VALUES:
            for method in methods:
                address = re.sub(r"\{\w+\}", value.replace("\\", ""), path)
                judge(getattr(client, method)(address), f"{method} {address}")


def test_options_everywhere(world):
    client, sample = world
    for path in routes():
        for address in (filled(path, sample), re.sub(r"\{\w+\}", "x", path)):
            judge(client.options(address), f"OPTIONS {address}")


def test_garbage_queries(world):
    client, sample = world
    chance = random.Random(3)
    names = body_fields()
    for path, methods in routes().items():
        if "get" not in methods or "{pk}" in path:
            continue
        address = filled(path, sample)
        for number, name in enumerate(names):
            value = QUERY_VALUES[number % len(QUERY_VALUES)]
            judge(client.get(address, {name: value}), f"GET {address} {name}={value!r}")
        for name in ("page", "page_size", "ordering"):
            for value in chance.sample(QUERY_VALUES, 4):
                judge(client.get(address, {name: value}), f"GET {address} {name}={value!r}")


def test_garbage_bodies(world):
    client, sample = world
    chance = random.Random(7)
    names = body_fields()
    for path, methods in routes().items():
        address = filled(path, sample)
        for method in set(methods) & {"post", "put", "patch"}:
            send = getattr(client, method)
            for raw in RAW_BODIES:
                judge(send(address, raw, content_type="application/json"), f"{method} {address} {raw[:20]!r}")
            for _ in range(6):
                body = {name: chance.choice(WORDS) for name in chance.sample(names, 4)}
                raw = json.dumps(body)
                judge(send(address, raw, content_type="application/json"), f"{method} {address} {raw[:400]}")


@pytest.mark.parametrize(
    ("path", "valid"),
    [
        ("generate/", {"text": "fine", "num_samples": 1, "duration": 5, "seed": 1, "temperature": 1.0, "top_k": 5,
                       "top_p": 0.5, "guidance_scale": 3.0, "model": "test-tiny", "preset": "draft", "kind": "prompt",
                       "style": "jazz", "mood": "dark", "tempo": 90, "primary_instruments": ["harp"],
                       "secondary_instruments": ["cello"], "long_form": False, "prefix_seconds": None,
                       "source_sample": None}),
        ("generate/", {"prompt": "{prompt}", "kind": "extension", "source_sample": "{sample}", "prefix_seconds": 0.5,
                       "duration": 5, "num_samples": 1}),
        ("prompts/", {"text": "fine", "style": "jazz", "mood": "dark", "tempo": 90, "primary_instruments": ["harp"],
                      "secondary_instruments": ["cello"]}),
        ("prompts/preview/", {"text": "fine", "style": "jazz", "tempo": 90, "primary_instruments": ["harp"]}),
        ("templates/", {"name": "n", "category": "jazz", "text": "fine", "description": "d", "duration": 5}),
        ("suites/", {"name": "n", "description": "d", "prompts": ["{prompt}"]}),
        ("favorites/", {"prompt": "{prompt}", "note": "n"}),
        ("models/", {"path": "/nowhere", "display_name": "n", "max_duration": 5}),
        ("audio/{sample}/extend/", {"seconds": 1, "num_samples": 1}),
        ("feedback/", {"kind": "rating", "sample": "{sample}", "scores": {"overall": 3}}),
        ("feedback/", {"kind": "preference", "sample_a": "{sample}", "sample_b": "{other}", "winner": "a",
                       "strength": 3}),
        ("feedback/", {"kind": "ranking", "samples": ["{sample}", "{other}"]}),
        ("feedback/", {"kind": "tags", "sample": "{sample}", "tags": ["catchy"], "replace": False}),
        ("feedback/", {"kind": "note", "sample": "{sample}", "text": "fine"}),
        ("tags/", {"name": "word", "sign": "good"}),
        ("audio/{sample}/variations/", {"keep_seconds": 0.4, "num_samples": 1}),
    ],
)  # fmt: skip
def test_one_wrong_value_in_a_right_body(world, path, valid):
    """Everything else is right, so the wrong value travels as far as it can."""
    client, sample = world
    other = AudioSampleFactory(job=sample.job)

    def fill(value):
        if isinstance(value, list):
            return [fill(item) for item in value]
        if not isinstance(value, str):
            return value
        ids = {"{prompt}": sample.job.prompt_id, "{sample}": sample.pk, "{other}": other.pk}
        for name, pk in ids.items():
            value = value.replace(name, str(pk))
        return value

    address, valid = fill(f"/api/v1/{path}"), {name: fill(value) for name, value in valid.items()}
    for name in valid:
        for word in SHARPEST:
            raw = json.dumps(valid | {name: word})
            judge(client.post(address, raw, content_type="application/json"), f"{address} {name}={word!r}"[:300])


def test_garbage_headers(world):
    client, sample = world
    for header in ("Idempotency-Key", "Range", "Accept", "If-None-Match", "If-Modified-Since", "Accept-Language"):
        for value in (
            "",
            "x" * 300,
            "\x00",
            "é",
            "bytes=9-1",
            "bytes=-",
            "*/*;q=é",
            "text/xml",
            '"',
            "\ud800".encode("utf-8", "replace").decode(),
        ):
            for address in ("/api/v1/jobs/", f"/api/v1/audio/{sample.pk}/stream/"):
                judge(client.get(address, headers={header: value}), f"{header}: {value!r}")
            judge(client.post("/api/v1/generate/", {"text": "x"}, headers={header: value}), f"{header}: {value!r}")
