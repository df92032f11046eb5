"""What lists of experiments and runs can be narrowed by. Unknown names and values are refused."""

from __future__ import annotations

import django_filters
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy

from adapters.models import Taste
from adapters.querysets import TasteQuerySet
from datasets_app.models import Dataset
from generation.models import BaseModel
from prompts.api.filters import TruthFilter, WordsFilter
from training.models import Experiment, TasteFit, TrainingRun
from training.querysets import ExperimentQuerySet, TasteFitQuerySet, TrainingRunQuerySet

NO_STATE = {"invalid_choice": "There is no state “%(value)s”."}
ACTIVE = "active"
"""A state to filter by that stands for all unfinished ones."""


class ExperimentFilter(django_filters.FilterSet):
    """Experiments by words of their name, state and dataset; archived ones only when asked for."""

    q = WordsFilter("name", help_text="Words of the name, all of them.")
    state = django_filters.ChoiceFilter(choices=Experiment.State.choices, error_messages=NO_STATE)
    dataset = django_filters.ModelChoiceFilter(
        queryset=Dataset.objects.visible(),
        error_messages={"invalid_choice": "There is no such dataset."},
        help_text="Id of a dataset.",
    )
    archived = TruthFilter(method="with_archived", label="Archived", help_text="true: archived ones too.")

    class Meta:
        model = Experiment
        fields: tuple[str, ...] = ()

    def with_archived(self, experiments: ExperimentQuerySet, name: str, value: bool) -> QuerySet:
        return experiments

    def filter_queryset(self, queryset: ExperimentQuerySet) -> QuerySet:
        shown = queryset if self.form.cleaned_data.get("archived") else queryset.unarchived()
        return super().filter_queryset(shown)


class TrainingRunFilter(django_filters.FilterSet):
    """Runs by experiment, state and who started them."""

    experiment = django_filters.ModelChoiceFilter(
        queryset=Experiment.objects.all(),
        error_messages={"invalid_choice": "There is no such experiment."},
        help_text="Id of an experiment.",
    )
    state = django_filters.ChoiceFilter(
        choices=[(ACTIVE, gettext_lazy("Active")), *TrainingRun.State.choices],
        method="by_state",
        empty_label=gettext_lazy("All"),
        error_messages=NO_STATE,
        help_text="“active” stands for queued and running.",
    )
    mine = TruthFilter(
        method="of_caller", label=gettext_lazy("Only mine"), help_text="true: only runs the caller started."
    )

    class Meta:
        model = TrainingRun
        fields: tuple[str, ...] = ()

    def of_caller(self, runs: TrainingRunQuerySet, name: str, value: bool) -> TrainingRunQuerySet:
        return runs.filter(created_by=self.request.user) if value else runs

    def by_state(self, runs: TrainingRunQuerySet, name: str, value: str) -> TrainingRunQuerySet:
        return runs.unfinished() if value == ACTIVE else runs.filter(state=value)


class TasteFilter(django_filters.FilterSet):
    """Tastes by words of their name, base model and whether they can be used; all versions unless told otherwise."""

    q = WordsFilter("name", help_text="Words of the name, all of them.")
    base_model = django_filters.ModelChoiceFilter(
        queryset=BaseModel.objects.all(),
        to_field_name="key",
        error_messages={"invalid_choice": "There is no model of this key."},
        help_text="Key of a base model.",
    )
    usable = TruthFilter(method="by_usable", label="Usable", help_text="true: only those that can be used.")
    newest = TruthFilter(method="by_newest", label="Newest", help_text="true: of each name the newest version only.")

    class Meta:
        model = Taste
        fields: tuple[str, ...] = ()

    def by_usable(self, tastes: TasteQuerySet, name: str, value: bool) -> TasteQuerySet:
        usable = tastes.filter(is_usable=True).that_hear()
        return usable if value else tastes.exclude(pk__in=usable.order_by().values("pk"))

    def by_newest(self, tastes: TasteQuerySet, name: str, value: bool) -> TasteQuerySet:
        return tastes.newest() if value else tastes


class TasteFitFilter(django_filters.FilterSet):
    """Fits of tastes by state."""

    state = django_filters.ChoiceFilter(
        choices=[(ACTIVE, "Active"), *TasteFit.State.choices],
        method="by_state",
        error_messages=NO_STATE,
        help_text="“active” stands for queued and running.",
    )

    class Meta:
        model = TasteFit
        fields: tuple[str, ...] = ()

    def by_state(self, fits: TasteFitQuerySet, name: str, value: str) -> TasteFitQuerySet:
        return fits.unfinished() if value == ACTIVE else fits.filter(state=value)
