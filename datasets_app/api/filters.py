"""Lists of datasets, the same for page and API."""

from __future__ import annotations

import django_filters
from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy

from datasets_app.models import Dataset
from prompts.api.filters import TruthFilter, WordsFilter


class DatasetFilter(django_filters.FilterSet):
    """Datasets by words of their name, kind and state; deleted ones only if asked for."""

    q = WordsFilter(
        "name",
        widget=forms.TextInput(attrs={"type": "search", "placeholder": gettext_lazy("Name")}),
        help_text="Words of the name, all of them.",
    )
    kind = django_filters.ChoiceFilter(
        choices=Dataset.Kind.choices, empty_label=gettext_lazy("Both kinds"), label=gettext_lazy("Kind")
    )
    state = django_filters.ChoiceFilter(
        choices=Dataset.State.choices, empty_label=gettext_lazy("Any state"), label=gettext_lazy("State")
    )
    include_deleted = TruthFilter(
        method="with_deleted", label="Show deleted", help_text="true: also deleted ones; left out otherwise."
    )

    class Meta:
        model = Dataset
        fields: tuple[str, ...] = ()

    def with_deleted(self, datasets: QuerySet, name: str, value: bool) -> QuerySet:
        return datasets

    def filter_queryset(self, queryset: QuerySet) -> QuerySet:
        found = super().filter_queryset(queryset)
        return found if self.form.cleaned_data.get("include_deleted") else found.visible()
