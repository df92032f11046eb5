"""The pages of experiments: the list, making and changing one, its tabs, the archive."""

from __future__ import annotations

import json
import re

import pytest

from adapters.tests.factories import AdapterFactory
from generation.tests.factories import BaseModelFactory
from text2song.tests.html import flat
from text2song.tests.test_pages import read
from training.config import Method, TrainingConfig
from training.models import Experiment, TrainingRun
from training.pages.forms import METHODS
from training.tests.factories import DatasetFactory, ExperimentFactory, TrainingRunFactory

pytestmark = pytest.mark.django_db


def sent(**values):
    """What a browser sends of the form as it opens, with some values typed over; None leaves one out."""
    config = TrainingConfig().to_mapping() | {"method": "", "mixed_precision": "on"}
    body = {"name": "Warmer strings", "description": "", "dataset": ""} | config | values
    return {key: value for key, value in body.items() if value is not None}


@pytest.fixture
def base():
    return BaseModelFactory(is_active=True, display_name="Tiny")


@pytest.fixture
def mine(user, base):
    return ExperimentFactory(created_by=user, base_model=base, name="Mine")


# -- the list ----------------------------------------------------------------------------------------------------


def test_an_empty_list_teaches_the_loop(page):
    html = page.get("/training/").text
    assert "Nothing has been trained yet" in html
    for words in ("Generate", "Listen", "Build a dataset", 'href="/training/new/"'):
        assert words in html
    assert '<a href="/training/" data-key="r"' in page.get("/").text, "the sidebar shows it"


def test_the_list_shows_runs_best_result_state_and_date(page, mine):
    TrainingRunFactory(experiment=mine, completed=True, best_value=0.61)
    best = TrainingRunFactory(experiment=mine, completed=True, best_value=0.4321)
    TrainingRunFactory(experiment=mine, completed=True, best_value=0.7)
    row = page.get("/training/").text.split("<tbody>")[1]
    for words in ("Mine", "Completed", ">3<", "0.4321", f'href="/training/runs/{best.pk}/"', f"{mine.created_at:%Y}"):
        assert words in row


def test_the_list_filters_by_state_and_hides_archived_ones(page, mine, user):
    ExperimentFactory(name="Old idea")
    TrainingRunFactory(experiment=mine, failed=True)
    archived = ExperimentFactory(name="Put away", created_by=user)
    page.post(f"/training/{archived.pk}/archive/")
    rows = page.get("/training/").text.split("<tbody>")[1].split("</tbody>")[0]
    assert rows.index("Old idea") < rows.index("Mine"), "newest first"
    assert "Put away" not in rows
    failed = page.get("/training/?state=failed").text.split("<tbody>")[1]
    assert "Mine" in failed and "Old idea" not in failed
    shown = page.get("/training/?archived=true").text
    assert "Put away" in shown and "Archived" in shown and "checked" in shown
    assert "No experiment fits" in page.get("/training/?state=running").text
    found = page.get("/training/?q=old").text.split("<tbody>")[1]
    assert "Old idea" in found and "Mine" not in found
    refused = page.get("/training/?state=nonsense")
    assert refused.status_code == 400 and "There is no state “nonsense”" in refused.text


def test_when_all_are_archived_the_list_says_so(page, mine):
    page.post(f"/training/{mine.pk}/archive/")
    html = page.get("/training/").text
    assert "All experiments are archived" in html and "?archived=true" in html


def test_the_list_polls_only_while_something_runs(page, mine):
    TrainingRunFactory(experiment=mine, completed=True)
    assert 'hx-trigger="every 5s"' not in page.get("/training/").text
    TrainingRunFactory(experiment=mine, running=True)
    assert 'hx-trigger="every 5s"' in page.get("/training/").text


@pytest.mark.parametrize("count", [10, 200])
def test_the_list_needs_the_same_queries_however_long(page, base, count, django_assert_max_num_queries):
    dataset = DatasetFactory()
    for _ in range(count):
        experiment = ExperimentFactory(base_model=base, dataset=dataset, created_by=dataset.created_by)
    TrainingRunFactory(experiment=experiment, completed=True)
    with django_assert_max_num_queries(12):
        html = page.get("/training/").text
    assert f"of {count} experiments" in html


def test_every_method_is_offered_in_words():
    assert list(METHODS) == list(Method)
    assert all(words.startswith(f"{method}: ") for method, words in METHODS.items())


