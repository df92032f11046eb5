"""The settings of a run in groups, every value in words and with what it is for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from itertools import groupby
from typing import Any

from adapters.configuration import in_words
from training.config import TrainingConfig


@dataclass(frozen=True, slots=True)
class Entry:
    """A setting; `is_override` marks one that differs from the experiment's."""

    label: str
    explanation: str
    value: str
    is_override: bool


@dataclass(frozen=True, slots=True)
class Group:
    """Settings that belong together."""

    title: str
    entries: list[Entry] = field(default_factory=list)


def settings_in_words(config: Mapping[str, Any], overrides: Iterable[str] = ()) -> list[Group]:
    """The settings of `config` that matter to its method, in the order of `TrainingConfig`."""
    changed, method = set(overrides), config.get("method")
    shown = [spec for spec in fields(TrainingConfig) if spec.name in config and method in spec.metadata["methods"]]
    return [
        Group(
            title,
            [
                Entry(
                    spec.metadata["label"],
                    spec.metadata["explanation"],
                    in_words(config[spec.name]),
                    spec.name in changed,
                )
                for spec in specs
            ],
        )
        for title, specs in groupby(shown, key=lambda spec: spec.metadata["group"])
    ]


def label_of(name: str) -> str:
    """What people call the setting `name`; the name itself for one that is not known any more."""
    return next((spec.metadata["label"] for spec in fields(TrainingConfig) if spec.name == name), name)
