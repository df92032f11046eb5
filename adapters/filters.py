"""Filters of the registry, the same for page and API."""

from __future__ import annotations

import django_filters
from django import forms
from django.db.models import Q, QuerySet

from adapters.models import Adapter
from prompts.filters import TruthFilter

BaseModel = Adapter._meta.get_field("base_model").related_model


class AdapterFilter(django_filters.FilterSet):
    """Adapters by words of name and description, base model, and whether new jobs may use them."""

    q = django_filters.CharFilter(
        method="holding",
        label="Search",
        widget=forms.TextInput(attrs={"type": "search", "placeholder": "Name or description"}),
        help_text="Words of name or description.",
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

    def holding(self, adapters: QuerySet, name: str, value: str) -> QuerySet:
        words = Q()
        for word in value.split():
            words &= Q(name__icontains=word) | Q(description__icontains=word)
        return adapters.filter(words)
