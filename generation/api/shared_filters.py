"""Filters of lists, the same for pages and API."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import django_filters
from django import forms
from django.db.models import QuerySet
from django.utils import timezone

from adapters.models import Adapter
from generation.models import BaseModel, GenerationJob
from prompts.models import Prompt

ACTIVE = "active"
"""A state to filter by that stands for all unfinished ones."""


class JobFilter(django_filters.FilterSet):
    """Jobs by state, base model, adapter, prompt and day of creation (ends included, in the reader's time zone)."""

    state = django_filters.ChoiceFilter(
        choices=[(ACTIVE, "Active"), *GenerationJob.State.choices],
        method="by_state",
        empty_label="All",
        label="State",
        error_messages={"invalid_choice": "There is no state “%(value)s”."},
        help_text="“active” stands for queued and running.",
    )
    base_model = django_filters.ModelChoiceFilter(
        queryset=BaseModel.objects.all(),
        to_field_name="key",
        empty_label="All models",
        label="Base model",
        error_messages={"invalid_choice": "There is no model of this key."},
        help_text="Key of a model.",
    )
    adapter = django_filters.ModelChoiceFilter(
        queryset=Adapter.objects.visible(),
        empty_label="All adapters",
        null_label="Base Model",
        label="Adapter",
        error_messages={"invalid_choice": "There is no such adapter."},
        help_text="Id of an adapter; “null” for the base model alone.",
    )
    prompt = django_filters.ModelChoiceFilter(
        queryset=Prompt.objects.visible(),
        label="Prompt",
        widget=forms.HiddenInput,
        error_messages={"invalid_choice": "There is no such prompt."},
        help_text="Id of a prompt.",
    )
    created_after = django_filters.DateFilter(
        method="since",
        label="Start date",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="First day, as YYYY-MM-DD.",
    )
    created_before = django_filters.DateFilter(
        method="until",
        label="End date",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="Last day, as YYYY-MM-DD.",
    )

    class Meta:
        model = GenerationJob
        fields = ("state", "base_model", "adapter", "prompt", "created_after", "created_before")

    def by_state(self, jobs: QuerySet, name: str, value: str) -> QuerySet:
        return jobs.filter(state__in=GenerationJob.UNFINISHED if value == ACTIVE else (value,))

    def since(self, jobs: QuerySet, name: str, value: date) -> QuerySet:
        return jobs.filter(created_at__gte=_midnight(value))

    def until(self, jobs: QuerySet, name: str, value: date) -> QuerySet:
        return jobs if value == date.max else jobs.filter(created_at__lt=_midnight(value + timedelta(days=1)))


def _midnight(day: date) -> datetime:
    # The calendar's last days have no instant in UTC in some zones, and databases none for the first ones.
    day = min(max(day, date(1900, 1, 1)), date(9000, 1, 1))
    return timezone.make_aware(datetime.combine(day, time.min))
