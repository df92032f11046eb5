"""The form by which a taste is learned. Rules live in `training.services.tastes`."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef
from django.utils.translation import gettext, gettext_lazy

from adapters.models import Taste
from adapters.models.names import NAME_LENGTH, TASTE_NAME_MESSAGE
from datasets_app.models import Dataset
from feedback.models import Preference, Rating
from generation.models import BaseModel
from training.models.tastes import MOST_REFIT

MINE, EVERYBODY, RATERS, DATASET = "mine", "everybody", "raters", "dataset"
USUAL_REFIT = 50
OFFERED_RATERS = 200


class TasteForm(forms.Form):
    """Whose votes a taste learns from, what it is called, and when it learns again."""

    votes = forms.ChoiceField(
        label=gettext_lazy("Whose votes"),
        choices=[
            (MINE, gettext_lazy("Mine: what I like")),
            (EVERYBODY, gettext_lazy("Everybody's: what people here like")),
        ],
        initial=MINE,
        widget=forms.RadioSelect,
    )
    raters = forms.MultipleChoiceField(
        label=gettext_lazy("Raters"),
        required=False,
        widget=forms.SelectMultiple(attrs={"size": 5}),
        help_text=gettext_lazy("For “Of chosen raters”. Only those who judged something are offered."),
    )
    dataset = forms.ModelChoiceField(
        label=gettext_lazy("Dataset"),
        queryset=Dataset.objects.none(),
        required=False,
        empty_label=gettext_lazy("None"),
        help_text=gettext_lazy(
            "For “The rows of a dataset”: a preference dataset, of which the rows that are trained on are taken."
        ),
        error_messages={
            "invalid_choice": gettext_lazy("This dataset cannot be chosen: it is no preference dataset, or not ready.")
        },
    )
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=NAME_LENGTH,
        help_text=gettext_lazy("The same name again makes its next version."),
        error_messages={"required": TASTE_NAME_MESSAGE, "max_length": TASTE_NAME_MESSAGE},
    )
    base_model = forms.ModelChoiceField(
        queryset=BaseModel.objects.all(),
        label=gettext_lazy("Clips of"),
        empty_label=None,
        help_text=gettext_lazy("It learns from clips of one base model, and hears new ones of the same."),
    )
    refit_every = forms.IntegerField(
        label=gettext_lazy("Learn again after so many new votes"),
        initial=USUAL_REFIT,
        min_value=0,
        max_value=MOST_REFIT,
        help_text=gettext_lazy("It is then fitted anew by itself. 0: never."),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.fields["base_model"].initial = BaseModel.objects.filter(is_active=True).first()
        if user.is_staff:
            choices = [(RATERS, gettext("Of chosen raters")), (DATASET, gettext("The rows of a dataset"))]
            self.fields["votes"].choices = [*self.fields["votes"].choices, *choices]
            self.fields["raters"].choices = _raters()
            self.fields["dataset"].queryset = Dataset.objects.ready().filter(kind=Dataset.Kind.PREFERENCE)
        else:
            del self.fields["raters"], self.fields["dataset"]
        self.fields["name"].initial = proposed_name(user, self["votes"].value())

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        votes, me = values.get("votes"), self.user.get_username()
        if votes == RATERS and not values.get("raters"):
            self.add_error("raters", gettext("Choose at least one rater."))
        if votes == DATASET and not values.get("dataset") and "dataset" not in self.errors:
            self.add_error("dataset", gettext("Choose a preference dataset that is ready."))
        if votes not in (None, MINE) and values.get("name") == me:
            self.add_error(
                "name",
                gettext("“%(me)s” would be taken for your own taste. Choose another, such as “everybody”.")
                % {"me": me},
            )
        return values

    def values(self) -> dict[str, Any]:
        """What the service takes. What belongs to another choice of votes is left out."""
        given, votes = self.cleaned_data, self.cleaned_data["votes"]
        raters = {MINE: [self.user.get_username()], RATERS: given.get("raters", [])}.get(votes, [])
        dataset = given.get("dataset") if votes == DATASET else None
        return {
            "name": given["name"],
            "raters": raters,
            "dataset": dataset,
            "base_model": given["base_model"],
            "refit_every": 0 if dataset else given["refit_every"],
        }


def proposed_name(user: User, votes: str) -> str:
    """The user's own name or “everybody”; where that stands for other votes, with a number."""
    wanted = (
        user.get_username()[: NAME_LENGTH - 4] if votes in (MINE, None) else EVERYBODY if votes == EVERYBODY else ""
    )
    if not wanted:
        return ""
    raters = {"raters": [user.get_username()]} if votes in (MINE, None) else {}
    taken = {taste.name for taste in Taste.objects.filter(name__startswith=wanted) if taste.filters != raters}
    return next(name for n in range(1, len(taken) + 2) if (name := wanted if n == 1 else f"{wanted}-{n}") not in taken)


def _raters() -> list[tuple[str, str]]:
    people = get_user_model().objects.order_by("username")
    judges = people.filter(
        Exists(Rating.objects.filter(rater=OuterRef("pk"))) | Exists(Preference.objects.filter(rater=OuterRef("pk")))
    )
    return [(name, name) for name in judges.values_list("username", flat=True)[:OFFERED_RATERS]]
