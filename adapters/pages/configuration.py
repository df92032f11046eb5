"""An adapter's configuration in groups, every value in words and with what it is for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from django.utils.translation import gettext, gettext_lazy

from adapters.models import Adapter

NOT_SET = gettext_lazy("Not set")


@dataclass(frozen=True, slots=True)
class Entry:
    """A setting: its key, its name, what it is for and what is usual, and its value in words.

    `is_override` marks one that differs from what it was derived from.
    """

    key: str
    label: str
    purpose: str
    value: str
    is_override: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Settings that belong together."""

    title: str
    entries: list[Entry]


Describe: TypeAlias = Callable[[Adapter], Iterable[Group]]
_sources: list[Describe] = []


def describes_adapters(describe: Describe) -> Describe:
    """Register a function that puts into groups how an adapter was made: who trains knows its settings (decorator)."""
    _sources.append(describe)
    return describe


def configuration(adapter: Adapter) -> list[Group]:
    """The base model and what is changed of it, then what others know of how it was made."""
    return [_model(adapter), *(group for describe in _sources for group in describe(adapter))]


def _model(adapter: Adapter) -> Group:
    layers, stabilised = (adapter.peft_config.get(name) for name in ("layers_to_transform", "use_rslora"))
    entries = [
        Entry(
            "base_model",
            gettext("Base model"),
            gettext("The model it was trained on, and the only one it can be used with."),
            adapter.base_model.display_name,
        ),
        Entry(
            "base_revision",
            gettext("Base revision"),
            gettext("Which files of the base model; an adapter fits exactly these."),
            in_words(adapter.base_revision),
        ),
        Entry(
            "trained_parameters",
            gettext("Trained parameters"),
            gettext("Numbers the adapter holds; the base model stays untouched."),
            f"{adapter.trained_parameters:,}",
        ),
        Entry(
            "layers_to_transform",
            gettext("Layers"),
            gettext("Numbers of the model's layers that are changed. Usually all."),
            gettext("All") if layers is None else in_words(layers),
        ),
        Entry(
            "use_rslora",
            gettext("Rank-stabilised"),
            gettext("Scales by alpha / √r instead of alpha / r, which keeps high ranks stable. Usually no."),
            in_words(bool(stabilised)),
        ),
    ]
    return Group(gettext("Model"), entries)


def in_words(value: Any) -> str:
    """A value as people read it.

    >>> in_words(0.0001), in_words(True), in_words(["q_proj", "v_proj"]), in_words(None), in_words(0.05)
    ('1e-4', 'Yes', 'q_proj, v_proj', 'Not set', '0.05')
    """
    if value is None or value == "" or value == []:
        return NOT_SET
    if isinstance(value, bool):
        return gettext("Yes") if value else gettext("No")
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
