"""What lists are narrowed by. The jobs page shares `JobFilter`; the API refuses unknown names and values."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import django_filters
from django import forms
from django.contrib.auth.models import User
from django.core.validators import EMPTY_VALUES
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema_field

from adapters.models import Adapter
from generation.listening.library import FURTHER_FILTERS, FurtherFilter
from generation.models import AudioSample, BaseModel, Collection, Favorite, GenerationJob
from generation.querysets import AudioSampleQuerySet
from prompts.api.filters import MomentFilter, TruthFilter
from prompts.models import Prompt
from prompts.wording.vocabulary import MOODS, STYLES
from text2song.words import parse_words

ACTIVE = "active"
"""A state to filter by that stands for all unfinished ones."""


class JobFilter(django_filters.FilterSet):
    """Jobs by state, base model, adapter, prompt, sender and day of creation (ends included, in the reader's zone)."""

    state = django_filters.ChoiceFilter(
        choices=[(ACTIVE, "Active"), *GenerationJob.State.choices],
        method="by_state",
        empty_label=gettext_lazy("All"),
        label=gettext_lazy("State"),
        error_messages={"invalid_choice": gettext_lazy("There is no state “%(value)s”.")},
        help_text="“active” stands for queued and running.",
    )
    base_model = django_filters.ModelChoiceFilter(
        queryset=BaseModel.objects.all(),
        to_field_name="key",
        empty_label=gettext_lazy("All models"),
        label=gettext_lazy("Base model"),
        error_messages={"invalid_choice": gettext_lazy("There is no model of this key.")},
        help_text="Key of a model.",
    )
    adapter = django_filters.ModelChoiceFilter(
        queryset=Adapter.objects.visible(),
        empty_label=gettext_lazy("All adapters"),
        null_label=gettext_lazy("Base Model"),
        label=gettext_lazy("Adapter"),
        error_messages={"invalid_choice": gettext_lazy("There is no such adapter.")},
        help_text="Id of an adapter; “null” for the base model alone.",
    )
    prompt = django_filters.ModelChoiceFilter(
        queryset=Prompt.objects.visible(),
        label=gettext_lazy("Prompt"),
        widget=forms.HiddenInput,
        error_messages={"invalid_choice": gettext_lazy("There is no such prompt.")},
        help_text="Id of a prompt.",
    )
    created_after = django_filters.DateFilter(
        method="since",
        label=gettext_lazy("Start date"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="First day, as YYYY-MM-DD.",
    )
    created_before = django_filters.DateFilter(
        method="until",
        label=gettext_lazy("End date"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="Last day, as YYYY-MM-DD.",
    )

    mine = TruthFilter(
        method="of_caller", label=gettext_lazy("Only mine"), help_text="true: only jobs the caller sent."
    )

    class Meta:
        model = GenerationJob
        fields = ("state", "base_model", "adapter", "prompt", "created_after", "created_before", "mine")

    def by_state(self, jobs: QuerySet, name: str, value: str) -> QuerySet:
        return jobs.filter(state__in=GenerationJob.UNFINISHED if value == ACTIVE else (value,))

    def of_caller(self, jobs: QuerySet, name: str, value: bool) -> QuerySet:
        return jobs.filter(requested_by=self.request.user) if value else jobs

    def since(self, jobs: QuerySet, name: str, value: date) -> QuerySet:
        return jobs.filter(created_at__gte=_midnight(value))

    def until(self, jobs: QuerySet, name: str, value: date) -> QuerySet:
        return jobs if value == date.max else jobs.filter(created_at__lt=_midnight(value + timedelta(days=1)))


class ModelKeyFilter(django_filters.ModelChoiceFilter):
    """A base model, by its key."""

    def __init__(self, *, field_name: str) -> None:
        super().__init__(
            field_name=field_name,
            queryset=BaseModel.objects.all(),
            to_field_name="key",
            error_messages={"invalid_choice": gettext_lazy("There is no model of this key.")},
            help_text="Key of a base model.",
        )


class PromptIdFilter(django_filters.ModelChoiceFilter):
    """A prompt that is not deleted, by its id."""

    def __init__(self, *, field_name: str) -> None:
        super().__init__(
            field_name=field_name,
            queryset=Prompt.objects.visible(),
            error_messages={"invalid_choice": gettext_lazy("There is no such prompt.")},
            help_text="Id of a prompt.",
        )


@extend_schema_field({"type": "string", "anyOf": [{"format": "uuid"}, {"enum": ["null"]}]})
class AdapterIdFilter(django_filters.ModelChoiceFilter):
    """An adapter that is not deleted, by its id; "null" for the base model alone."""

    def __init__(self, *, field_name: str) -> None:
        super().__init__(
            field_name=field_name,
            queryset=Adapter.objects.visible(),
            null_label=gettext_lazy("Base Model"),
            error_messages={"invalid_choice": gettext_lazy("There is no such adapter.")},
            help_text="Id of an adapter; “null” for the base model alone.",
        )


class JobApiFilter(JobFilter):
    """The jobs page's filters, with times as well as days."""

    base_model = None
    model = ModelKeyFilter(field_name="base_model")
    adapter = AdapterIdFilter(field_name="adapter")
    prompt = PromptIdFilter(field_name="prompt")
    state = django_filters.ChoiceFilter(
        choices=[(ACTIVE, "Active"), *GenerationJob.State.choices],
        method="by_state",
        error_messages={"invalid_choice": gettext_lazy("There is no state “%(value)s”.")},
        help_text="“active” stands for queued and running.",
    )
    created_after = MomentFilter(field_name="created_at", lookup_expr="gte", help_text="A day or an ISO 8601 time.")
    created_before = MomentFilter(
        field_name="created_at", lookup_expr="lte", end_of_day=True, help_text="A day, included, or an ISO 8601 time."
    )

    class Meta:
        model = GenerationJob
        fields: tuple[str, ...] = ()


class FurtherParameter(django_filters.Filter):
    """A filter that another part of the studio adds to the library, as a parameter of the API."""

    def __init__(self, further: FurtherFilter) -> None:
        super().__init__(help_text=further.help_text)
        self.further = further
        extend_schema_field(_schema_of(further.field()))(self)

    @property
    def field(self) -> forms.Field:
        return self.further.field()  # its words are in the language of who asks

    def filter(self, samples: AudioSampleQuerySet, value: Any) -> AudioSampleQuerySet:
        if value in EMPTY_VALUES:
            return samples
        return self.further.narrow(samples, value, self.parent.request.user)


def _schema_of(field: forms.Field) -> dict[str, Any]:
    if isinstance(field, forms.ChoiceField) and not isinstance(field, forms.ModelChoiceField):
        values = [value for value, _ in field.choices if value != ""]
        return {"type": "integer" if isinstance(values[0], int) else "string", "enum": values}
    return {"type": "string"}


def _makers(request: HttpRequest | None) -> QuerySet:
    return User.objects.filter(pk__in=GenerationJob.objects.visible().order_by().values("requested_by"))


def _collections(request: HttpRequest | None) -> QuerySet:
    return Collection.objects.none() if request is None else Collection.objects.visible_to(request.user)


class AudioFilter(django_filters.FilterSet):
    """Samples by what they were made from, by whom, in which collection, and by what the caller may know was said."""

    q = django_filters.CharFilter(method="of_words", help_text="Words of the title or the prompt; any of them.")
    prompt = PromptIdFilter(field_name="job__prompt")
    job = django_filters.ModelChoiceFilter(
        queryset=GenerationJob.objects.visible(),
        error_messages={"invalid_choice": "There is no such job."},
        help_text="Id of a job.",
    )
    model = ModelKeyFilter(field_name="job__base_model")
    adapter = AdapterIdFilter(field_name="job__adapter")
    style = django_filters.ChoiceFilter(
        field_name="job__prompt__style", choices=[(term.slug, term.name) for term in STYLES]
    )
    mood = django_filters.ChoiceFilter(
        field_name="job__prompt__mood", choices=[(term.slug, term.name) for term in MOODS]
    )
    person = django_filters.ModelChoiceFilter(
        field_name="job__requested_by",
        queryset=_makers,
        to_field_name="username",
        error_messages={"invalid_choice": gettext_lazy("Nobody of this name has made a clip.")},
        help_text="User name of who made them.",
    )
    collection = django_filters.ModelChoiceFilter(
        field_name="collection_items__collection",
        queryset=_collections,
        error_messages={"invalid_choice": gettext_lazy("There is no such collection.")},
        help_text="Id of a collection that the caller sees.",
    )
    favorites = TruthFilter(method="hearted", help_text="true: only those with the caller's heart.")
    set_aside = TruthFilter(
        method="set_aside_by_a_taste",
        help_text="true: only those a taste has set aside; left out, or false: only others.",
    )

    class Meta:
        model = AudioSample
        fields: tuple[str, ...] = ()

    @classmethod
    def get_filters(cls) -> dict[str, django_filters.Filter]:
        """Asked once, when the first address is looked up: by then every part has added its own."""
        return {**super().get_filters(), **{name: FurtherParameter(added) for name, added in FURTHER_FILTERS.items()}}

    def of_words(self, samples: AudioSampleQuerySet, name: str, value: str) -> QuerySet:
        return samples.matching(parse_words(value))

    def set_aside_by_a_taste(self, samples: AudioSampleQuerySet, name: str, value: bool) -> QuerySet:
        return samples.set_aside() if value else samples.kept()

    def hearted(self, samples: QuerySet, name: str, value: bool) -> QuerySet:
        hearts = Favorite.objects.filter(user=self.request.user, sample=OuterRef("pk"))
        return samples.filter(Exists(hearts)) if value else samples


class FavoriteFilter(django_filters.FilterSet):
    """Hearts on prompts, or on audio."""

    type = django_filters.ChoiceFilter(
        choices=[("prompt", "Prompts"), ("audio", "Audio")],
        method="of_type",
        error_messages={"invalid_choice": "There is no type “%(value)s”: say prompt or audio."},
    )

    class Meta:
        model = Favorite
        fields: tuple[str, ...] = ()

    def of_type(self, favorites: QuerySet, name: str, value: str) -> QuerySet:
        return favorites.filter(Q(prompt__isnull=False) if value == "prompt" else Q(sample__isnull=False))


def _midnight(day: date) -> datetime:
    # The calendar's last days have no instant in UTC in some zones, and databases none for the first ones.
    day = min(max(day, date(1900, 1, 1)), date(9000, 1, 1))
    return timezone.make_aware(datetime.combine(day, time.min))
