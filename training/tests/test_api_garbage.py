"""Garbage in every place of the API of training that the general test does not reach."""

from __future__ import annotations

import json

import pytest

from text2song.tests.clients import caller
from text2song.tests.test_api_garbage import QUERY_VALUES, SHARPEST, _no_limits, judge  # noqa: F401
from training.config import TrainingConfig
from training.tests.factories import ExperimentFactory, TrainingRunFactory, add_lines, add_points

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(curator):
    client = caller(curator)
    client.raise_request_exception = False
    run = TrainingRunFactory(experiment=ExperimentFactory(created_by=curator), running=True)
    add_points(run, "loss", [0.7])
    add_lines(run, "Hello.")
    return client, run


def test_one_wrong_setting_in_a_right_body(world):
    client, run = world
    for name in (*TrainingConfig().to_mapping(), "nonsense", "\ud800"):
        for word in SHARPEST:
            for body in (
                {"name": "n", "config": {name: word}},
                {"experiment": str(run.experiment_id), "config": {name: word}},
            ):
                kind = "experiments" if "config" in body else "runs"
                raw = json.dumps(body)
                judge(client.post(f"/api/v1/{kind}/", raw, content_type="application/json"), raw[:300])


def test_one_wrong_value_beside_right_ones(world):
    client, run = world
    bodies = {
        "experiments/": {
            "name": "n",
            "description": "d",
            "dataset": None,
            "base_model": run.base_model.key,
            "config": {},
        },
        "runs/": {"experiment": str(run.experiment_id), "name": "", "config": {}, "parent": None},
    }
    for path, valid in bodies.items():
        for name in valid:
            for word in SHARPEST:
                raw = json.dumps(valid | {name: word})
                judge(client.post(f"/api/v1/{path}", raw, content_type="application/json"), raw[:300])
                if path == "experiments/":
                    address = f"/api/v1/{path}{run.experiment_id}/"
                    judge(client.patch(address, json.dumps({name: word}), content_type="application/json"), raw[:300])


def test_wrong_queries(world):
    client, run = world
    parameters = {"metrics": ("names", "first_step", "last_step"), "logs": ("after",)}
    for value in QUERY_VALUES:
        for action, names in parameters.items():
            for name in names:
                judge(client.get(f"/api/v1/runs/{run.pk}/{action}/", {name: value}), f"{action} {name}={value!r}"[:300])
        judge(client.get("/api/v1/runs/compare/", {"ids": value}), f"compare {value!r}"[:300])
        judge(client.delete("/api/v1/runs/", query_params={"ids": value}), f"delete {value!r}"[:300])
