"""What training tells on the pages of adapters."""

from __future__ import annotations

from dataclasses import fields

import pytest

from adapters.pages.configuration import NOT_SET, configuration
from adapters.tests.factories import AdapterFactory
from generation.tests.factories import BaseModelFactory
from text2song.tests.html import flat
from training.config import DpoLoss, Method, TrainingConfig, range_in_words
from training.pages.adapter_losses import side_by_side

LORA = {"lora_r", "lora_alpha", "lora_dropout", "target_modules"}


def groups_of(**values):
    adapter = AdapterFactory.build(base_model=BaseModelFactory.build(), created_by=None, **values)
    return {str(group.title): group.entries for group in configuration(adapter)}


@pytest.mark.parametrize("method", Method)
def test_every_setting_of_a_trained_adapter_is_shown_once_and_filled(method):
    groups = groups_of(training_config=TrainingConfig(method=method).to_mapping())
    shown = [entry for title, entries in groups.items() if title != "Model" for entry in entries]
    relevant = [spec.name for spec in fields(TrainingConfig) if method in spec.metadata["methods"]]
    assert sorted(entry.key for entry in shown) == sorted(relevant)
    assert not [entry.key for entry in shown if entry.value == NOT_SET]
    preferences = ["Preferences"] if method is not Method.SFT else []
    assert list(groups) == ["Model", "LoRA", "Training", *preferences, "Hardware", "Checkpointing"]
    assert {entry.key for entry in groups["LoRA"]} == LORA


def test_no_setting_is_left_out_of_all_methods():
    shown = set()
    for method in Method:
        groups = groups_of(training_config=TrainingConfig(method=method).to_mapping())
        shown |= {entry.key for entries in groups.values() for entry in entries}
    assert shown >= {spec.name for spec in fields(TrainingConfig)}


def test_every_value_says_what_it_is_for_and_what_its_range_is():
    groups = groups_of(training_config=TrainingConfig().to_mapping())
    facts = {spec.name: spec.metadata for spec in fields(TrainingConfig)}
    for entry in (entry for title, entries in groups.items() if title != "Model" for entry in entries):
        assert facts[entry.key]["explanation"] in entry.purpose and entry.label == facts[entry.key]["label"]
        assert range_in_words(facts[entry.key]) in entry.purpose.lower()


def test_the_files_are_right_about_what_they_hold():
    """A run that goes on from an adapter keeps that adapter's rank, whatever the run was told."""
    groups = groups_of(training_config=TrainingConfig(lora_r=64).to_mapping())
    values = {entry.key: entry.value for entry in groups["LoRA"]}
    assert values == {
        "lora_r": "2",
        "lora_alpha": "4",
        "lora_dropout": "0",
        "target_modules": "q_proj, v_proj",
    }


def test_an_adapter_from_elsewhere_tells_what_its_files_hold():
    groups = groups_of()
    assert list(groups) == ["Model", "LoRA"]
    assert {entry.key: entry.value for entry in groups["LoRA"]}["lora_r"] == "2"


def test_gaps_are_said():
    groups = groups_of(training_config={"method": "sft", "epochs": 3})
    values = {entry.key: entry.value for entry in groups["Training"]}
    assert values["epochs"] == "3" and values["seed"] == NOT_SET


# -- losses of two side by side ------------------------------------------------------------------------------------


def trained(loss, held_out, data="a", **config):
    values = TrainingConfig(**config).to_mapping()
    lineage = {"final_loss": loss, "best_value": held_out, "dataset_hash": data}
    return AdapterFactory.build(base_model=BaseModelFactory.build(), created_by=None, training_config=values | lineage)


def test_the_lower_loss_is_marked_and_never_called_a_difference():
    training, held_out = side_by_side([trained(0.61, 0.7), trained(0.5, 0.72)])
    assert (training.name, training.values, training.leader, training.mark) == (
        "Training loss",
        ["0.61", "0.5"],
        1,
        "lower",
    )
    assert (held_out.name, held_out.leader) == ("Best held-out loss", 0)


@pytest.mark.parametrize("other", [{"method": Method.SFT}, {"dpo_loss": DpoLoss.IPO}])
def test_losses_in_other_units_are_not_compared(other):
    (loss,) = side_by_side([trained(0.61, 0.7), trained(0.5, 0.72, **other)])
    assert loss.values[0] == "dpo (sigmoid)" and loss.leader is None and loss.verdict.startswith("Not comparable")


def test_losses_on_other_data_are_shown_without_a_mark():
    for loss in side_by_side([trained(0.61, 0.7, data="a"), trained(0.5, 0.72, data="b")]):
        assert loss.leader is None and loss.verdict == "They differ in the dataset: neither is ahead for it."


@pytest.mark.parametrize(
    ("other", "words"),
    [({"beta": 0.2}, "“Beta”"), ({"sft_weight": 1.0}, "“SFT term”"), ({"max_frames": 50}, "“Longest")],
)
def test_losses_with_another_beta_are_shown_without_a_mark(other, words):
    for loss in side_by_side([trained(0.61, 0.7), trained(0.5, 0.72, **other)]):
        assert loss.leader is None and words in loss.verdict


def test_settings_that_the_loss_does_not_depend_on_leave_it_comparable():
    other = trained(0.5, 0.72, learning_rate=1e-3, lora_r=4, ranking_loss="margin")
    assert [loss.leader for loss in side_by_side([trained(0.61, 0.7), other])] == [1, 0]
    imitating = [trained(0.6, 0.7, method=Method.SFT), trained(0.5, 0.72, method=Method.SFT, beta=0.9)]
    assert [loss.leader for loss in side_by_side(imitating)] == [1, 0], "beta is no part of imitation"


def test_an_adapter_from_elsewhere_has_no_loss():
    uploaded = AdapterFactory.build(base_model=BaseModelFactory.build(), created_by=None)
    assert side_by_side([uploaded, uploaded]) == []
    (loss,) = side_by_side([trained(0.6, None), uploaded])
    assert loss.values == ["dpo (sigmoid)", "not known"] and loss.leader is None
    assert [row.values for row in side_by_side([trained(0.6, None), trained(0.5, None)])] == [
        ["0.6", "0.5"],
        ["–", "–"],
    ]


@pytest.mark.django_db
def test_the_comparison_page_shows_them(page):
    base = BaseModelFactory()
    values = TrainingConfig().to_mapping() | {"final_loss": 0.61, "best_value": 0.7, "dataset_hash": "a"}
    one = AdapterFactory(base_model=base, training_config=values, stored=False)
    two = AdapterFactory(base_model=base, training_config=values | {"final_loss": 0.5}, stored=False)
    html = page.get(f"/adapters/compare/?ids={one.pk}&ids={two.pk}").text
    assert '<td>0.5 <span class="badge">lower</span></td>' in flat(html)
