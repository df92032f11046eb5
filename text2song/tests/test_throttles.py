"""Limits hold exactly over processes and threads; without a cache nobody is refused; refused work is not counted."""

from __future__ import annotations

import concurrent.futures
import time

import httpx
import pytest
from django.core.cache.backends.base import InvalidCacheBackendError
from django.test import Client

from conftest import free_port
from generation.tests.factories import BaseModelFactory, PromptFactory
from text2song.api.throttles import RequestThrottle
from text2song.caching import ForgivingCache
from text2song.tests.clients import caller
from text2song.tests.live_web import LiveWeb

URL = "/api/v1/generate/"
CLIENTS, REQUESTS, LIMIT = 10, 60, 20


@pytest.fixture(params=["local file", pytest.param("redis", marks=pytest.mark.redis)])
def back_end(request, tmp_path):
    """Settings of a cache that processes share."""
    if request.param == "redis":
        return {"REDIS_URL": request.getfixturevalue("redis_url")}
    return {}


@pytest.mark.worker
@pytest.mark.slow
def test_many_clients_at_once_pass_exactly_as_often_as_the_limit_says(back_end, tmp_path):
    environment = {"WEB_WORKERS": "2", "WEB_THREADS": "8", "API_RATE": f"{LIMIT}/day", **back_end}
    with LiveWeb(tmp_path, **environment) as studio:

        def client(_):
            with httpx.Client(headers=studio.authorization, timeout=60) as api:
                return [api.get(f"{studio.url}/api/v1/criteria/") for _ in range(REQUESTS)]

        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
            answers = [answer for own in pool.map(client, range(CLIENTS)) for answer in own]
    passed = [answer for answer in answers if answer.status_code == 200]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert (len(passed), len(refused)) == (LIMIT, CLIENTS * REQUESTS - LIMIT)
    assert all(f"{LIMIT} requests a day" in answer.json()["detail"] for answer in refused)
    assert all(0 < int(answer.headers["Retry-After"]) <= 86_400 for answer in refused)


@pytest.fixture
def api(user, monkeypatch):
    BaseModelFactory(key="test-tiny", is_active=True)
    monkeypatch.setattr(RequestThrottle, "THROTTLE_RATES", {"user": "9/min", "generate": "3/min"})
    monkeypatch.setattr(RequestThrottle, "timer", lambda self: 1_000_030.0)
    return caller(user)


def test_a_refused_submission_does_not_count_as_one(api, db):
    prompt = {"prompt": str(PromptFactory().pk)}
    refused = [{**prompt, "num_samples": 99}, {}, {"text": ""}, {**prompt, "model": "nowhere"}]
    assert [api.post(URL, body).status_code for body in refused] == [400] * 4
    assert [api.post(URL, prompt).status_code for _ in range(3)] == [202] * 3
    assert api.post(URL, prompt).json()["detail"] == (
        "Too many requests: the limit is 3 submitted jobs a minute. Try again in 50 s."
    )


def test_a_quota_that_refuses_gives_the_unit_back(api, db, settings):
    settings.MAX_ACTIVE_JOBS_PER_USER = 1
    prompt = {"prompt": str(PromptFactory().pk)}
    assert [api.post(URL, prompt).json().get("code") for _ in range(5)] == [None] + ["job_quota"] * 4


def test_the_limit_is_forgotten_when_its_window_is_over(api, db, monkeypatch):
    monkeypatch.setattr(RequestThrottle, "THROTTLE_RATES", {"user": "2/min", "generate": "3/min"})
    assert [api.get("/api/v1/jobs/").status_code for _ in range(3)] == [200, 200, 429]
    monkeypatch.setattr(RequestThrottle, "timer", lambda self: 1_000_080.0)
    assert [api.get("/api/v1/jobs/").status_code for _ in range(3)] == [200, 200, 429]


def test_users_do_not_use_up_each_others_limits_however_many_they_are(
    api, django_user_model, monkeypatch, settings, tmp_path
):
    """The counts of many users stand beside each other, and none is dropped for another's."""
    options = {"backend": "text2song.caching.DiskCache"}
    settings.CACHES = {
        "default": {"BACKEND": "text2song.caching.ForgivingCache", "LOCATION": str(tmp_path / "c"), "OPTIONS": options}
    }
    monkeypatch.setattr(RequestThrottle, "THROTTLE_RATES", {"user": "1/min", "generate": "3/min"})
    users = [django_user_model.objects.create_user(f"u{number}") for number in range(350)]
    for user in users:
        RequestThrottle().allow_request(_request(user), None)
    assert not any(RequestThrottle().allow_request(_request(user), None) for user in users)


def _request(user):
    from django.test import RequestFactory
    from rest_framework.request import Request

    request = Request(RequestFactory().get("/"))
    request.user = user
    return request


# -- a cache that is away ------------------------------------------------------------------------------------------


AWAY = {
    "redis": {
        "LOCATION": f"redis://127.0.0.1:{free_port()}/0",
        "OPTIONS": {"backend": "django.core.cache.backends.redis.RedisCache"},
    },
    "local file": {"LOCATION": "/proc/nowhere", "OPTIONS": {"backend": "text2song.caching.DiskCache"}},
}


@pytest.fixture(params=sorted(AWAY))
def cache_away(request, settings):
    settings.CACHES = {"default": {"BACKEND": "text2song.caching.ForgivingCache", **AWAY[request.param]}}


def test_without_a_cache_the_api_works_and_readyz_names_it(cache_away, user, caplog):
    client = caller(user)
    began = time.monotonic()
    assert [client.get("/api/v1/jobs/").status_code for _ in range(20)] == [200] * 20
    assert time.monotonic() - began < 5, "a cache that is away is not waited for at every request"
    part = Client().get("/readyz").json()["checks"]["cache"]
    assert (part["ok"], part["required"]) == (False, False) and "limits" in part["detail"]


def test_a_cache_that_is_away_alone_is_no_reason_for_503(cache_away, db):
    from text2song.models import WorkerPresence
    from text2song.workforce import CLUSTERS

    for cluster in CLUSTERS:
        WorkerPresence.objects.create(name=f"host:1:{cluster}", cluster=cluster)
    answer = Client().get("/readyz")
    assert answer.status_code == 200 and answer.json()["ready"] is True


def test_an_outage_of_the_cache_is_logged_once_in_a_while_and_ends(tmp_path, monkeypatch):
    """Each instance of the cache tries again after a rest; a key is not there meanwhile."""
    folder = tmp_path / "a file in the way"
    folder.write_text("")
    logged = []
    monkeypatch.setattr("text2song.caching.log.exception", lambda event, **values: logged.append(event))
    cache = ForgivingCache(str(folder), {"OPTIONS": {"backend": "text2song.caching.DiskCache"}})
    for _ in range(10):
        cache.set("a", 1)
        assert cache.get("a", "nothing") == "nothing" and cache.add("a", 0) is False
        with pytest.raises(ValueError):
            cache.incr("a")
    assert logged == ["cache_unavailable"]
    folder.unlink()
    monkeypatch.setattr("text2song.caching.REST_SECONDS", 0)
    cache._rests_until = 0
    cache.set("a", 1)
    assert cache.incr("a") == 2 and cache.decr("a") == 1


def test_a_wrong_back_end_is_a_mistake_and_not_an_outage():
    with pytest.raises((ImportError, InvalidCacheBackendError)):
        ForgivingCache("x", {"OPTIONS": {"backend": "nowhere.Cache"}})
