"""The form of a new dataset. Rules live in `filters` and `services`."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth import get_user_model
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext, gettext_lazy

from adapters.models import Adapter, Taste
from datasets_app.building.filters import (
    ANY_CRITERION,
    MOST_TASTE_PAIRS,
    NO_ADAPTER,
    RATING_FILTERS,
    TASTE_PAIRS,
    TASTE_SETTINGS,
    TASTE_SHARE,
)
from datasets_app.building.selection import LIKED_FROM
from datasets_app.models import MAX_SEED, NAME_LENGTH, NAME_MESSAGE, Dataset
from feedback.models import Criterion, Preference, Rating, Tag
from generation.models import AudioSample, BaseModel
from prompts.models import Prompt

OFFERED_PROMPTS = 200
OFFERED_RATERS = 200


def _several(label: str, help_text: str = "") -> forms.MultipleChoiceField:
    widget = forms.SelectMultiple(attrs={"size": 5})
    return forms.MultipleChoiceField(label=label, required=False, help_text=help_text, widget=widget)


def _day(label: str) -> forms.DateField:
    return forms.DateField(label=label, required=False, widget=forms.DateInput(attrs={"type": "date"}))


class DatasetForm(forms.Form):
    """What a dataset is called, and which judgements make it."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=NAME_LENGTH,
        error_messages={"required": NAME_MESSAGE},
        help_text=gettext_lazy("What it is for: “liked pianos”."),
    )
    description = forms.CharField(
        max_length=5000, required=False, widget=forms.Textarea(attrs={"rows": 2}), label=gettext_lazy("Description")
    )
    kind = forms.ChoiceField(
        label=gettext_lazy("Kind"),
        choices=[
            (Dataset.Kind.SUPERVISED, gettext_lazy("Supervised: rated clips, for sft, kto and ranking")),
            (Dataset.Kind.PREFERENCE, gettext_lazy("Preference: pairs with a winner, for dpo and ranking")),
        ],
        initial=Dataset.Kind.SUPERVISED,
        widget=forms.RadioSelect,
    )
    criterion = forms.ChoiceField(
        label=gettext_lazy("Criterion"), required=False, help_text=gettext_lazy("Which ratings are pooled.")
    )
    min_rating = forms.FloatField(
        label=gettext_lazy("Rating from"),
        required=False,
        initial=int(LIKED_FROM),
        help_text=gettext_lazy("1 to 5, pooled over raters. Leave empty for kto, which learns from low ratings too."),
        widget=forms.NumberInput(attrs={"min": 1, "max": 5, "step": 0.5}),
    )
    max_rating = forms.FloatField(
        label=gettext_lazy("to"), required=False, widget=forms.NumberInput(attrs={"min": 1, "max": 5, "step": 0.5})
    )
    required_tags = _several(gettext_lazy("Tags that every clip has"))
    excluded_tags = _several(gettext_lazy("Tags that no clip has"))
    prompts = _several(
        gettext_lazy("Prompts"), gettext_lazy("None chosen means all. Prompts of frozen suites never enter a dataset.")
    )
    base_models = _several(gettext_lazy("Base models"))
    adapters = _several(gettext_lazy("Adapters"))
    raters = _several(gettext_lazy("Raters"))
    min_rater_weight = forms.FloatField(
        label=gettext_lazy("Least reliability of a rater"),
        required=False,
        help_text=gettext_lazy("0 to 1. Raters a curator excluded never count."),
        widget=forms.NumberInput(attrs={"min": 0, "max": 1, "step": 0.05}),
    )
    since, until = _day(gettext_lazy("Judged from")), _day(gettext_lazy("to"))
    favorites = forms.BooleanField(label=gettext_lazy("Only favourites"), required=False)
    taste = forms.CharField(
        label=gettext_lazy("Taste"),
        required=False,
        widget=forms.Select,
        help_text=gettext_lazy(
            "It labels pairs nobody judged, where it is at least 75 % sure. They are marked as its "
            "own wherever they go, and no test or promotion counts them."
        ),
    )
    taste_share = forms.FloatField(
        label=gettext_lazy("Most of the rows it may label"),
        required=False,
        initial=TASTE_SHARE,
        help_text=gettext_lazy(
            "Above 0, up to 1: 0.8 is four of its rows to one of people's, 1 allows its rows alone."
        ),
        widget=forms.NumberInput(attrs={"min": 0.05, "max": 1, "step": 0.05}),
    )
    taste_pairs = forms.IntegerField(
        label=gettext_lazy("Most pairs of a text"),
        required=False,
        initial=TASTE_PAIRS,
        help_text=gettext_lazy("Its surest ones: 4 are the best two clips against the worst two."),
        widget=forms.NumberInput(attrs={"min": 1, "max": MOST_TASTE_PAIRS}),
    )
    seed = forms.IntegerField(
        label=gettext_lazy("Seed of the splits"),
        initial=0,
        min_value=0,
        max_value=MAX_SEED,
        help_text=gettext_lazy("Keep it: the same prompts are then held out by every dataset."),
    )

    FILTERS = (
        *RATING_FILTERS,
        "required_tags",
        "excluded_tags",
        "prompts",
        "base_models",
        "adapters",
        "raters",
        "min_rater_weight",
        "since",
        "until",
        "favorites",
        "taste",
        *TASTE_SETTINGS,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        criteria = [(criterion.slug, str(criterion)) for criterion in Criterion.objects.all()]
        tags = [(tag.name, tag.spoken) for tag in Tag.objects.canonical()]
        adapters = [(str(adapter.pk), adapter.label) for adapter in Adapter.objects.visible()]
        tastes = _tastes()
        choices: dict[str, list[tuple[str, str]]] = {
            "criterion": [*criteria, (ANY_CRITERION, gettext("All criteria together"))],
            "required_tags": tags,
            "excluded_tags": tags,
            "prompts": _prompts(or_heard=bool(tastes)),
            "base_models": list(BaseModel.objects.values_list("key", "display_name")),
            "adapters": [(NO_ADAPTER, gettext("None: the base model alone")), *adapters],
            "raters": _raters(),
        }
        for name, offered in choices.items():
            self.fields[name].choices = offered
        self.fields["criterion"].initial = "overall"
        # Any may be named: one that is offered no more is refused with the reason, as through every other door.
        self.fields["taste"].widget.choices = [("", gettext("None: only what people judged")), *tastes]
        self.has_tastes = bool(tastes) or bool(self["taste"].value())

    @property
    def filters(self) -> dict[str, Any]:
        """What `FilterSpec.from_mapping` reads; what does not belong to the kind is left out, as the page hides it."""
        sent = {name: self.cleaned_data.get(name) for name in self.FILTERS}
        given = {name: value for name, value in sent.items() if value not in (None, "", []) and value is not False}
        hidden = ("taste",) if self._is_supervised else RATING_FILTERS
        unused = TASTE_SETTINGS if self._is_supervised or "taste" not in given else ()
        return {name: value for name, value in given.items() if name not in (*hidden, *unused)}

    @property
    def _is_supervised(self) -> bool:
        return self.cleaned_data.get("kind") == Dataset.Kind.SUPERVISED


def _tastes() -> list[tuple[str, str]]:
    """Those that may label clips of some model as its files are now, the newest version of each."""
    found = Taste.objects.usable_for(*BaseModel.objects.all()).select_related("base_model")
    return [(str(t.pk), f"{t.label}: {t.whose}, {t.base_model.display_name}") for t in found]


def _prompts(*, or_heard: bool) -> list[tuple[str, str]]:
    """The newest prompts whose clips somebody judged, or a taste could, and that may be trained on."""
    wanted = Q(Exists(Rating.objects.visible().filter(sample__job__prompt=OuterRef("pk"))))
    wanted |= Q(Exists(Preference.objects.visible().filter(sample_a__job__prompt=OuterRef("pk"))))
    if or_heard:
        wanted |= Q(Exists(AudioSample.objects.visible().filter(job__prompt=OuterRef("pk"), features__isnull=False)))
    prompts = Prompt.objects.visible().outside_suites().filter(wanted)
    return [(str(prompt.pk), str(prompt)) for prompt in prompts[:OFFERED_PROMPTS]]


def _raters() -> list[tuple[str, str]]:
    people = get_user_model().objects.order_by("username")
    judges = people.filter(
        Exists(Rating.objects.filter(rater=OuterRef("pk"))) | Exists(Preference.objects.filter(rater=OuterRef("pk")))
    )
    return [(name, name) for name in judges.values_list("username", flat=True)[:OFFERED_RATERS]]
