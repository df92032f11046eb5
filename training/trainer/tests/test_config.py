"""The configuration: ranges, kinds, and the way there and back."""

from __future__ import annotations

from dataclasses import fields

import pytest

from training.config import InvalidConfig, Method, TrainingConfig


def test_there_and_back():
    config = TrainingConfig(method=Method.KTO, beta=0.3, target_modules=("q_proj",), mixed_precision=False, seed=9)
    assert TrainingConfig.from_mapping(config.to_mapping()) == config


def test_every_setting_is_named_and_explained():
    for spec in fields(TrainingConfig):
        assert spec.metadata["label"] and spec.metadata["explanation"].endswith(".") and spec.metadata["group"]


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"beta": 0.0}, "beta", "above 0, at most 1"),
        ({"beta": float("nan")}, "beta", "nan"),
        ({"learning_rate": "fast"}, "learning_rate", "a number"),
        ({"lora_r": 8.5}, "lora_r", "a whole number"),
        ({"lora_r": True}, "lora_r", "a whole number"),
        ({"method": "ppo"}, "method", "one of sft, dpo, kto, ranking"),
        ({"target_modules": "q_proj"}, "target_modules", "a list of names"),
        ({"target_modules": []}, "target_modules", "one or more of"),
        ({"label_smoothing": 0.5}, "label_smoothing", "below 0.5"),
        ({"lora_r": 3}, "lora_r", "from 4 to 128"),
        ({"mixed_precision": 1}, "mixed_precision", "true or false"),
        ({"target_modules": ["c_attn"]}, "target_modules", "q_proj"),
        ({"speed": 3}, "speed", "There is no setting"),
        ({"max_steps": None}, "max_steps", "a whole number"),
    ],
)
def test_what_is_wrong_is_named(values, field, words):
    with pytest.raises(InvalidConfig) as refusal:
        TrainingConfig.from_mapping(values)
    assert list(refusal.value.problems) == [field] and words in refusal.value.problems[field]


def test_all_problems_come_at_once():
    with pytest.raises(InvalidConfig) as refusal:
        TrainingConfig.from_mapping({"beta": 99, "lora_r": "x", "tempo": 1})
    assert set(refusal.value.problems) == {"beta", "lora_r", "tempo"}


@pytest.mark.parametrize(("batch", "halves"), [(2, True), (1, False)])
def test_a_batch_of_one_is_not_to_be_halved(batch, halves):
    assert ("Batch size" in TrainingConfig(batch_size=batch).memory_remedy) is halves
    assert "Longest clip" in TrainingConfig(batch_size=batch).memory_remedy