# -- making one --------------------------------------------------------------------------------------------------


def test_the_form_opens_with_the_defaults_the_first_five_on_top(page, base):
    html = page.get("/training/new/").text

    top = html.split("Show advanced settings")[0]
    for name, value in (("epochs", "3"), ("batch_size", "2"), ("learning_rate", "0.0001"), ("lora_r", "16")):
        assert re.search(rf'name="{name}" value="{value}"', top), name
    assert 'name="lora_alpha" value="32.0"' in top
    rest = html.split("Show advanced settings")[1]
    for name in ("beta", "warmup_steps", "save_total_limit", "mixed_precision", "early_stopping_threshold"):
        assert f'name="{name}"' in rest and f'name="{name}"' not in top
    assert rest.count('name="target_modules"') == 6
    assert rest.count("checked") == 8, "six modules, mixed precision and “only if better”"
    for words in (
        "attention, recommended",
        "feed-forward layer (optional)",
        "From 4 to 128.",
        "Above 0, at most 0.01.",
    ):
        assert words in html
    for spec in TrainingConfig.__dataclass_fields__.values():
        assert f'id="id_{spec.name}_helptext"' in html, f"{spec.name} is explained"
    assert read(html).inline == []
    presets = json.loads(re.search(r'id="preset-values"[^>]*>(.*?)</script>', html)[1])
    values = {preset["label"]: preset["values"] for preset in presets}
    assert values["Conservative"]["learning_rate"] == 5e-5 and values["Aggressive"]["lora_alpha"] == 64.0
    assert values["A few hundred votes"]["beta"] == 0.02 and values["Balanced"]["beta"] == 0.1


def test_untouched_fields_keep_the_defaults(page, base, user):
    answer = page.post("/training/new/", sent(base_model=base.pk, description="a\r\nb"))
    experiment = Experiment.objects.get()
    assert answer.status_code == 302 and answer["Location"] == f"/training/{experiment.pk}/"
    assert experiment.config == TrainingConfig().to_mapping()
    assert (experiment.description, experiment.dataset, experiment.created_by) == ("a\nb", None, user)


def test_the_method_follows_the_dataset_and_a_wrong_one_is_refused(page, base):
    liked = DatasetFactory(kind="supervised")
    page.post("/training/new/", sent(base_model=base.pk, dataset=liked.pk))
    assert Experiment.objects.get().config["method"] == "sft"
    refused = page.post("/training/new/", sent(base_model=base.pk, dataset=liked.pk, method="dpo"))
    assert refused.status_code == 400 and "sft" in refused.text and Experiment.objects.count() == 1


def test_settings_of_other_methods_are_hidden(page, base):
    liked = DatasetFactory(kind="supervised")

    def hidden(html, name):
        return re.search(rf'data-setting="{name}"[^>]*>', html)[0].endswith(" hidden>")

    assert not hidden(page.get("/training/new/").text, "label_smoothing")
    html = page.get(f"/training/new/?dataset={liked.pk}").text
    assert f'value="{liked.pk}" selected' in html.replace(' data-methods="sft kto ranking"', "")
    assert hidden(html, "label_smoothing") and hidden(html, "beta") and not hidden(html, "epochs")


def test_what_is_refused_says_the_range_and_keeps_what_was_typed(page, base):
    wrong = sent(
        base_model=base.pk, name="Kept", epochs="101", lora_r="2", learning_rate="0", beta="abc", batch_size=""
    )
    answer = page.post("/training/new/", wrong)
    assert answer.status_code == 400 and not Experiment.objects.exists()
    for words in (
        "Epochs must be a whole number, from 1 to 100.",
        "LoRA rank (r) must be from 4 to 128, not 2.",
        "Learning rate must be above 0, at most 0.01, not 0.",
        "Beta must be a number, above 0, at most 1.",
        "Batch size must be a whole number, from 1 to 32.",
    ):
        assert words in answer.text, words
    for value in ("Kept", "101", "abc"):
        assert f'value="{value}"' in answer.text
    assert "<details" in answer.text and "open data-advanced" in answer.text, "an error is not hidden in a fold"


