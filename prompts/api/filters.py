"""Narrowing lists of prompts and templates; the history page and the API use the same filters."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any

import django_filters as filters
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.utils.translation import gettext, gettext_lazy, pgettext_lazy
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field

from prompts.models import Prompt, PromptTemplate
from prompts.querysets import PromptQuerySet
from prompts.wording.vocabulary import MOODS, STYLES
from text2song.moments import MomentField
from text2song.words import parse_words


@extend_schema_field({"type": "string", "anyOf": [{"format": "date"}, {"format": "date-time"}]})
class MomentFilter(filters.Filter):
    field_class = MomentField


class CheckboxInput(forms.CheckboxInput):
    """A check box that hands on what was sent instead of taking anything for true."""

    def __init__(self) -> None:
        super().__init__(attrs={"value": "true"}, check_test=lambda value: str(value).lower() in TruthField.TRUE)

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        return data.get(name)


class TruthField(forms.Field):
    """true or false; anything else is refused."""

    TRUE, FALSE = ("true",), ("false",)
    widget = CheckboxInput

    def to_python(self, value: Any) -> bool | None:
        text = str(value if value is not None else "").lower()
        if text not in ("", *self.TRUE, *self.FALSE):
            raise ValidationError("Say true or false.", code="invalid")
        return text in self.TRUE if text else None


@extend_schema_field(OpenApiTypes.BOOL)
class TruthFilter(filters.Filter):
    field_class = TruthField


class WordsFilter(filters.CharFilter):
    """Rows that hold every word, each in any of `fields`."""

    def __init__(self, *fields: str, **kwargs: Any) -> None:
        super().__init__(label=gettext_lazy("Search"), **kwargs)
        self.fields = fields

    def filter(self, queryset: QuerySet, value: str) -> QuerySet:
        for word in parse_words(value or ""):
            holds = (Q(**{f"{field}__icontains": word}) for field in self.fields)
            queryset = queryset.filter(reduce(or_, holds))
        return queryset


@extend_schema_field(OpenApiTypes.INT)
class WholeNumberFilter(filters.Filter):
    field_class = forms.IntegerField


class PromptFilterForm(forms.Form):
    """Ranges must not be upside down."""

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        low, high = values.get("tempo_min"), values.get("tempo_max")
        if low is not None and high is not None and low > high:
            self.add_error(
                "tempo_max",
                gettext("The highest tempo (%(high)s) is below the lowest (%(low)s).") % {"high": high, "low": low},
            )
        after, before = values.get("created_after"), values.get("created_before")
        if after and before and after > before:
            self.add_error("created_before", gettext("The last day is before the first."))
        return values


def _day(label: str) -> dict[str, Any]:
    return {"label": label, "widget": forms.DateInput(attrs={"type": "date"})}


class PromptFilter(filters.FilterSet):
    """Words (any of them, best match first) and attributes; a tempo range leaves out prompts without a tempo."""

    q = filters.CharFilter(
        method="filter_words", label=gettext_lazy("Words"), help_text="Any of these words, best match first."
    )
    style = filters.ChoiceFilter(
        choices=[(term.slug, pgettext_lazy("music", term.name)) for term in STYLES],
        empty_label=gettext_lazy("Any style"),
        label=gettext_lazy("Style"),
    )
    mood = filters.ChoiceFilter(
        choices=[(term.slug, pgettext_lazy("music", term.name)) for term in MOODS],
        empty_label=gettext_lazy("Any mood"),
        label=gettext_lazy("Mood"),
    )
    tempo_min = WholeNumberFilter(field_name="tempo", lookup_expr="gte", label=gettext_lazy("From BPM"))
    tempo_max = WholeNumberFilter(field_name="tempo", lookup_expr="lte", label=gettext_lazy("To BPM"))
    created_after = MomentFilter(field_name="created_at", lookup_expr="gte", **_day(gettext_lazy("From")))
    created_before = MomentFilter(
        field_name="created_at", lookup_expr="lte", end_of_day=True, **_day(gettext_lazy("To"))
    )
    favorites = TruthFilter(method="filter_favorites", label=gettext_lazy("Only my favourites"))
    mine = TruthFilter(method="filter_mine", label=gettext_lazy("Only written by me"))

    class Meta:
        model = Prompt
        fields: tuple[str, ...] = ()
        form = PromptFilterForm

    def filter_words(self, queryset: PromptQuerySet, name: str, value: str) -> PromptQuerySet:
        return queryset.matching(parse_words(value))

    def filter_favorites(self, queryset: PromptQuerySet, name: str, value: bool) -> PromptQuerySet:
        return queryset.favorites_of(self.request.user) if value else queryset

    def filter_mine(self, queryset: QuerySet, name: str, value: bool) -> QuerySet:
        return queryset.filter(author=self.request.user) if value else queryset


class PromptTemplateFilter(filters.FilterSet):
    category = filters.ChoiceFilter(choices=PromptTemplate.Category.choices, label="Category")
    is_system = TruthFilter(field_name="owner", lookup_expr="isnull", label="Shipped with the studio")

    class Meta:
        model = PromptTemplate
        fields: tuple[str, ...] = ()


class PromptSuiteFilter(filters.FilterSet):
    frozen = TruthFilter(field_name="frozen_at", lookup_expr="isnull", exclude=True, label="Frozen")
