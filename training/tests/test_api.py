"""The API of training, as a script uses it."""

from __future__ import annotations

import uuid

import pytest

from adapters.tests.factories import AdapterFactory
from text2song.tests.clients import caller
from text2song.tests.factories import UserFactory
from training.models import Experiment, TrainingRun
from training.tests.factories import DatasetFactory, ExperimentFactory, TrainingRunFactory, add_lines, add_points

pytestmark = pytest.mark.django_db
EXPERIMENTS, RUNS = "/api/v1/experiments/", "/api/v1/runs/"


@pytest.fixture
def api(user):
    return caller(user)


@pytest.fixture
def experiment(user):
    return ExperimentFactory(created_by=user, name="warm")


def test_an_experiment_is_made_changed_archived_and_brought_back(api, experiment):
    body = {
        "name": "new",
        "dataset": str(DatasetFactory().pk),
        "base_model": experiment.base_model.key,
        "config": {"beta": 0.2},
    }
    made = api.post(EXPERIMENTS, body)
    assert made.status_code == 201
    answer = made.json()
    assert (answer["state"], answer["run_count"], answer["config"]["beta"], answer["config"]["epochs"]) == (
        "draft",
        0,
        0.2,
        3,
    )
    url = f"{EXPERIMENTS}{answer['id']}/"
    changed = api.patch(url, {"config": {"epochs": 5}, "dataset": None}).json()
    assert (changed["config"]["beta"], changed["config"]["epochs"], changed["dataset"]) == (0.2, 5, None)
    assert api.post(f"{url}archive/").status_code == 200
    assert api.delete(url).status_code == 409
    assert [row["name"] for row in api.get(EXPERIMENTS).json()["results"]] == ["warm"]
    assert api.get(EXPERIMENTS, {"archived": "true"}).json()["count"] == 2
    assert api.post(f"{url}unarchive/").json()["archived_at"] is None
    assert api.delete(url).status_code == 204 and Experiment.objects.archived().count() == 1


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({"config": {"epochs": 101}}, "config.epochs", "from 1 to 100"),
        ({"config": {"speed": 1}}, "config.speed", "no setting"),
        ({"config": [1]}, "config", "object"),
        ({"config": {"mixed_precision": "yes"}}, "config.mixed_precision", "true or false"),
        ({"name": ""}, "name", ""),
        ({"dataset": str(uuid.uuid4())}, "dataset", ""),
        ({"colour": "red"}, "colour", "Unknown field"),
    ],
)
def test_wrong_input_names_the_field_and_the_range(api, experiment, body, field, words):
    answer = api.post(EXPERIMENTS, {"name": "n", "base_model": experiment.base_model.key, **body})
    assert answer.status_code == 400, answer.content
    assert words in answer.json()["fields"][field][0]
    assert Experiment.objects.count() == 1


def test_a_run_is_started_cancelled_resumed_and_deleted(api, experiment):
    started = api.post(RUNS, {"experiment": str(experiment.pk), "config": {"beta": 0.3}})
    assert started.status_code == 202
    run = started.json()
    assert (run["name"], run["state"], run["overrides"]) == ("run-1", "queued", {"beta": 0.3})
    assert started["Location"] == run["url"]
    url = f"{RUNS}{run['id']}/"
    assert api.delete(url).status_code == 409
    assert api.post(f"{url}cancel/").json()["state"] == "cancelled"
    assert api.post(f"{url}cancel/").json()["code"] == "run_finished"
    assert api.post(f"{url}resume/").status_code == 202
    assert api.post(f"{url}cancel/").status_code == 200
    assert api.delete(url).status_code == 204 and api.get(url).status_code == 404


def test_without_a_dataset_a_run_is_refused_and_strangers_may_only_read(api, experiment):
    experiment.dataset = None
    experiment.save()
    refused = api.post(RUNS, {"experiment": str(experiment.pk)})
    assert refused.status_code == 400 and refused.json()["code"] == "no_dataset"
    run = TrainingRunFactory(experiment=ExperimentFactory(), running=True)
    stranger = caller(UserFactory())
    assert stranger.get(f"{RUNS}{run.pk}/").status_code == 200
    assert stranger.post(f"{RUNS}{run.pk}/cancel/").status_code == 403
    assert stranger.patch(f"{EXPERIMENTS}{experiment.pk}/", {"name": "mine"}).status_code == 403