@pytest.mark.parametrize(
    "garbage",
    [
        {"epochs": "9" * 400},
        {"seed": "-1"},
        {"max_steps": "9" * 5000},
        {"learning_rate": "nan"},
        {"lora_alpha": "inf"},
        {"target_modules": ["q_proj", "lm_head"]},
        {"target_modules": None},
        {"dataset": "not-a-uuid"},
        {"base_model": "x\x00"},
        {"name": ""},
        {"name": "x" * 201},
        {"name": "a\x00b"},
        {"method": "magic"},
        {"dpo_loss": "\x00"},
    ],
)
def test_garbage_is_refused_in_words(page, base, garbage):
    answer = page.post("/training/new/", sent(**{"base_model": base.pk} | garbage))
    assert answer.status_code == 400 and 'class="form-errors"' in answer.text
    assert not Experiment.objects.exists()


def test_garbage_in_the_address_is_ignored(page, base):
    for query in ("?dataset=zzz", "?dataset=", "?dataset=%00"):
        assert page.get(f"/training/new/{query}").status_code == 200


@pytest.mark.parametrize(("preset", "rate", "r"), [("conservative", "5e-05", "8"), ("aggressive", "0.0002", "32")])
def test_presets_fill_the_form_without_script_and_store_nothing(page, base, preset, rate, r):
    answer = page.post("/training/new/", sent(base_model=base.pk, name="Typed", weight_decay="0.3", preset=preset))
    assert answer.status_code == 200 and not Experiment.objects.exists()
    for value in (f'name="learning_rate" value="{rate}"', f'name="lora_r" value="{r}"', 'value="Typed"', 'value="0.3"'):
        assert value in answer.text


# -- its tabs ------------------------------------------------------------------------------------------------------


def test_runs_come_ten_to_a_page_newest_first(page, mine, django_assert_max_num_queries):
    for _ in range(12):
        TrainingRunFactory(experiment=mine, completed=True)
    adapter = AdapterFactory(base_model=mine.base_model, stored=False)
    best = TrainingRunFactory(experiment=mine, completed=True, best_value=0.1, overrides={"epochs": 5}, adapter=adapter)
    with django_assert_max_num_queries(12):
        html = page.get(f"/training/{mine.pk}/").text
    rows = html.split("<tbody>")[1].split("</tbody>")[0]
    assert rows.count("<tr") == 10 and rows.index("run-13") < rows.index("run-12")
    assert (
        "Best" in flat(rows)
        and "1 override" in flat(rows)
        and "0.1 " in flat(rows)
        and f'href="/adapters/{adapter.pk}/"' in flat(rows)
    )
    assert rows.count("badge-strong") == 1 and f'href="/training/runs/{best.pk}/"' in rows
    assert page.get(f"/training/{mine.pk}/?page=2").text.split("<tbody>")[1].count("data-run-pick") == 3
    assert "Select a run to view logs" in html and "every 4s" not in html
    assert read(html).inline == []


@pytest.mark.parametrize("count", [10, 200])
def test_runs_need_the_same_queries_however_many(page, mine, count, django_assert_max_num_queries):
    for number in range(1, count + 1):
        TrainingRunFactory(experiment=mine, completed=True, number=number, follow=False)
    with django_assert_max_num_queries(12):
        assert f"of {count} runs" in page.get(f"/training/{mine.pk}/").text


def test_a_run_can_be_picked_for_its_log_without_script(page, mine):
    run = TrainingRunFactory(experiment=mine, failed=True)
    html = page.get(f"/training/{mine.pk}/?run={run.pk}").text
    assert "Select a run" not in html and "The run has finished: it failed." in html
    for garbage in ("zzz", "%00", "00000000-0000-0000-0000-000000000000"):
        assert "Select a run" in page.get(f"/training/{mine.pk}/?run={garbage}").text


def test_unfinished_runs_have_no_delete_link(page, mine):
    running = TrainingRunFactory(experiment=mine, running=True)
    ended = TrainingRunFactory(experiment=mine, cancelled=True)
    html = page.get(f"/training/{mine.pk}/").text
    assert f"?ids={ended.pk}" in html and f"?ids={running.pk}" not in html and 'hx-trigger="every 4s"' in html


def test_an_experiment_without_runs_or_dataset_says_what_to_do(page, user, base):
    experiment = ExperimentFactory(created_by=user, base_model=base, dataset=None)
    html = page.get(f"/training/{experiment.pk}/").text
    assert "No runs yet" in html and "no dataset to train on" in html and f"/training/{experiment.pk}/config/" in html


