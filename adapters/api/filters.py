"""Filters and order of the registry, the same for page and API."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

import django_filters
from django import forms
from django.utils.translation import gettext_lazy

from adapters.models import Adapter
from prompts.api.filters import TruthFilter, WordsFilter


class AdapterFilter(django_filters.FilterSet):
    """Adapters by words of name and description, base model, and whether new jobs may use them."""

    q = WordsFilter(
        "name",
        "description",
        widget=forms.TextInput(attrs={"type": "search", "placeholder": gettext_lazy("Name or description")}),
        help_text="Words of name or description, all of them.",
    )
    base_model = django_filters.ModelChoiceFilter(
        queryset=Adapter.base_models(),
        to_field_name="key",
        empty_label=gettext_lazy("All models"),
        label="Base model",
        error_messages={"invalid_choice": "There is no model of this key."},
        help_text="Key of a base model.",
    )
    active = TruthFilter(field_name="is_active", label="Active only", help_text="true: only those new jobs may use.")

    class Meta:
        model = Adapter
        fields: tuple[str, ...] = ("q", "base_model", "active")


@dataclass(frozen=True, slots=True)
class Versions:
    """All listed versions of one name: the default and the active ones on top, then the newest first."""

    name: str
    adapters: list[Adapter]


def grouped(adapters: Iterable[Adapter]) -> list[Versions]:
    """Adapters under their names, names in alphabetical order."""
    order = sorted(adapters, key=lambda a: (a.name.casefold(), a.name, *_rank(a)))
    return [Versions(name, list(versions)) for name, versions in groupby(order, key=lambda adapter: adapter.name)]


def _rank(adapter: Adapter) -> tuple[bool, bool, float]:
    return not adapter.is_default, not adapter.is_active, -adapter.created_at.timestamp()
