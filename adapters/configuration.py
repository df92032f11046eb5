"""An adapter's configuration in groups, every value in words and with what it is for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.models import Adapter

NOT_SET = "Not set"


@dataclass(frozen=True, slots=True)
class Setting:
    """One value of a configuration: its key, its name, what it is for and what is usual."""

    key: str
    label: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A setting with its value in words."""

    setting: Setting
    value: str


@dataclass(frozen=True, slots=True)
class Group:
    """Settings that belong together."""

    title: str
    entries: list[Entry]


LORA = (
    Setting(
        "r", "Rank (r)", "How many directions each layer may change in. More can learn more, and overfit more. 8–64."
    ),
    Setting("lora_alpha", "Alpha", "Scale of the change; alpha / r multiplies it. Usually once or twice the rank."),
    Setting("lora_dropout", "Dropout", "Share of inputs left out while training, against overfitting. 0–0.1."),
    Setting(
        "target_modules", "Target modules", "Layers that are adapted. Attention: q, k, v, out; feed-forward: fc1, fc2."
    ),
    Setting(
        "use_rslora", "Rank-stabilised", "Scales by alpha / √r instead, which keeps high ranks stable. Usually no."
    ),
    Setting("layers_to_transform", "Layers", "Numbers of the layers that are adapted. Usually not set: all."),
)
TRAINING = (
    Setting(
        "method", "Method", "What it learned from: liked clips (sft), pairs (dpo), single judgements (kto), rankings."
    ),
    Setting("epochs", "Epochs", "How often the data set was gone through. 1–10."),
    Setting("batch_size", "Batch size", "Examples in memory at once. 1–8."),
    Setting("gradient_accumulation_steps", "Accumulation", "Batches that make one step together. 1–16."),
    Setting("learning_rate", "Learning rate", "Size of a step. 1e-5 to 2e-4."),
    Setting("warmup_steps", "Warm-up steps", "Steps over which the learning rate rises to its full value. 50–200."),
    Setting("weight_decay", "Weight decay", "Pull of the weights towards zero. 0–0.1."),
    Setting("max_grad_norm", "Gradient clip", "Longest gradient a step may follow. 0.5–1.5."),
    Setting("seed", "Seed", "Start of the random numbers: the same seed trains the same adapter again."),
)
PREFERENCE = (
    Setting("beta", "Beta", "How closely it stays to the base model; smaller strays further. 0.05–0.5."),
    Setting("loss_type", "Loss", "Form of the preference loss. Usually sigmoid."),
    Setting("label_smoothing", "Label smoothing", "Share of votes taken to be mistaken. 0–0.2."),
)
HARDWARE = (
    Setting("mixed_precision", "Mixed precision", "Computing in 16 bits where it does no harm: faster, less memory."),
    Setting(
        "gradient_checkpointing",
        "Gradient checkpointing",
        "Computes again instead of remembering: slower, less memory.",
    ),
    Setting("device", "Device", "What it was trained on."),
)
CHECKPOINTING = (
    Setting("save_steps", "Save every", "Steps between checkpoints. 100–1000."),
    Setting("save_total_limit", "Checkpoints kept", "Older ones are removed. 1–5."),
    Setting("eval_steps", "Evaluate every", "Steps between evaluations on held-out data. 50–500."),
    Setting("early_stopping_patience", "Patience", "Evaluations without improvement before training stops. 2–5."),
    Setting("early_stopping_threshold", "Threshold", "How much counts as an improvement. 0.001–0.05."),
)
MODEL = (
    Setting("base_model", "Base model", "The model it was trained on, and the only one it can be used with."),
    Setting("base_revision", "Base revision", "Which files of the base model; an adapter fits exactly these."),
    Setting("trained_parameters", "Trained parameters", "Numbers the adapter holds; the base model stays untouched."),
)
PREFERENCE_METHODS = {"dpo", "kto", "ranking"}


def configuration(adapter: Adapter) -> list[Group]:
    """Model and LoRA always; training, hardware and checkpointing of an adapter that says how it was trained."""
    model = {
        "base_model": adapter.base_model.display_name,
        "base_revision": adapter.base_revision,
        "trained_parameters": f"{adapter.trained_parameters:,}",
    }
    groups = [_group("Model", MODEL, model), _group("LoRA", LORA, adapter.peft_config)]
    trained = adapter.training_config
    if trained:
        groups.append(_group("Training", TRAINING, trained))
        if trained.get("method") in PREFERENCE_METHODS:
            groups.append(_group("Preferences", PREFERENCE, trained))
        groups += [_group("Hardware", HARDWARE, trained), _group("Checkpointing", CHECKPOINTING, trained)]
    return groups


def _group(title: str, settings: tuple[Setting, ...], values: Mapping[str, Any]) -> Group:
    return Group(title, [Entry(setting, in_words(values.get(setting.key))) for setting in settings])


def in_words(value: Any) -> str:
    """A value as people read it.

    >>> in_words(0.0001), in_words(True), in_words(["q_proj", "v_proj"]), in_words(None), in_words(0.05)
    ('1e-4', 'Yes', 'q_proj, v_proj', 'Not set', '0.05')
    """
    if value is None or value == "" or value == []:
        return NOT_SET
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, list | tuple):
        return ", ".join(in_words(item) for item in value)
    if isinstance(value, float):
        return _number(value)
    return str(value)


def _number(value: float) -> str:
    if value and abs(value) < 0.001:
        mantissa, _, exponent = f"{value:.3e}".partition("e")
        return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    return f"{value:g}"