def test_the_overview_tells_what_came_of_it(page, mine):
    TrainingRunFactory(experiment=mine, failed=True)
    adapter = AdapterFactory(base_model=mine.base_model, name="warm", stored=False)
    TrainingRunFactory(experiment=mine, completed=True, adapter=adapter, best_value=0.3)
    TrainingRunFactory(experiment=mine, completed=True)
    html = page.get(f"/training/{mine.pk}/overview/").text
    for words in ("0.3", "warm@1.0.0", "4 min 30 s", mine.dataset.name, "Compare the newest 2 completed", "Beta"):
        assert words in flat(html), words


def test_an_experiment_whose_runs_all_failed_says_why(page, mine):
    run = TrainingRunFactory(experiment=mine, failed=True)
    html = page.get(f"/training/{mine.pk}/").text
    assert "All runs failed" in html and run.error in html


def test_the_configuration_is_saved_with_a_notice(page, mine):
    values = sent(name="Renamed", dataset=mine.dataset_id, base_model=mine.base_model_id, method="dpo", epochs="7")
    answer = page.post(f"/training/{mine.pk}/config/", values, follow=True)
    mine.refresh_from_db()
    assert (mine.name, mine.config["epochs"], mine.config["batch_size"]) == ("Renamed", 7, 2)
    assert "Saved." in answer.text and 'name="epochs" value="7"' in answer.text
    cleared = sent(name="Renamed", dataset="", base_model=mine.base_model_id, method="dpo", mixed_precision=None)
    page.post(f"/training/{mine.pk}/config/", cleared)
    mine.refresh_from_db()
    assert mine.dataset is None and mine.config["mixed_precision"] is False


def test_a_refused_configuration_changes_nothing(page, mine):
    values = sent(name="Renamed", dataset=mine.dataset_id, base_model=mine.base_model_id, method="dpo", epochs="0")
    answer = page.post(f"/training/{mine.pk}/config/", values)
    assert answer.status_code == 400 and 'value="Renamed"' in answer.text and "data-dirty" in answer.text
    assert "<h1>Mine</h1>" in answer.text, "the heading still says what is stored"
    mine.refresh_from_db()
    assert (mine.name, mine.config["epochs"]) == ("Mine", 3)


def test_others_read_the_configuration_and_change_nothing(page, base):
    other = ExperimentFactory(base_model=base)
    html = page.get(f"/training/{other.pk}/config/").text
    assert "data-training-form" not in html and "Learning rate" in html and "1e-4" in html
    assert "Start a run" not in html
    for address in ("config", "runs/new", "archive", "runs/delete"):
        assert page.post(f"/training/{other.pk}/{address}/", sent()).status_code == 403, address
    assert page.get(f"/training/{other.pk}/runs/new/").status_code == 403


def test_curators_change_everything(curator_page, base):
    other = ExperimentFactory(base_model=base)
    assert "data-training-form" in curator_page.get(f"/training/{other.pk}/config/").text


# -- the archive ---------------------------------------------------------------------------------------------------


def test_archiving_keeps_the_runs_and_can_be_undone(page, mine):
    run = TrainingRunFactory(experiment=mine, completed=True)
    html = page.post(f"/training/{mine.pk}/archive/", follow=True).text
    assert "is archived" in flat(html) and "Take out of the archive" in flat(html) and "Start a run" not in flat(html)
    assert "is archived already" in page.post(f"/training/{mine.pk}/archive/", follow=True).text
    assert TrainingRun.objects.filter(pk=run.pk).exists()
    assert "cannot be changed" in page.get(f"/training/{mine.pk}/config/").text
    assert page.post(f"/training/{mine.pk}/config/", sent()).status_code == 403
    assert "is back on the list" in page.post(f"/training/{mine.pk}/unarchive/", follow=True).text
    assert "Mine" in page.get("/training/").text


def test_an_experiment_at_work_is_not_archived(page, mine):
    TrainingRunFactory(experiment=mine, running=True)
    assert "not finished" in page.post(f"/training/{mine.pk}/archive/", follow=True).text
    mine.refresh_from_db()
    assert not mine.is_archived
    assert page.get(f"/training/{mine.pk}/archive/").status_code == 405


def test_unknown_experiments_are_not_found(page):
    nobody = "00000000-0000-0000-0000-000000000000"
    for address in ("", "overview/", "config/", "runs/new/", "runs/delete/"):
        assert page.get(f"/training/{nobody}/{address}").status_code == 404, address
