"""The settings of a run in groups, every value in words and with what it is for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from django.utils.translation import gettext

from adapters.pages.configuration import Entry, Group, in_words
from training.config import Group as ConfigGroup
from training.config import TrainingConfig, purpose


def settings_in_words(
    config: Mapping[str, Any], overrides: Iterable[str] = (), groups: Iterable[ConfigGroup] = ConfigGroup
) -> list[Group]:
    """The settings of `config` that matter to its method (all if it names none), group by group."""
    changed, method = set(overrides), config.get("method")
    shown = [spec for spec in fields(TrainingConfig) if method is None or method in spec.metadata["methods"]]
    found = []
    for group in groups:
        specs = [spec for spec in shown if spec.metadata["group"] is group]
        entries = [
            Entry(
                spec.name,
                gettext(spec.metadata["label"]),
                purpose(spec.metadata),
                in_words(config.get(spec.name)),
                spec.name in changed,
            )
            for spec in specs
        ]
        found += [Group(gettext(group), entries)] if entries else []
    return found


def label_of(name: str) -> str:
    """What people call the setting `name`; the name itself for one that is not known any more."""
    return next((gettext(spec.metadata["label"]) for spec in fields(TrainingConfig) if spec.name == name), name)
