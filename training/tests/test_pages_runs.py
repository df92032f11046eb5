"""The pages of runs: starting, following, stopping, deleting and comparing them."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from django.utils import timezone

from adapters.tests.factories import AdapterFactory
from generation.tests.factories import BaseModelFactory
from text2song.tests.clients import caller
from text2song.tests.html import flat
from text2song.tests.test_pages import read
from training.models import MetricPoint, TrainingRun
from training.tests.factories import ExperimentFactory, TrainingRunFactory, add_lines, add_points

pytestmark = pytest.mark.django_db


@pytest.fixture
def experiment(user):
    return ExperimentFactory(created_by=user, name="Strings", base_model=BaseModelFactory(is_active=True))


def sent(experiment, **values):
    """What a browser sends of the form as it opens, with some values typed over."""
    config = dict(experiment.config)
    config["mixed_precision"] = "on" if config["mixed_precision"] else None
    body = {"name": "", "parent": ""} | config | values
    return {key: value for key, value in body.items() if value is not None}


def start(page, experiment, **values):
    return page.post(f"/training/{experiment.pk}/runs/new/", sent(experiment, **values))


# -- the list ------------------------------------------------------------------------------------------------------


def test_all_runs_can_be_narrowed_to_ones_own_that_are_at_work(page, user):
    mine = TrainingRunFactory(created_by=user, running=True)
    done = TrainingRunFactory(created_by=user, completed=True)
    theirs = TrainingRunFactory(running=True)
    for query, wanted in (
        ("", {mine, done, theirs}),
        ("?mine=true", {mine, done}),
        ("?mine=false", {mine, done, theirs}),
        ("?state=active", {mine, theirs}),
        ("?state=active&mine=true", {mine}),
    ):
        answer = page.get(f"/training/runs/{query}")
        assert set(answer.context["page"]) == wanted, query
        assert all(f"/training/runs/{run.pk}/" in answer.text for run in wanted)
        told = caller(user).get(f"/api/v1/runs/{query}").json()["results"]
        assert {run["id"] for run in told} == {str(run.pk) for run in wanted}, "the API agrees"
    assert 'hx-trigger="every 5s"' in answer.text, "what moves is followed"


def test_a_list_of_runs_says_what_is_wrong_and_what_belongs_there(page):
    assert "A run trains one adapter" in page.get("/training/runs/").text
    assert "No run fits" in page.get("/training/runs/?mine=true").text
    for query in ("?mine=perhaps", "?state=asleep"):
        answer = page.get(f"/training/runs/{query}")
        assert answer.status_code == 400 and "Show all runs" in answer.text


# -- starting ------------------------------------------------------------------------------------------------------


def test_a_run_needs_no_name_and_stores_only_what_differs(page, experiment, user):
    html = page.get(f"/training/{experiment.pk}/runs/new/").text
    assert "As in the experiment" in html and "data-changed" not in html
    answer = start(page, experiment, learning_rate="0.0002", epochs="3", lora_alpha="32")
    run = TrainingRun.objects.get()
    assert answer.status_code == 302 and answer["Location"] == f"/training/runs/{run.pk}/"
    assert (run.name, run.state, run.overrides, run.created_by) == ("run-1", "queued", {"learning_rate": 0.0002}, user)
    start(page, experiment)
    start(page, experiment, name="strong beta", beta="0.5", target_modules=["q_proj", "fc1"], mixed_precision=None)
    names = list(TrainingRun.objects.order_by("number").values_list("name", flat=True))
    assert names == ["run-1", "run-2", "strong beta"]
    last = TrainingRun.objects.get(name="strong beta").overrides
    assert last == {"beta": 0.5, "target_modules": ["q_proj", "fc1"], "mixed_precision": False}


def test_modules_in_another_order_are_no_override(page, experiment):
    experiment.config["target_modules"] = ["fc1", "q_proj"]
    experiment.save(update_fields=["config"])
    start(page, experiment, target_modules=["q_proj", "fc1"])
    assert TrainingRun.objects.get().overrides == {}


def test_without_a_dataset_a_run_is_refused_and_none_exists(page, experiment):
    experiment.dataset = None
    experiment.save(update_fields=["dataset"])
    answer = start(page, experiment, name="typed")
    assert answer.status_code == 400 and "has no dataset to train on" in answer.text and 'value="typed"' in answer.text
    assert not TrainingRun.objects.exists()


def test_what_is_refused_keeps_what_was_typed_and_marks_it(page, experiment):
    TrainingRunFactory(experiment=experiment, name="taken", completed=True)
    answer = start(page, experiment, name="taken", epochs="9")
    assert answer.status_code == 400 and "has a run “taken” already" in answer.text
    assert "1 value differs from the experiment" in answer.text and 'value="9"' in answer.text
    outside = start(page, experiment, epochs="900")
    assert outside.status_code == 400 and "Epochs must be a whole number, from 1 to 100." in outside.text
    assert start(page, experiment, parent="zzz").status_code == 400
    assert start(page, experiment, name="x" * 201).status_code == 400
    assert start(page, experiment, method="sft").status_code == 400, "the dataset holds preferences"
    assert TrainingRun.objects.count() == 1


def test_one_value_is_reset_without_script(page, experiment):
    answer = start(page, experiment, epochs="9", beta="0.5", reset="epochs")
    assert answer.status_code == 200 and not TrainingRun.objects.exists()
    assert 'name="epochs" value="3"' in answer.text and 'name="beta" value="0.5"' in answer.text
    assert "1 value differs" in answer.text


def test_a_run_can_go_on_from_an_adapter_of_the_same_base(page, experiment):
    parent = AdapterFactory(base_model=experiment.base_model, name="warm", stored=False)
    foreign = AdapterFactory(name="foreign", stored=False)
    html = page.get(f"/training/{experiment.pk}/runs/new/").text
    assert "warm@1.0.0" in html and "foreign" not in html
    assert start(page, experiment, parent=str(foreign.pk)).status_code == 400
    start(page, experiment, parent=str(parent.pk))
    run = TrainingRun.objects.get()
    assert run.parent == parent and "warm@1.0.0" in page.get(f"/training/runs/{run.pk}/").text


# -- one run -------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("workers")
def test_a_queued_run_waits_with_an_empty_terminal(page, experiment):
    run = TrainingRunFactory(experiment=experiment)
    html = page.get(f"/training/runs/{run.pk}/").text
    for words in (
        "waiting for a training worker",
        "Nothing yet.",
        "No metrics yet",
        "Cancel run",
        'hx-trigger="every 2s"',
    ):
        assert words in html, words
    assert 'hx-select="#metrics"' in html and "Delete…" not in html and read(html).inline == []


@pytest.mark.usefixtures("workers")
def test_a_running_run_shows_progress_log_and_chart(page, experiment, django_assert_max_num_queries):
    run = TrainingRunFactory(experiment=experiment, running=True, overrides={"epochs": 6})
    add_lines(run, "Begins.", "Look <here>.")
    add_lines(run, "The gradient was clipped.", level="warning")
    add_points(run, "loss", [0.7, 0.6, 0.5])
    add_points(run, "eval_loss", [0.65], every=2)
    with django_assert_max_num_queries(25):
        html = page.get(f"/training/runs/{run.pk}/").text
    for words in (
        "step 120 of 300",
        "about 1 min 30 s left",
        "Look &lt;here&gt;.",
        'log-line log-warning"',
        "step 120 of 300, loss 0.61",
        f'hx-get="/training/runs/{run.pk}/log/?after=3"',
        f'data-poll="/training/runs/{run.pk}/metrics/"',
        "1 differs from the experiment",
    ):
        assert words in flat(html), words
    assert html.count('badge-strong">Override') == 1
    chart = json.loads(re.search(r'<script type="application/json">(.*?)</script>', html)[1])
    assert [curve["label"] for curve in chart["curves"]] == ["loss", "eval_loss"]
    assert chart["curves"][0]["values"] == [0.7, 0.6, 0.5] and chart["curves"][1]["steps"] == [2]
    assert "finished" not in html.split('id="log-')[1].split("</section>")[0]
    assert read(html).inline == []


def test_a_completed_run_names_its_adapter_and_polls_nothing(page, experiment):
    adapter = AdapterFactory(base_model=experiment.base_model, name="Strings-run-1", stored=False)
    ended = timezone.now() - timedelta(hours=1)
    run = TrainingRunFactory(experiment=experiment, completed=True, adapter=adapter, finished_at=ended)
    add_points(run, "loss", [0.7, 0.6])
    html = page.get(f"/training/runs/{run.pk}/").text
    for words in ("The run has finished.", "Strings-run-1@1.0.0", "checkpoint of step 200", "Best", "0.55", "Delete…"):
        assert words in flat(html), words
    assert f'href="/create/?adapter={adapter.pk}"' in html
    assert "every 2s" not in html and "data-poll" not in html and "Cancel run" not in html and "Resume" not in html


def test_an_early_stop_is_said(page, experiment):
    run = TrainingRunFactory(experiment=experiment, completed=True, step=210)
    assert "ended early: the log says why" in flat(page.get(f"/training/runs/{run.pk}/").text)


def test_a_deleted_adapter_is_not_linked(page, experiment):
    adapter = AdapterFactory(base_model=experiment.base_model, stored=False, is_active=False, deleted_at=timezone.now())
    run = TrainingRunFactory(experiment=experiment, completed=True, adapter=adapter)
    for address in (f"/training/runs/{run.pk}/", f"/training/{experiment.pk}/", f"/training/{experiment.pk}/overview/"):
        html = page.get(address).text
        assert f"/adapters/{adapter.pk}/" not in html and "eleted" in html


def test_a_failed_run_says_what_to_change_and_can_be_resumed(page, experiment):
    run = TrainingRunFactory(experiment=experiment, failed=True)
    html = page.get(f"/training/runs/{run.pk}/").text
    assert run.error in html and "Resume" in html and "This run reported no metrics." in html
    answer = page.post(f"/training/runs/{run.pk}/resume/", follow=True)
    run.refresh_from_db()
    assert run.state == "queued" and "goes on from its newest checkpoint" in answer.text


def test_a_run_is_cancelled_once(page, experiment):
    run = TrainingRunFactory(experiment=experiment, running=True)
    assert "was cancelled" in page.post(f"/training/runs/{run.pk}/cancel/", follow=True).text
    run.refresh_from_db()
    assert run.state == "cancelled"
    assert "already cancelled" in page.post(f"/training/runs/{run.pk}/cancel/", follow=True).text
    assert page.get(f"/training/runs/{run.pk}/cancel/").status_code == 405


def test_others_watch_and_touch_nothing(page):
    run = TrainingRunFactory(running=True)
    html = page.get(f"/training/runs/{run.pk}/").text
    assert "step 120 of 300" in html and "Cancel run" not in html
    for address in ("cancel", "resume"):
        assert page.post(f"/training/runs/{run.pk}/{address}/").status_code == 403
    ended = TrainingRunFactory(experiment=run.experiment, completed=True)
    assert "Delete…" not in page.get(f"/training/runs/{ended.pk}/").text
    assert page.post(f"/training/{run.experiment_id}/runs/delete/?ids={ended.pk}").status_code == 403
    run.refresh_from_db()
    assert run.state == "running" and TrainingRun.objects.filter(pk=ended.pk).exists()


# -- polling -------------------------------------------------------------------------------------------------------


def test_the_status_stops_asking_once_the_run_has_ended(page, experiment):
    run = TrainingRunFactory(experiment=experiment, running=True)
    moving = page.get(f"/training/runs/{run.pk}/status/").text
    assert 'hx-trigger="every 2s"' in moving and "<html" not in moving and 'id="run-actions"' not in moving
    run.cancel()
    ended = page.get(f"/training/runs/{run.pk}/status/").text
    assert "every 2s" not in ended and 'id="run-actions" hx-swap-oob="true"' in ended and "Resume" in ended


@pytest.mark.usefixtures("workers")
def test_the_log_brings_only_new_lines_until_the_run_has_finished(page, experiment):
    run = TrainingRunFactory(experiment=experiment, running=True)
    add_lines(run, "one", "two", "three")
    new = page.get(f"/training/runs/{run.pk}/log/?after=1").text
    assert "two" in new and "three" in new and ">one<" not in new and "?after=3" in new
    assert f'hx-swap-oob="beforeend:#log-{run.pk}"' in new
    nothing = page.get(f"/training/runs/{run.pk}/log/?after=3").text
    assert "beforeend" not in nothing and "loss 0.61" in nothing and "every 2s" in nothing
    run.cancel()
    last_words = page.get(f"/training/runs/{run.pk}/log/?after=3").text
    assert "it was cancelled" in flat(last_words) and "every 2s" in last_words, "a line may still be written"
    TrainingRun.objects.update(finished_at=timezone.now() - timedelta(minutes=1))
    assert "every 2s" not in page.get(f"/training/runs/{run.pk}/log/?after=3").text


def test_a_long_log_comes_in_parts(page, experiment):
    run = TrainingRunFactory(experiment=experiment, completed=True)
    add_lines(run, *[f"line {n}" for n in range(1, 2301)])
    html = page.get(f"/training/runs/{run.pk}/").text
    assert html.count('class="log-line log-info"') == 1000 and 'hx-trigger="load"' in html and "?after=1000" in html
    assert "has finished" not in html
    end = page.get(f"/training/runs/{run.pk}/log/?after=2000").text
    assert end.count('class="log-line log-info"') == 300 and "The run has finished." in end


@pytest.mark.parametrize("after", ["", "x", "-1", "1.5", "9" * 40, "%00", "٣"])
def test_garbage_after_is_taken_for_the_beginning_or_the_end(page, experiment, after):
    run = TrainingRunFactory(experiment=experiment, running=True)
    for address in (f"log/?after={after}", f"metrics/?from={after}", f"?after={after}&measure={after}&page={after}"):
        assert page.get(f"/training/runs/{run.pk}/{address}").status_code == 200


def test_the_chart_gets_new_points_and_hears_that_the_run_is_over(page, experiment):
    run = TrainingRunFactory(experiment=experiment, running=True)
    assert page.get(f"/training/runs/{run.pk}/metrics/").json() == {"over": False, "curves": []}
    add_points(run, "loss", [0.7, 0.6, 0.5])
    add_points(run, "rewards/chosen", [0.1, 0.2, 0.3])
    add_points(run, "rewards/rejected", [0.0, -0.1, -0.2])
    first = page.get(f"/training/runs/{run.pk}/metrics/?from=2").json()
    assert first["over"] is False and [curve["label"] for curve in first["curves"]] == ["loss"]
    assert first["curves"][0]["steps"] == [2, 3] and first["curves"][0]["values"] == [0.6, 0.5]
    assert all(abs(at - timezone.now().timestamp()) < 7200 for at in first["curves"][0]["times"])
    run.cancel()
    rewards = page.get(f"/training/runs/{run.pk}/metrics/?measure=rewards").json()
    assert rewards["over"] is True
    assert [curve["label"] for curve in rewards["curves"]] == ["rewards/chosen", "rewards/rejected"]


def test_ten_thousand_points_are_sent_as_two_thousand_the_ends_among_them(page, experiment):
    run = TrainingRunFactory(experiment=experiment, completed=True)
    add_points(run, "loss", [1 / n for n in range(1, 10_001)])
    curve = page.get(f"/training/runs/{run.pk}/metrics/").json()["curves"][0]
    assert 1000 <= len(curve["steps"]) <= 2000 and (curve["steps"][0], curve["steps"][-1]) == (1, 10_000)
    assert len(curve["values"]) == len(curve["times"]) == len(curve["steps"])


def test_every_value_stands_in_a_table(page, experiment):
    run = TrainingRunFactory(experiment=experiment, completed=True)
    add_points(run, "loss", [n / 1000 for n in range(1, 121)])
    add_points(run, "eval_loss", [0.9], every=120)
    table = page.get(f"/training/runs/{run.pk}/").text.split("Values as a table")[1]
    rows = re.findall(r'<th scope="row" class="number">(\d+)</th>(.*?)</tr>', flat(table))
    assert [int(step) for step, _ in rows] == list(range(120, 70, -1))
    assert "0.12<" in rows[0][1] and "0.9<" in rows[0][1] and "–" in rows[1][1] and "1–50 of 120 steps" in table
    last = page.get(f"/training/runs/{run.pk}/?page=3").text
    assert '<details class="fold" open>' in last and last.count('<th scope="row" class="number">') == 20


def test_a_measure_is_chosen_and_an_unknown_one_is_the_first(page, experiment):
    run = TrainingRunFactory(experiment=experiment, completed=True)
    for name in ("loss", "grad_norm", "logps/chosen", "logps/rejected", "own/metric"):
        add_points(run, name, [0.5])
    html = page.get(f"/training/runs/{run.pk}/?measure=logps").text
    assert 'value="logps" selected' in html and ">logps/rejected</th>" in html and 'value="own/metric"' in html
    assert 'value="loss" selected' in page.get(f"/training/runs/{run.pk}/?measure=zzz").text


@pytest.mark.parametrize("points", [10, 200])
def test_a_runs_page_needs_the_same_queries_however_long(page, experiment, points, django_assert_max_num_queries):
    run = TrainingRunFactory(experiment=experiment, running=True)
    add_lines(run, *[f"line {n}" for n in range(points)])
    for name in ("loss", "grad_norm", "learning_rate"):
        add_points(run, name, [0.5] * points)
    with django_assert_max_num_queries(22):
        page.get(f"/training/runs/{run.pk}/")


# -- deleting ------------------------------------------------------------------------------------------------------


def test_deleting_asks_with_a_count_and_takes_log_and_metrics_along(page, experiment):
    runs = [TrainingRunFactory(experiment=experiment, completed=True) for _ in range(3)]
    add_points(runs[0], "loss", [0.5])
    address = f"/training/{experiment.pk}/runs/delete/?ids={runs[0].pk}&ids={runs[1].pk}"
    question = page.get(address, headers={"HX-Request": "true"}).text
    assert "Delete 2 runs?" in question and "log, metrics and checkpoints" in question and "<html" not in question
    assert TrainingRun.objects.count() == 3
    assert "2 runs were deleted." in page.post(address, follow=True).text
    assert list(TrainingRun.objects.all()) == [runs[2]] and not MetricPoint.objects.exists()
    single = page.get(f"/training/{experiment.pk}/runs/delete/?ids={runs[2].pk}").text
    assert "Delete run-3?" in single


def test_an_adapter_outlives_its_run_and_the_next_best_takes_over(page, experiment):
    adapter = AdapterFactory(base_model=experiment.base_model, name="warm", stored=False)
    second = TrainingRunFactory(experiment=experiment, completed=True, best_value=0.5)
    best = TrainingRunFactory(experiment=experiment, completed=True, best_value=0.3, adapter=adapter)
    address = f"/training/{experiment.pk}/runs/delete/?ids={best.pk}"
    assert "warm@1.0.0" in page.get(address).text
    page.post(address)
    experiment.refresh_from_db()
    assert experiment.best_run == second and page.get(f"/adapters/{adapter.pk}/").status_code == 200


def test_one_unfinished_run_keeps_all(page, experiment):
    ended = TrainingRunFactory(experiment=experiment, completed=True)
    running = TrainingRunFactory(experiment=experiment, running=True)
    address = f"/training/{experiment.pk}/runs/delete/?ids={ended.pk}&ids={running.pk}"
    assert "Not finished yet: run-2" in page.get(address).text
    assert "nothing was deleted" in page.post(address, follow=True).text
    assert TrainingRun.objects.count() == 2


def test_deleting_nothing_or_garbage(page, experiment):
    foreign = TrainingRunFactory(completed=True)
    assert "Tick the runs" in page.get(f"/training/{experiment.pk}/runs/delete/", follow=True).text
    for ids in ("zzz", "%00", str(foreign.pk), "00000000-0000-0000-0000-000000000000"):
        assert page.post(f"/training/{experiment.pk}/runs/delete/?ids={ids}").status_code == 404, ids
    assert TrainingRun.objects.count() == 1


# -- comparing -----------------------------------------------------------------------------------------------------


def test_runs_are_compared_with_the_best_and_the_differences_marked(page, experiment):
    runs = [TrainingRunFactory(experiment=experiment, completed=True, overrides={"lora_r": r}) for r in (8, 16, 32)]
    for run, end in zip(runs, (0.5, 0.4, 0.6), strict=True):
        add_points(run, "loss", [0.7, end])
        add_points(run, "learning_rate", [1e-4])
    add_points(runs[0], "grad_norm", [1.0])
    query = "&".join(f"ids={run.pk}" for run in runs)
    html = page.get(f"/training/runs/compare/?{query}").text
    ends = html.split("Final values")[1]
    assert "+25.0 %" in ends and "+50.0 %" in ends and ends.count(">best<") == 1
    assert re.search(r'is-best">0\.4 ', ends)
    assert "LoRA rank (r)" in html and ">8<" in html and ">32<" in html
    chart = json.loads(re.search(r'<script type="application/json">(.*?)</script>', html)[1])
    assert [curve["label"] for curve in chart["curves"]] == ["run-1", "run-2", "run-3"]
    norms = page.get(f"/training/runs/compare/?{query}&metric=grad_norm").text
    chart = json.loads(re.search(r'<script type="application/json">(.*?)</script>', norms)[1])
    assert [curve["values"] for curve in chart["curves"]] == [[1.0], [], []], "each keeps its place, and so its colour"
    assert "data-poll" not in html and read(html).inline == []


def test_a_near_zero_best_and_runs_measured_differently_are_told_in_words(page, experiment):
    runs = [TrainingRunFactory(experiment=experiment, completed=True) for _ in range(2)]
    for run, end in zip(runs, (1e-9, 0.016), strict=True):
        add_points(run, "loss", [0.7, end])
    address = f"/training/runs/compare/?ids={runs[0].pk}&ids={runs[1].pk}"
    ends = page.get(address).text.split("Final values")[1]
    assert "+0.016" in ends and " %" not in ends and ends.count(">best<") == 1
    TrainingRun.objects.filter(pk=runs[1].pk).update(config=runs[1].config | {"beta": 0.9})
    ends = page.get(address).text.split("Final values")[1]
    assert "the runs differ in “Beta”" in ends and ">best<" not in ends


def test_the_overview_says_what_the_best_run_was_chosen_from(page, experiment):
    run = TrainingRunFactory(experiment=experiment, completed=True)
    overview = f"/training/{experiment.pk}/overview/"
    assert "share the experiment" in page.get(overview).text
    TrainingRun.objects.filter(pk=run.pk).update(config=run.config | {"beta": 0.9})
    assert "No completed run has the experiment" in page.get(overview).text


def test_too_few_too_many_or_unknown_runs_are_refused_in_words(page, experiment):
    runs = [TrainingRunFactory(experiment=experiment, completed=True) for _ in range(6)]
    ids = [f"ids={run.pk}" for run in runs]
    for query, words in (
        ("", "2 to 5"),
        (ids[0], "2 to 5"),
        ("&".join(ids), "not 6"),
        (f"{ids[0]}&{ids[0]}", "each run once"),
        ("ids=zzz&ids=%00", "is no run"),
        (f"{ids[0]}&ids=00000000-0000-0000-0000-000000000000", "was deleted. Tick others"),
    ):
        refused = page.get(f"/training/runs/compare/?{query}")
        assert refused.status_code == 400 and words in refused.text, query


def test_runs_without_metrics_can_be_compared(page, experiment):
    runs = [TrainingRunFactory(experiment=experiment, number=n) for n in (1, 2)]
    html = page.get(f"/training/runs/compare/?ids={runs[0].pk}&ids={runs[1].pk}").text
    assert "None of these runs has reported a metric yet." in html and "chance alone" in html


# -- elsewhere -----------------------------------------------------------------------------------------------------


def test_an_adapters_page_names_the_run_and_the_dataset_it_came_from(page, experiment):
    adapter = AdapterFactory(base_model=experiment.base_model, stored=False)
    assert "Trained by" not in page.get(f"/adapters/{adapter.pk}/").text
    run = TrainingRunFactory(experiment=experiment, completed=True, adapter=adapter)
    html = page.get(f"/adapters/{adapter.pk}/").text
    assert "Trained by" in html and f"/training/runs/{run.pk}/" in html and experiment.dataset.name in html


@pytest.mark.usefixtures("workers")
def test_the_overview_counts_runs_and_shows_those_at_work(page, experiment):
    TrainingRunFactory(experiment=experiment, completed=True)
    assert "<strong>1</strong> run<" in page.get("/").text
    TrainingRunFactory(experiment=experiment, running=True)
    html = page.get("/").text
    assert "<strong>2</strong> runs" in html and "1 at work" in html
    assert 'hx-trigger="every 3s"' in page.get("/overview/loop/").text


def test_unknown_runs_are_not_found(page):
    nobody = "00000000-0000-0000-0000-000000000000"
    for address in ("", "status/", "log/", "panel/", "metrics/"):
        assert page.get(f"/training/runs/{nobody}/{address}").status_code == 404, address
    for address in ("cancel", "resume"):
        assert page.post(f"/training/runs/{nobody}/{address}/").status_code == 404
