"""Listening tests through the API, as scripts run and judge them."""

from __future__ import annotations

import json

import pytest

from adapters.tests.factories import AdapterFactory
from feedback.listening_tests.tests.listening import HEARD, finish_jobs, let_pass, running, voted
from feedback.models import ListeningTest, Preference, Trial
from generation.tests.factories import BaseModelFactory
from prompts.tests.factories import PromptFactory, PromptSuiteFactory
from text2song.tests.clients import caller
from text2song.tests.test_api_garbage import SHARPEST, judge

pytestmark = pytest.mark.django_db
URL = "/api/v1/listening-tests/"
SILENT = {"stored": False}


@pytest.fixture
def body():
    model = BaseModelFactory(is_active=True)
    adapter = AdapterFactory(base_model=model)
    suite = PromptSuiteFactory(prompts=[PromptFactory()], frozen=True)
    arms = [{"model": model.key}, {"adapter": str(adapter.pk), "strength": 0.8}]
    return {"name": "n", "suite": str(suite.pk), "arms": arms, "duration": 1, "gold_share": 0, "repeat_share": 0}


def test_from_a_body_to_results(curator, user, body):
    script, rater = caller(curator), caller(user)
    made = script.post(URL, body)
    assert made.status_code == 201, made.content
    address = f"{URL}{made.json()['id']}/"
    assert [arm["adapter_strength"] for arm in made.json()["arms"]] == [1.0, 0.8]
    assert rater.get(address).status_code == 404, "drafts are for curators"
    assert script.post(f"{address}start/").status_code == 202
    assert script.post(f"{address}start/").status_code == 409
    test = ListeningTest.objects.get()
    finish_jobs(test, **SILENT)
    shown = rater.get(address).json()
    assert shown["arms"] is shown["suite"] is shown["duration"] is None and shown["name"] != "n"
    trial = rater.post(f"{address}next-trial/").json()["trial"]
    assert trial["number"] == 1 and trial["required_seconds"] == 0.8
    vote = f"/api/v1/trials/{trial['token']}/vote/"
    refused = rater.post(vote, {"choice": "first"})
    assert (refused.status_code, refused.json()["code"]) == (400, "not_heard")
    let_pass(Trial.objects.get())
    heard = rater.post(f"/api/v1/trials/{trial['token']}/heard/", {"heard_first": HEARD, "heard_second": []})
    assert heard.json() == {"first": 0.9, "second": 0, "required": 0.8}
    assert rater.post(vote, {"choice": "first", "heard_second": HEARD}).status_code == 200
    again = rater.post(vote, {"choice": "first", "heard_second": HEARD})
    assert (again.status_code, again.json()["judged"], again.json()["total"]) == (200, 1, 1)
    assert rater.post(vote, {"choice": "tie"}).status_code == 409
    assert rater.post(f"{address}next-trial/").json()["trial"] is None
    assert Preference.objects.count() == 1
    assert rater.get(f"{address}results/").status_code == 403
    assert rater.post(f"{address}close/").status_code == 403
    assert script.post(f"{address}close/").json()["state"] == "completed"
    results = rater.get(f"{address}results/").json()
    assert results["votes"] == 1 and results["duels"][0]["claim"] == "too_few"
    assert rater.get("/api/v1/leaderboard/").json()["votes"] == 1
    assert rater.get(address).json()["arms"][1]["adapter_strength"] == 0.8


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"arms": []}, "arms_refused"),
        ({"arms": [{}, {}]}, "arms_refused"),
        ({"arms": [{"model": "none"}, {}]}, "unknown_model"),
        ({"duration": 99}, "invalid"),
        ({"suite": "x"}, "invalid"),
        ({"colour": 1}, "invalid"),
        ({"sampling": {"temperature": 99}}, "invalid"),
    ],
)
def test_wrong_bodies(curator, body, change, code):
    answer = caller(curator).post(URL, body | change)
    assert (answer.status_code, answer.json()["code"]) == (400, code), answer.content
    assert not ListeningTest.objects.exists()


def test_raters_do_not_run_tests(user, body):
    test = running(prompts=1, sample=SILENT)
    script, address = caller(user), f"{URL}{test.pk}/"
    assert script.post(URL, body).status_code == 403
    for action in ("start", "close", "reopen", "retry"):
        assert script.post(f"{address}{action}/").status_code == 403
    assert script.patch(address, {"name": "x"}).status_code == script.delete(address).status_code == 403


def test_changing_and_deleting(curator):
    test = running(prompts=1, sample=SILENT)
    script, address = caller(curator), f"{URL}{test.pk}/"
    assert script.patch(address, {"votes_wanted": 9}).json()["votes_wanted"] == 9
    assert script.patch(address, {"duration": 9}).status_code == 400
    assert script.delete(address).status_code == 204
    assert script.get(address).status_code == 404


def test_the_list_filters_and_pages_in_as_many_queries(curator, django_assert_max_num_queries):
    for _ in range(3):
        voted(running(prompts=1, sample=SILENT).pairs.get(), winner="x")
    script = caller(curator)
    with django_assert_max_num_queries(5):
        found = script.get(URL, {"state": "active", "page_size": 2}).json()
    assert found["count"] == 3 and [row["votes"] for row in found["results"]] == [1, 1]
    assert script.get(URL, {"state": "none"}).status_code == 400


def test_one_wrong_value_in_a_right_body(curator, body):
    script = caller(curator)
    script.raise_request_exception = False
    test = running(prompts=1, sample=SILENT)
    token = script.post(f"{URL}{test.pk}/next-trial/").json()["trial"]["token"]
    arm = {"model": body["arms"][0]["model"], "adapter": None, "strength": 1.0}
    full = body | {"description": "", "seed": 1, "sampling": {"top_k": 5}, "overlap": 1, "strategy": "uniform"}
    bodies = [(URL, full), (f"{URL}{test.pk}/reopen/", {"votes_wanted": 5})]
    bodies += [(URL, full | {"arms": [arm | {name: word}, {}]}) for name in arm for word in SHARPEST]
    bodies += [(URL, full | {"sampling": {"temperature": word}}) for word in SHARPEST]
    votes = {"choice": "first", "heard_first": HEARD, "heard_second": HEARD}
    bodies += [(f"/api/v1/trials/{token}/vote/", votes), (f"/api/v1/trials/{token}/heard/", HEARD_BODY)]
    for address, right in bodies:
        for name in right:
            for word in SHARPEST:
                raw = json.dumps(right | {name: word})
                answer = script.post(address, raw, content_type="application/json")
                judge(answer, f"{address} {name}={word!r}"[:300])


HEARD_BODY = {"heard_first": HEARD, "heard_second": HEARD}
