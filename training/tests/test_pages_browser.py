"""What the scripts of training's pages add, in a real browser: live logs and charts, presets, overrides, dialogs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from generation.tests.factories import BaseModelFactory
from training.models import Experiment, TrainingRun
from training.tests.factories import ExperimentFactory, TrainingRunFactory, add_lines, add_points

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

READOUT = "[data-readout]"


@pytest.fixture
def experiment(user: Any) -> Experiment:
    return ExperimentFactory(created_by=user, name="Strings", base_model=BaseModelFactory(is_active=True))


@pytest.fixture
def tab(experiment: Experiment, user: Any, live_server: Any, chromium: Any) -> Iterator[Any]:
    """A tab of somebody signed in, at the end without errors of scripts or of the content security policy."""
    made = chromium.new_context(base_url=live_server.url).new_page()
    made.set_default_timeout(60_000)
    problems: list[str] = []
    made.on("pageerror", lambda error: problems.append(str(error)))
    made.on("console", lambda said: problems.append(said.text) if "Content Security" in said.text else None)
    made.goto("/sign-in/")
    made.locator("[name=username]").fill(user.username)
    made.locator("[name=password]").fill("listen-closely")
    made.get_by_role("button", name="Sign in").click()
    made.wait_for_url("**/")
    yield made
    made.context.close()
    assert problems == []


def test_a_run_is_followed_live_until_it_has_finished(tab: Any, experiment: Experiment):
    run = TrainingRunFactory(experiment=experiment, running=True)
    add_lines(run, *[f"line {n}" for n in range(1, 101)])
    add_points(run, "loss", [0.7, 0.6, 0.5])
    tab.goto(f"/training/runs/{run.pk}/")
    tab.locator("[data-plot] canvas").wait_for()
    assert tab.evaluate("() => { const t = document.querySelector('[data-terminal]'); return t.scrollTop > 0; }")

    tab.locator("[data-plot]").focus()
    tab.keyboard.press("Home")
    assert "Step 1 · loss 0.7 · " in tab.locator(READOUT).inner_text()
    tab.keyboard.press("ArrowRight")
    assert "Step 2 · loss 0.6" in tab.locator(READOUT).inner_text()

    add_lines(run, "a new line", level="warning")
    add_points(run, "eval_loss", [0.44], every=4)
    tab.get_by_text("a new line").wait_for()
    tab.locator("[data-legend]").get_by_text("eval_loss").wait_for()
    tab.keyboard.press("End")
    assert "Step 4 · loss 0.5 (step 3) · eval_loss 0.44" in tab.locator(READOUT).inner_text()

    run.cancel()
    tab.get_by_text("The run has finished: it was cancelled.").wait_for()
    tab.get_by_role("button", name="Resume").wait_for()
    assert tab.get_by_role("button", name="Cancel run").count() == 0


def test_ten_thousand_points_are_drawn_quickly(tab: Any, experiment: Experiment):
    run = TrainingRunFactory(experiment=experiment, completed=True)
    add_points(run, "loss", [1 / n for n in range(1, 10_001)])
    tab.goto(f"/training/runs/{run.pk}/")
    tab.locator("[data-plot] canvas").wait_for()
    tab.locator("[data-plot]").focus()
    tab.keyboard.press("End")
    assert "Step 10000 · loss 0.0001" in tab.locator(READOUT).inner_text()


def test_overrides_are_marked_counted_and_reset(tab: Any, experiment: Experiment):
    tab.goto(f"/training/{experiment.pk}/runs/new/")
    count = tab.locator("[data-change-count]")
    tab.locator("[name=epochs]").fill("9")
    tab.locator("[name=lora_r]").fill("32")
    assert "2 values differ" in count.inner_text()
    tab.locator('[data-setting="epochs"]').get_by_role("button", name="Reset Epochs").click()
    assert tab.locator("[name=epochs]").input_value() == "3"
    assert "1 value differs" in count.inner_text() and not TrainingRun.objects.exists()
    tab.get_by_role("button", name="Conservative").click()
    assert tab.locator("[name=learning_rate]").input_value() == "0.00005"
    tab.get_by_role("button", name="Balanced").click()
    assert "As in the experiment" in count.inner_text()
    tab.locator("[name=lora_alpha]").fill("64")
    tab.get_by_role("button", name="Start the run").click()
    tab.wait_for_url("**/training/runs/*/")
    assert TrainingRun.objects.get().overrides == {"lora_alpha": 64.0}


def test_leaving_with_unsaved_changes_asks_first(tab: Any, experiment: Experiment):
    asked: list[str] = []

    def stay(dialog: Any) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    tab.goto(f"/training/{experiment.pk}/")
    address = f"/training/{experiment.pk}/config/"
    tab.locator(f"a[href='{address}']").first.click()
    tab.wait_for_url(f"**{address}")
    tab.locator("[data-training-form] [name=name]").fill("Other")
    leave = {
        "by a link": lambda: tab.get_by_role("link", name="Overview").first.click(no_wait_after=True),
        "backwards": lambda: tab.evaluate("() => history.back()"),
    }
    for way, go in leave.items():
        tab.once("dialog", stay)
        go()
        tab.wait_for_timeout(800)
        assert asked.pop() == "confirm" and not asked, way
        assert tab.locator("[name=name]").input_value() == "Other" and tab.url.endswith(address), way
    tab.once("dialog", stay)
    tab.evaluate("() => location.assign('/')")
    tab.wait_for_timeout(500)
    assert asked.pop() == "beforeunload" and tab.locator("[name=name]").input_value() == "Other"
    tab.get_by_role("link", name="Cancel").click()
    tab.locator("h1", has_text="Strings").wait_for()
    assert not asked, "cancelling is meant"


def test_settings_follow_the_method_of_the_dataset(tab: Any, experiment: Experiment):
    tab.goto("/training/new/")
    tab.get_by_text("Show advanced settings").click()
    assert tab.locator("[name=label_smoothing]").is_visible()
    tab.locator("[name=method]").select_option("sft")
    assert tab.locator("[name=label_smoothing]").is_hidden() and tab.locator("[name=beta]").is_hidden()
    tab.locator("[name=dataset]").select_option(str(experiment.dataset_id))
    assert tab.locator("[name=method]").input_value() == "dpo", "the dataset has no liked clips"
    assert tab.locator("[name=label_smoothing]").is_visible()


def test_ticked_runs_are_deleted_after_a_question(tab: Any, experiment: Experiment):
    runs = [TrainingRunFactory(experiment=experiment, completed=True) for _ in range(3)]
    tab.goto(f"/training/{experiment.pk}/")
    assert tab.locator("#delete-runs").is_disabled() and tab.locator("#compare-runs").is_disabled()
    for run in runs[:2]:
        tab.locator(f"#pick-{run.pk}").check()
    assert tab.locator("#compare-runs").is_enabled()
    tab.locator("#delete-runs").click()
    dialog = tab.locator("#dialog")
    dialog.get_by_text("Delete 2 runs?").wait_for()
    dialog.get_by_role("link", name="Keep").click()
    assert dialog.is_hidden() and TrainingRun.objects.count() == 3
    tab.locator("#delete-runs").click()
    dialog.get_by_role("button", name="Delete 2 runs").click()
    tab.get_by_text("2 runs were deleted.").wait_for()
    assert list(TrainingRun.objects.all()) == [runs[2]]


def test_picking_a_run_shows_its_log_beside_the_list(tab: Any, experiment: Experiment):
    runs = [TrainingRunFactory(experiment=experiment, failed=True) for _ in range(2)]
    for run in runs:
        add_lines(run, f"said by {run.name}")
    tab.goto(f"/training/{experiment.pk}/")
    tab.get_by_text("Select a run to view logs").wait_for()
    tab.locator(f"#show-{runs[0].pk}").click()
    tab.get_by_text("said by run-1").wait_for()
    tab.locator(f"#show-{runs[1].pk}").click()
    tab.get_by_text("said by run-2").wait_for()
    assert tab.get_by_text("said by run-1").count() == 0
