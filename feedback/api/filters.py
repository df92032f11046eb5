"""What lists of feedback can be narrowed by; the history page and the API use the same filters."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import django_filters
from django import forms
from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.forms import ValidationError
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy
from drf_spectacular.utils import extend_schema_field

from adapters.models import Adapter
from feedback.judgements.history import KINDS, FeedbackList, everything_seen_by, without_implied
from feedback.judgements.starting_words import stored_name
from feedback.judgements.tag_names import normal_name
from feedback.models import Criterion, Preference, Ranking, Rating, Tag
from feedback.models.judgements import HIGHEST_SCORE, LOWEST_SCORE
from feedback.querysets import JudgementQuerySet, TagQuerySet
from generation.models import AudioSample, BaseModel, GenerationJob
from prompts.api.filters import MomentFilter, TruthFilter, WholeNumberFilter
from prompts.models import Prompt
from text2song.exceptions import Refused
from text2song.words import parse_words

KIND_LABELS = {
    "rating": gettext_lazy("Ratings"),
    "preference": gettext_lazy("Comparisons"),
    "ranking": gettext_lazy("Rankings"),
    "tags": gettext_lazy("Tags"),
    "note": gettext_lazy("Notes"),
}
DAY = forms.DateInput(attrs={"type": "date"})
ORDERS = [("-created_at", gettext_lazy("Newest first")), ("created_at", gettext_lazy("Oldest first"))]


@extend_schema_field({"type": "string"})
class RaterFilter(django_filters.ModelChoiceFilter):
    """A rater, by user name."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            queryset=get_user_model().objects.all(),
            to_field_name="username",
            widget=forms.TextInput,
            error_messages={"invalid_choice": gettext_lazy("There is no such rater.")},
            help_text="User name of a rater.",
            **kwargs,
        )


class TagField(forms.CharField):
    """A tag by its name, however written; a synonym means its target."""

    def clean(self, value: Any) -> Tag | None:
        text = super().clean(value)
        if not text:
            return None
        try:
            tag = Tag.objects.select_related("synonym_of").filter(name=normal_name(stored_name(text))).first()
        except Refused as error:
            raise ValidationError(error.message) from error
        if tag is None:
            raise ValidationError(gettext("There is no such tag."))
        return tag.synonym_of or tag


@extend_schema_field({"type": "string"})
class TagNameFilter(django_filters.Filter):
    field_class = TagField


def _named(thing: str, missing: str | Promise, queryset: QuerySet, **kwargs: Any) -> django_filters.ModelChoiceFilter:
    """One `thing` that is not deleted, by its id (or by `to_field_name`); `missing` is said of an unknown one."""
    made = django_filters.ModelChoiceFilter(
        method="read_later",
        queryset=queryset,
        error_messages={"invalid_choice": missing},
        **({"help_text": f"Id of a {thing}."} | kwargs),
    )
    return extend_schema_field({"type": "string"} | ({} if "to_field_name" in kwargs else {"format": "uuid"}))(made)


def _stars(label: str, help_text: str) -> WholeNumberFilter:
    made = WholeNumberFilter(
        method="read_later", label=label, help_text=help_text, min_value=LOWEST_SCORE, max_value=HIGHEST_SCORE
    )
    return extend_schema_field({"type": "integer", "minimum": LOWEST_SCORE, "maximum": HIGHEST_SCORE})(made)


class ScopeFilter(django_filters.FilterSet):
    """Whose feedback is meant: that on these samples. Everything given has to hold."""

    sample = _named("sample", gettext_lazy("There is no such sample."), AudioSample.objects.visible())
    job = _named("job", gettext_lazy("There is no such job."), GenerationJob.objects.visible())
    prompt = _named("prompt", gettext_lazy("There is no such prompt."), Prompt.objects.visible())
    adapter = extend_schema_field({"type": "string", "anyOf": [{"format": "uuid"}, {"enum": ["null"]}]})(
        _named(
            "adapter",
            gettext_lazy("There is no such adapter."),
            Adapter.objects.visible(),
            null_label=gettext_lazy("Base Model"),
            empty_label=gettext_lazy("Any adapter"),
            help_text="Id of an adapter; “null” for the base model alone.",
        )
    )
    model = _named(
        "model",
        gettext_lazy("There is no such model."),
        BaseModel.objects.all(),
        to_field_name="key",
        help_text="Key of a base model.",
    )

    class Meta:
        model = Rating
        fields: tuple[str, ...] = ()

    PATHS = {
        "sample": "pk",
        "job": "job",
        "prompt": "job__prompt",
        "adapter": "job__adapter",
        "model": "job__base_model",
    }

    @property
    def is_whole_prompt(self) -> bool:
        """Whether they are all samples of one prompt, and no choice among them."""
        return self._wanted().keys() == {self.PATHS["prompt"]}

    def _wanted(self) -> dict[str, Any]:
        """Lookups of a sample by the values that are set."""
        values = {path: self.form.cleaned_data.get(name) for name, path in self.PATHS.items()}
        return {path: getattr(value, "pk", value) for path, value in values.items() if value}

    def samples(self) -> QuerySet[AudioSample] | None:
        """The samples the filters name; None when they name none, which means all."""
        wanted = self._wanted()
        if not wanted:
            return None
        if wanted.get("job__adapter") == "null":
            wanted["job__adapter__isnull"] = bool(wanted.pop("job__adapter"))
        return AudioSample.objects.visible().filter(**wanted)

    def read_later(self, queryset: QuerySet, name: str, value: Any) -> QuerySet:
        """Filters of several kinds at once, or of the samples behind them, are applied together; not one by one."""
        return queryset


