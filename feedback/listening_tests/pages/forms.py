"""Forms of listening tests. Rules live in the services."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext, gettext_lazy

from adapters.exceptions import AdapterNotFound, AdapterNotSelectable
from adapters.models import Adapter
from adapters.services.selection import find_adapter, require_selectable
from feedback.listening_tests.services.creation import MOST_ARMS, ArmSpec
from feedback.listening_tests.services.invitations import MOST_DAYS, MOST_USES
from feedback.models import Invitation, ListeningTest
from generation.jobs.presets import PRESET_BY_KEY, PRESETS
from generation.models import BaseModel
from generation.models.jobs import MAX_SEED, MAX_STRENGTH
from prompts.models import PromptSuite

SHOWN_ARMS = 4


class ListeningTestForm(forms.ModelForm):
    """Everything of a new test but its arms."""

    preset = forms.ChoiceField(
        choices=[(preset.key, preset.label) for preset in PRESETS],
        initial="balanced",
        label=gettext_lazy("Sampling"),
        help_text=gettext_lazy("The same for every arm."),
    )
    seed = forms.IntegerField(
        label=gettext_lazy("Seed"),
        required=False,
        min_value=0,
        max_value=MAX_SEED,
        help_text=gettext_lazy("Empty for a random one. All arms use the same."),
    )

    class Meta:
        model = ListeningTest
        fields = (
            "name",
            "description",
            "suite",
            "samples_per_prompt",
            "duration",
            "votes_wanted",
            "strategy",
            "overlap",
            "repeat_share",
            "gold_share",
        )
        labels = {"duration": gettext_lazy("Duration (s)"), "strategy": gettext_lazy("Next pair")}
        help_texts = {
            "name": gettext_lazy("Shown to curators only until the test is over."),
            "samples_per_prompt": gettext_lazy("1 to 4"),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["suite"].queryset = PromptSuite.objects.filter(frozen_at__isnull=False)
        self.fields["suite"].empty_label = gettext("Choose a frozen suite")

    @property
    def values(self) -> dict[str, Any]:
        """Keyword arguments of `create_test`, arms left out."""
        given = dict(self.cleaned_data)
        preset = PRESET_BY_KEY[given.pop("preset")]
        return given | {"sampling": preset.sampling}


class ArmForm(forms.Form):
    """One side: a base model, or an adapter (which brings its base model) at a strength."""

    side = forms.ChoiceField(required=False, label=gettext_lazy("Plays"))
    strength = forms.FloatField(
        label=gettext_lazy("Strength"),
        required=False,
        min_value=0,
        max_value=MAX_STRENGTH,
        initial=1.0,
        widget=forms.NumberInput(attrs={"step": "0.05"}),
        help_text=gettext_lazy("Of the adapter"),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["side"].choices = side_choices()

    @property
    def spec(self) -> ArmSpec | None:
        """The arm, None for a row left empty."""
        kind, _, key = self.cleaned_data.get("side", "").partition(":")
        strength = self.cleaned_data.get("strength")
        if kind == "base":
            return ArmSpec(BaseModel.objects.get(key=key))
        if kind == "adapter":
            adapter = Adapter.objects.with_context().get(pk=key)
            return ArmSpec(adapter.base_model, adapter, 1.0 if strength is None else strength)
        return None


class BaseArmFormSet(forms.BaseFormSet):
    """Two arms or more; rows left empty do not count."""

    @property
    def specs(self) -> list[ArmSpec]:
        return [spec for form in self.forms if (spec := form.spec) is not None]


ArmFormSet = forms.formset_factory(
    ArmForm, formset=BaseArmFormSet, extra=SHOWN_ARMS, max_num=MOST_ARMS, absolute_max=MOST_ARMS, validate_max=True
)


def side_choices() -> list[tuple[str, Any]]:
    """Installed base models, then the adapters new jobs may use, each under its base model."""
    models = [model for model in BaseModel.objects.all() if model.is_ready]
    groups: list[tuple[str, Any]] = [("", "—")]
    groups.append(
        (
            gettext("Base models"),
            [
                (f"base:{model.key}", gettext("%(base_model)s (base model)") % {"base_model": model.display_name})
                for model in models
            ],
        )
    )
    by_model: dict[str, list[tuple[str, str]]] = {}
    for adapter in Adapter.objects.active().with_context().order_by("base_model", "name", "-created_at"):
        by_model.setdefault(
            gettext("Adapters of %(base_model)s") % {"base_model": adapter.base_model.display_name}, []
        ).append((f"adapter:{adapter.pk}", adapter.label))
    return groups + list(by_model.items())


@dataclass(frozen=True, slots=True)
class ChosenSides:
    """First values of the arms, and what is to be said of the choice."""

    sides: list[dict[str, str]]
    remarks: list[str]


def sides_of(adapter_ids: Iterable[str]) -> ChosenSides:
    """The arms of chosen adapters, in that order; a single one is set against its base model."""
    adapters, remarks = [], []
    for given in dict.fromkeys(adapter_ids):
        try:
            adapter = find_adapter(given)
            require_selectable(adapter, adapter.base_model)
            adapters.append(adapter)
        except (AdapterNotFound, AdapterNotSelectable) as error:
            remarks.append(error.message)
    if len(adapters) > MOST_ARMS:
        remarks.append(
            gettext("A test has at most %(most)s sides: the first %(most)s chosen are filled in.") % {"most": MOST_ARMS}
        )
    sides = [{"side": f"adapter:{adapter.pk}"} for adapter in adapters[:MOST_ARMS]]
    if len({adapter.base_model_id for adapter in adapters}) > 1:
        remarks.append(
            gettext("These adapters belong to different base models, so the test compares the models as well.")
        )
    if len(adapters) == 1:
        sides.insert(0, {"side": f"base:{adapters[0].base_model.key}"})
    return ChosenSides(sides, remarks)


class EditForm(forms.ModelForm):
    """What may still change once a test exists."""

    class Meta:
        model = ListeningTest
        fields = ("name", "description", "votes_wanted")


class ReopenForm(forms.Form):
    votes_wanted = forms.IntegerField(
        label=gettext_lazy("Votes wanted"),
        min_value=1,
        max_value=100_000,
        help_text=gettext_lazy("Votes that complete it."),
    )


class InvitationForm(forms.ModelForm):
    """A link for people without an account."""

    max_uses = forms.IntegerField(min_value=1, max_value=MOST_USES, initial=10, label=gettext_lazy("People"))
    days = forms.IntegerField(min_value=1, max_value=MOST_DAYS, initial=14, label=gettext_lazy("Days it holds"))

    class Meta:
        model = Invitation
        fields = ("test", "max_uses", "days", "note")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["test"].queryset = ListeningTest.objects.visible().exclude(state="completed")
        self.fields["test"].empty_label = gettext("Every open test")
        self.fields["test"].required = False


def refused_arms(formset: BaseArmFormSet) -> ValidationError | None:
    """What is wrong with the rows, for the summary above the form."""
    messages = [*formset.non_form_errors(), *(m for form in formset.errors for found in form.values() for m in found)]
    return ValidationError(messages) if messages else None