def test_several_runs_are_deleted_or_none(api, experiment):
    done = [TrainingRunFactory(experiment=experiment, completed=True) for _ in range(3)]
    busy = TrainingRunFactory(experiment=experiment, running=True)
    ids = ",".join(str(run.pk) for run in done)
    assert api.delete(f"{RUNS}?ids={ids},{busy.pk}").status_code == 409
    assert TrainingRun.objects.count() == 4
    answer = api.delete(f"{RUNS}?ids={ids}")
    assert (answer.status_code, answer.json()) == (200, {"deleted": 3})
    assert api.delete(f"{RUNS}?ids={ids}").status_code == 404
    for wrong in ("", "?ids=", "?ids=nonsense", f"?ids={busy.pk}&page=1"):
        assert api.delete(RUNS + wrong).status_code == 400


def test_metrics_and_logs(api, experiment):
    run = TrainingRunFactory(experiment=experiment)
    assert run.claim("host:1:1") and run.report(progress_line="step 120 of 300, loss 0.61")
    run.refresh_from_db()
    url = f"{RUNS}{run.pk}/"
    empty = api.get(f"{url}metrics/").json()
    assert (empty["is_over"], empty["curves"]) == (False, []) and "no metrics here yet" in empty["message"]
    add_points(run, "loss", [0.7, 0.6, 0.5])
    add_points(run, "grad_norm", [1.0])
    add_lines(run, "one", "two")
    (curve,) = api.get(f"{url}metrics/", {"names": "loss", "first_step": 2}).json()["curves"]
    assert [(p["step"], p["value"]) for p in curve["points"]] == [(2, 0.6), (3, 0.5)] and not curve["is_thinned"]
    log = api.get(f"{url}logs/", {"after": 1}).json()
    assert [line["text"] for line in log["lines"]] == ["two"] and log["last"] == 2 and not log["is_over"]
    assert log["progress_line"] == run.progress_line
    for wrong in ("metrics/?first_step=-1", "metrics/?last_step=x", "logs/?after=1e9", "logs/?since=1"):
        assert api.get(url + wrong).status_code == 400
    assert run.fail("Broken.")
    assert api.get(f"{url}logs/").json()["is_over"] and api.get(f"{url}metrics/").json()["is_over"]


def test_runs_are_compared(api, experiment):
    runs = [TrainingRunFactory(experiment=experiment, completed=True) for _ in range(2)]
    for run, value in zip(runs, (0.5, 0.4), strict=True):
        add_points(run, "eval_loss", [0.7, value])
    ids = ",".join(str(run.pk) for run in runs)
    made = api.get(f"{RUNS}compare/", {"ids": ids}).json()
    assert [run["id"] for run in made["runs"]] == ids.split(",")
    assert [cell["is_best"] for cell in made["rows"][0]["cells"]] == [False, True]
    assert made["note"] == "" and made["rows"][0]["cells"][0]["difference"] == pytest.approx(0.1)
    TrainingRun.objects.filter(pk=runs[1].pk).update(config=runs[1].config | {"beta": 0.9})
    unlike = api.get(f"{RUNS}compare/", {"ids": ids}).json()
    assert "“Beta”" in unlike["note"] and not any(cell["is_best"] for cell in unlike["rows"][0]["cells"])
    assert api.get(f"{RUNS}compare/", {"ids": str(runs[0].pk)}).status_code == 400
    assert api.get(f"{RUNS}compare/", {"ids": f"{ids},{uuid.uuid4()}"}).status_code == 404


def test_lists_filter_and_take_the_same_queries_however_long(api, experiment, django_assert_max_num_queries):
    TrainingRunFactory(experiment=experiment, completed=True, adapter=AdapterFactory())
    TrainingRunFactory(experiment=experiment, running=True)
    for address in (EXPERIMENTS, RUNS):
        api.get(address)
    with django_assert_max_num_queries(10) as few:
        api.get(EXPERIMENTS)
        api.get(RUNS)
    for _ in range(3):
        other = ExperimentFactory()
        TrainingRunFactory(experiment=other, completed=True, adapter=AdapterFactory())
        TrainingRunFactory(experiment=other, running=True)
    with django_assert_max_num_queries(len(few)):
        assert api.get(EXPERIMENTS).json()["count"] == 4
        assert api.get(RUNS).json()["count"] == 8
    assert api.get(EXPERIMENTS, {"state": "running"}).json()["count"] == 4
    assert api.get(RUNS, {"state": "active"}).json()["count"] == 4
    assert api.get(RUNS, {"experiment": str(experiment.pk)}).json()["count"] == 2
    assert api.get(RUNS, {"state": "lost"}).status_code == 400
    assert api.get(EXPERIMENTS, {"colour": "red"}).status_code == 400
