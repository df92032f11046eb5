"""Filters of the registry, the same for page and API."""

from __future__ import annotations

import django_filters
from django import forms

from adapters.models import Adapter
from prompts.filters import TruthFilter, WordsFilter

BaseModel = Adapter._meta.get_field("base_model").related_model


class AdapterFilter(django_filters.FilterSet):
    """Adapters by words of name and description, base model, and whether new jobs may use them."""

    q = WordsFilter(
        "name",
        "description",
        widget=forms.TextInput(attrs={"type": "search", "placeholder": "Name or description"}),
        help_text="Words of name or description, all of them.",
    )
    base_model = django_filters.ModelChoiceFilter(
        queryset=BaseModel.objects.all(),
        to_field_name="key",
        empty_label="All models",
        label="Base model",
        error_messages={"invalid_choice": "There is no model of this key."},
        help_text="Key of a base model.",
    )
    active = TruthFilter(field_name="is_active", label="Active only", help_text="true: only those new jobs may use.")

    class Meta:
        model = Adapter
        fields: tuple[str, ...] = ("q", "base_model", "active")