class FeedbackFilter(ScopeFilter):
    """Feedback of all kinds.

    A filter that only one kind can fit (criterion, rating, tag, words of a note) leaves the others out. Several of them
    at once find what is on samples that have all of it.
    """

    rater = RaterFilter(method="read_later")
    criterion = _named(
        "criterion",
        gettext_lazy("There is no such criterion."),
        Criterion.objects.all(),
        to_field_name="slug",
        empty_label=gettext_lazy("Any criterion"),
        help_text="Slug of a criterion: ratings on it.",
    )
    rating_min = _stars(gettext_lazy("At least"), "Ratings from 1 to 5 that are no lower.")
    rating_max = _stars(gettext_lazy("At most"), "Ratings from 1 to 5 that are no higher.")
    tag = TagNameFilter(method="read_later", help_text="Name of a tag: its uses.")
    q = django_filters.CharFilter(
        method="read_later",
        help_text="Words of a note: notes that hold all of them.",
        max_length=200,
        widget=forms.TextInput(attrs={"type": "search"}),
    )
    kind = django_filters.ChoiceFilter(
        method="read_later",
        choices=list(KIND_LABELS.items()),
        empty_label=gettext_lazy("All kinds"),
        error_messages={"invalid_choice": f"The kind must be one of: {', '.join(KINDS)}."},
    )
    created_after = MomentFilter(
        method="read_later", label=gettext_lazy("From"), widget=DAY, help_text="A day or an ISO 8601 time."
    )
    created_before = MomentFilter(
        method="read_later",
        end_of_day=True,
        label=gettext_lazy("To"),
        widget=DAY,
        help_text="A day, included, or an ISO 8601 time.",
    )
    mine = TruthFilter(method="read_later", label=gettext_lazy("Only mine"), help_text="true: only the caller's own.")
    implied = TruthFilter(method="read_later", help_text="false: leave out preferences that a ranking implies.")
    ordering = django_filters.ChoiceFilter(
        method="read_later",
        choices=ORDERS,
        error_messages={"invalid_choice": gettext_lazy("Order by created_at or -created_at (newest first).")},
    )

    @property
    def qs(self) -> FeedbackList:
        """What the reader may see and every filter lets through."""
        values = self.form.cleaned_data
        parts = everything_seen_by(self.request.user)
        if values.get("implied") is False:
            parts = without_implied(parts)
        parts = {kind: self._common(part, values) for kind, part in parts.items()}
        parts = self._of_kind(self._specific(parts, values), values)
        return FeedbackList(parts, oldest_first=values.get("ordering") == "created_at")

    def _common(self, part: JudgementQuerySet, values: dict[str, Any]) -> JudgementQuerySet:
        samples = self.samples()
        if samples is not None:
            part = part.concerning(samples.order_by().values("pk"))
        lookups = {"rater": "rater", "created_after": "created_at__gte", "created_before": "created_at__lte"}
        part = part.filter(**{lookup: values[name] for name, lookup in lookups.items() if values.get(name)})
        return part.filter(rater=self.request.user) if values.get("mine") else part

    def _specific(self, parts: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
        lookups = {"criterion": "criterion", "rating_min": "score__gte", "rating_max": "score__lte"}
        scores = {lookup: values[name] for name, lookup in lookups.items() if values.get(name)}
        words = parse_words(values.get("q") or "")
        narrowed = {}
        if scores:
            narrowed["rating"] = parts["rating"].filter(**scores)
        if values.get("tag"):
            narrowed["tags"] = parts["tags"].filter(tag=values["tag"])
        if words:
            narrowed["note"] = parts["note"].matching(words)
        return {kind: _together(part, narrowed, kind) for kind, part in narrowed.items()} or parts

    def _of_kind(self, parts: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
        kind = values.get("kind")
        return {name: part for name, part in parts.items() if name == kind} if kind else parts


def _together(part: Any, narrowed: dict[str, Any], own: str) -> Any:
    """Of `part`, what is on samples that all the other kinds are on as well."""
    for kind, other in narrowed.items():
        if kind != own:
            part = part.filter(sample__in=other.order_by().values("sample"))
    return part


STAR_RANGES = [
    ("1", gettext_lazy("1 star or more")),
    ("2", gettext_lazy("2 stars or more")),
    ("3", gettext_lazy("3 stars or more")),
    ("4", gettext_lazy("4 stars or more")),
    ("5", gettext_lazy("5 stars")),
]


class HistoryFilter(FeedbackFilter):
    """The history page: the same filters with fewer choices; pairs that a ranking implies stay in the ranking."""

    LABELS = {
        "sample": gettext_lazy("Sample"),
        "job": gettext_lazy("Job"),
        "prompt": gettext_lazy("Prompt"),
        "adapter": gettext_lazy("Adapter"),
        "model": gettext_lazy("Model"),
        "rater": gettext_lazy("Rater"),
        "criterion": gettext_lazy("Criterion"),
        "tag": gettext_lazy("Tag"),
        "kind": gettext_lazy("Kind"),
        "rating_min": gettext_lazy("Rating"),
        "q": gettext_lazy("Words of a note"),
        "created_after": gettext_lazy("From"),
        "created_before": gettext_lazy("To"),
        "mine": gettext_lazy("Only mine"),
    }

    rating_max = ordering = implied = None  # type: ignore[assignment]  # None takes a filter out
    rating_min = django_filters.ChoiceFilter(
        method="read_later", label=gettext_lazy("Rating"), choices=STAR_RANGES, empty_label=gettext_lazy("Any rating")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.form.fields.items():
            field.label = self.LABELS[name]
            field.help_text = ""  # written for the API
        for name in ("sample", "job", "prompt", "model"):  # come from links, and stay while others change
            self.form.fields[name].widget = forms.HiddenInput()

    @property
    def qs(self) -> FeedbackList:
        self.form.cleaned_data["implied"] = False
        return super().qs

    def in_words(self, name: str, value: Any) -> str:
        """What a filter that is set says."""
        words: dict[str, Callable[[], str]] = {
            "kind": lambda: KIND_LABELS[value],
            "rating_min": lambda: dict(STAR_RANGES)[value],
            "mine": lambda: gettext("Only mine"),
            "adapter": lambda: gettext("Base Model") if value == "null" else value.label,
            "rater": lambda: gettext("by %(rater)s") % {"rater": value},
            "tag": lambda: gettext("tagged “%(tag)s”") % {"tag": value.spoken},
            "q": lambda: gettext("note with “%(words)s”") % {"words": value},
            "created_after": lambda: gettext("from %(day)s") % {"day": _day(value)},
            "created_before": lambda: gettext("to %(day)s") % {"day": _day(value)},
            "prompt": lambda: f"“{str(value)[:40]}”",
            "sample": lambda: (
                gettext("Sample %(label)s of job %(short_id)s") % {"label": value.label, "short_id": value.job.short_id}
            ),
        }
        return words.get(name, lambda: str(value))()


def _day(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), "DATE_FORMAT")


class ComparisonFilter(ScopeFilter):
    """Preferences or rankings by what was compared and who compared it."""

    rater = RaterFilter(field_name="rater")
    created_after = MomentFilter(field_name="created_at", lookup_expr="gte", help_text="A day or an ISO 8601 time.")
    created_before = MomentFilter(
        field_name="created_at", lookup_expr="lte", end_of_day=True, help_text="A day, included, or an ISO 8601 time."
    )
    mine = TruthFilter(method="of_caller", help_text="true: only the caller's own.")

    class Meta:
        model = Ranking
        fields: tuple[str, ...] = ()

    def of_caller(self, found: QuerySet, name: str, value: bool) -> QuerySet:
        return found.filter(rater=self.request.user) if value else found

    def filter_queryset(self, queryset: JudgementQuerySet) -> JudgementQuerySet:
        """Samples all at once, then the rest one by one."""
        samples = self.samples()
        if samples is not None:
            queryset = queryset.concerning(samples.order_by().values("pk"))
        for name, value in self.form.cleaned_data.items():
            if name not in self.PATHS:
                queryset = self.filters[name].filter(queryset, value)
        return queryset


class PreferenceFilter(ComparisonFilter):
    winner = django_filters.ChoiceFilter(choices=Preference.Winner.choices)
    source = django_filters.ChoiceFilter(
        choices=Preference.Source.choices, help_text="Given directly, implied by a ranking, or voted in a test."
    )

    class Meta:
        model = Preference
        fields: tuple[str, ...] = ()


class TagFilter(django_filters.FilterSet):
    """The vocabulary by words and sign."""

    q = django_filters.CharFilter(method="of_words", help_text="A part of the name, or of a synonym's.")
    sign = django_filters.ChoiceFilter(choices=Tag.Sign.choices)
    curated = TruthFilter(field_name="is_curated", help_text="true: only what every rater is offered.")
    synonyms = TruthFilter(
        method="with_synonyms", help_text="true: also words that lead to another tag; left out otherwise."
    )

    class Meta:
        model = Tag
        fields: tuple[str, ...] = ()

    def of_words(self, tags: TagQuerySet, name: str, value: str) -> TagQuerySet:
        return tags.matching(value)

    def with_synonyms(self, tags: TagQuerySet, name: str, value: bool) -> TagQuerySet:
        return tags

    def filter_queryset(self, queryset: TagQuerySet) -> TagQuerySet:
        found = super().filter_queryset(queryset)
        return found if self.form.cleaned_data.get("synonyms") else found.canonical()
