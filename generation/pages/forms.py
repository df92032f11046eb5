"""Forms of the Create page and of the settings of generation. Rules live in models and services."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.http import QueryDict
from django.utils.text import capfirst, format_lazy
from django.utils.translation import gettext, gettext_lazy

from adapters.exceptions import AdapterNotFound, AdapterNotSelectable, TasteNotFound, TasteNotUsable
from adapters.models import Adapter, Taste
from adapters.services.selection import find_adapter, require_selectable
from adapters.services.tastes import find_taste, require_usable, usable_tastes
from generation.exceptions import ModelNotReady, UnknownModel
from generation.jobs.best_of import refusals
from generation.jobs.duration_plan import DurationPlan, plan_duration
from generation.jobs.long_form import LONG_FORM_MAX_SECONDS
from generation.jobs.presets import PRESET_BY_KEY, PRESETS, SAMPLING_KEYS, Preset, preset_of
from generation.models import BaseModel, GenerationDefaults, GenerationJob
from generation.models.jobs import MAX_SAMPLES, MAX_SAMPLES_TO_PICK_FROM, MAX_SEED, SAMPLING_FIELDS
from generation.pages.selects import AdapterSelect, ModelSelect, TasteSelect

VALUE_FIELDS = tuple(name for name in SAMPLING_FIELDS if name != "preset")
STEPS = {"adapter_strength": "0.05", "temperature": "0.05", "top_p": "0.05", "guidance_scale": "0.1"}


NAMES = {
    "temperature": gettext_lazy("Temperature"),
    "guidance_scale": gettext_lazy("Guidance scale"),
    "adapter_strength": gettext_lazy("Adapter strength"),
    "long_form": gettext_lazy("Long form"),
}
"""Of fields whose name in the database says it, in the reader's language."""


def bounded(field: models.Field, **kwargs: Any) -> forms.Field | None:
    """The form field of a model field, its range on the widget and named in one message."""
    limits = {kind: [v.limit_value for v in field.validators if isinstance(v, kind)] for kind in RANGE_VALIDATORS}
    if not all(limits.values()):
        if field.name in NAMES:
            kwargs.setdefault("label", NAMES[field.name])
        return field.formfield(**kwargs)
    low, high = max(limits[MinValueValidator]), min(limits[MaxValueValidator])
    kind = gettext_lazy("a number") if isinstance(field, models.FloatField) else gettext_lazy("a whole number")
    name = kwargs.get("label") or NAMES.get(field.name) or capfirst(field.verbose_name)
    rule = format_lazy(
        gettext_lazy("{name} must be {kind} from {low} to {high}"),
        name=name,
        kind=kind,
        low=f"{low:g}",
        high=f"{high:g}",
    )
    passed = format_lazy("{rule}{given}", rule=rule, given=gettext_lazy(", not %(show_value)s."))
    errors = dict.fromkeys(("min_value", "max_value"), passed)
    errors |= dict.fromkeys(("invalid", "required"), format_lazy(gettext_lazy("{rule}."), rule=rule))
    kwargs.setdefault("label", name)
    widget = forms.NumberInput(attrs={"step": STEPS.get(field.name, "1"), "autocomplete": "off"})
    return field.formfield(min_value=low, max_value=high, error_messages=errors, widget=widget, **kwargs)


RANGE_VALIDATORS = (MinValueValidator, MaxValueValidator)


def asked_preset(data: QueryDict | None) -> Preset | None:
    """The preset that was chosen, where it is another than the one the page was shown with (`preset_shown`)."""
    preset = PRESET_BY_KEY.get(data.get("preset", "")) if data is not None else None
    return preset if data is not None and preset and preset.key != data.get("preset_shown") else None


def with_sampling(data: QueryDict, preset: Preset) -> QueryDict:
    """A copy in which tokens are drawn as the preset says."""
    data = data.copy()
    for name, value in preset.sampling.items():
        data[name] = str(value)
    return data


class SamplingForm(forms.ModelForm):
    """What every generation needs: how many, how long, and how tokens are drawn."""

    class Meta:
        fields = VALUE_FIELDS
        formfield_callback = bounded


class GenerationForm(SamplingForm):
    """The Create page's settings. `values` is what `make_music` takes.

    A preset other than the one the page was shown with (`preset_shown`) sets model and sampling; otherwise what stands
    in the fields counts. So choosing a preset works without a script, and so does changing a value by hand.
    """

    OWN_FIELDS = ("adapter", "adapter_strength", "duration", "seed", "taste", "keep")

    preset = forms.ChoiceField(
        choices=GenerationJob.Preset.choices, required=False, widget=forms.RadioSelect, label=gettext_lazy("Preset")
    )
    preset_shown = forms.CharField(required=False, widget=forms.HiddenInput)
    model = forms.CharField(
        required=False,
        label=gettext_lazy("Model"),
        widget=ModelSelect,
        help_text=gettext_lazy("What makes the music. Larger models sound better and take longer."),
    )
    adapter = forms.CharField(
        required=False,
        label=gettext_lazy("Adapter"),
        widget=AdapterSelect(attrs={"autocomplete": "off"}),
        empty_value=None,
    )
    adapter_strength = bounded(
        GenerationJob._meta.get_field("adapter_strength"), required=False, initial=1.0, label=gettext_lazy("Strength")
    )
    duration = forms.IntegerField(
        min_value=1,
        label=gettext_lazy("Duration"),
        error_messages=dict.fromkeys(
            ("invalid", "required", "min_value"),
            gettext_lazy("Duration must be a whole number of seconds, at least 1."),
        ),
        widget=forms.NumberInput(attrs={"step": 1, "autocomplete": "off"}),
        help_text=gettext_lazy("Seconds of each candidate."),
    )
    seed = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=MAX_SEED,
        label=gettext_lazy("Seed"),
        error_messages=dict.fromkeys(
            ("invalid", "min_value", "max_value"),
            format_lazy(gettext_lazy("Seed must be a whole number from 0 to {max_seed}, or empty."), max_seed=MAX_SEED),
        ),
        widget=forms.NumberInput(attrs={"placeholder": gettext_lazy("Random"), "step": 1, "autocomplete": "off"}),
        help_text=gettext_lazy("The same seed and settings make the same music again. Empty: a new one each time."),
    )

    taste = forms.CharField(
        required=False,
        label=gettext_lazy("Picked by"),
        widget=TasteSelect(attrs={"autocomplete": "off"}),
        empty_value=None,
    )
    keep = forms.IntegerField(
        required=False,
        min_value=1,
        label=gettext_lazy("Keep the best"),
        error_messages=dict.fromkeys(
            ("invalid", "min_value"), gettext_lazy("Keep must be a whole number from 1, or empty for all.")
        ),
        widget=forms.NumberInput(
            attrs={"placeholder": "all", "step": 1, "max": MAX_SAMPLES_TO_PICK_FROM - 1, "autocomplete": "off"}
        ),
    )

    class Meta(SamplingForm.Meta):
        model = GenerationJob
        fields = tuple(name for name in VALUE_FIELDS if name != "duration")
        formfield_callback = bounded

    def __init__(self, data: QueryDict | None = None, *, user: User, **kwargs: Any) -> None:
        self.user = user
        self.models = {model.key: model for model in BaseModel.objects.all()}
        self.active = next((model for model in self.models.values() if model.is_active), None)
        super().__init__(self._with_preset(data), **kwargs)
        widget = self.fields["model"].widget
        widget.models = self.models
        widget.choices = [(key, model_label(model)) for key, model in self.models.items()]
        self.fields["duration"].widget.attrs["max"] = self.duration_limit
        self._offer_adapters()
        self._offer_tastes()
        self._limit_samples()

    def _offer_adapters(self) -> None:
        offered = [adapter for adapter in Adapter.objects.active().with_context() if self._may_be_chosen(adapter)]
        widget, model = self.fields["adapter"].widget, self.chosen_model
        widget.offered = {str(adapter.pk): adapter for adapter in offered}
        widget.base_model = model
        offered.sort(key=lambda adapter: not (model and adapter.fits(model)))
        labels = [
            (str(a.pk), gettext("%(label)s (default)") % {"label": a.label} if a.is_default else a.label)
            for a in offered
        ]
        widget.choices = [("", gettext("None (base model)")), *labels]

    def _offer_tastes(self) -> None:
        offered = list(usable_tastes(self.user, *self.models.values()).with_context())
        widget = self.fields["taste"].widget
        widget.offered = {str(taste.pk): taste for taste in offered}
        widget.base_model = self.chosen_model
        widget.choices = [("", gettext("Nobody: keep all")), *((str(taste.pk), taste.name) for taste in offered)]

    def _limit_samples(self) -> None:
        """Without a taste there may be as many as people listen to; a script lifts the limit with the choice."""
        limits = {"data-most": MAX_SAMPLES, "data-most-picked": MAX_SAMPLES_TO_PICK_FROM}
        fewer = bounded(GenerationDefaults._meta.get_field("num_samples"))
        if fewer is not None and not self["taste"].value():
            self.fields["num_samples"] = fewer
        self.fields["num_samples"].widget.attrs |= limits

    def _may_be_chosen(self, adapter: Adapter) -> bool:
        """Not one whose base has other files now: no choice of model would make it fit."""
        return adapter.fits(adapter.base_model)

    def _with_preset(self, data: QueryDict | None) -> QueryDict | None:
        preset = asked_preset(data)
        if data is None or preset is None:
            return data
        data = with_sampling(data, preset)
        if model := preset.model_among(self.models.values()):
            data["model"] = model.key
        return data

    def clean_model(self) -> BaseModel:
        key = self.cleaned_data["model"] or (self.active.key if self.active else "")
        try:
            if key not in self.models:
                raise UnknownModel(key[:80], sorted(self.models))
            self.models[key].spec()
        except (UnknownModel, ModelNotReady) as error:
            raise ValidationError(error.message, code=error.code) from error
        return self.models[key]

    def clean_adapter(self) -> Adapter | None:
        if not (given := self.cleaned_data["adapter"]):
            return None
        try:
            return find_adapter(given)
        except AdapterNotFound as error:
            raise ValidationError(error.message, code=error.code) from error

    def clean_taste(self) -> Taste | None:
        if not (given := self.cleaned_data["taste"]):
            return None
        try:
            return find_taste(given)
        except TasteNotFound as error:
            raise ValidationError(error.message, code=error.code) from error

    def clean_adapter_strength(self) -> float:
        strength = self.cleaned_data["adapter_strength"]
        return 1.0 if strength is None else strength

    def clean(self) -> dict[str, Any]:
        super().clean()
        cleaned = self.cleaned_data
        model, duration = cleaned.get("model") or self.chosen_model, cleaned.get("duration")
        if model is not None and cleaned.get("adapter") is not None:
            try:
                require_selectable(cleaned["adapter"], model)
            except AdapterNotSelectable as error:
                self.add_error("adapter", error.message)
        self._clean_best_of(model)
        if model is not None and duration is not None:
            plan = plan_duration(model, duration, long_form=cleaned["long_form"])
            if plan.level == "over":
                self.add_error("duration", plan.refusal)
        return cleaned

    def _clean_best_of(self, model: BaseModel | None) -> None:
        """A number of clips to keep stands there without a taste, too, and says nothing then."""
        cleaned = self.cleaned_data
        taste = cleaned.get("taste")
        if taste is None:
            cleaned["keep"] = None
        elif model is not None:
            try:
                require_usable(taste, model, self.user)
            except TasteNotUsable as error:
                self.add_error("taste", error.message)
        if "num_samples" in cleaned and "taste" in cleaned:
            wrong = refusals(num_samples=cleaned["num_samples"], keep=cleaned.get("keep"), has_taste=taste is not None)
            for name, sentences in wrong.items():
                self.add_error(name, sentences)

    @property
    def values(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        chosen = {name: cleaned[name] for name in (*self.Meta.fields, *self.OWN_FIELDS)}
        return chosen | {"base_model": cleaned["model"]}

    # -- what the page shows ---------------------------------------------------------------------------------------

    @property
    def chosen_model(self) -> BaseModel | None:
        """The model standing in the form, for its limits; None when there is no such model."""
        return self.models.get(str(self["model"].value() or "")) or self.active

    @property
    def has_fitting_adapter(self) -> bool:
        """Whether any adapter can be chosen with the model standing in the form."""
        return self.fields["adapter"].widget.has_fitting

    most_picked_from = MAX_SAMPLES_TO_PICK_FROM

    @property
    def has_tastes(self) -> bool:
        """Whether this person may use any taste, of whatever model."""
        return bool(self.fields["taste"].widget.offered)

    @property
    def has_fitting_taste(self) -> bool:
        """Whether any taste can pick among clips of the model standing in the form."""
        return self.fields["taste"].widget.has_fitting

    @property
    def picked(self) -> tuple[int, int] | None:
        """How many are made and how many of them are kept, as it stands in the form; None where nothing is picked."""
        try:
            made, kept = int(self["num_samples"].value()), int(self["keep"].value())
        except (TypeError, ValueError):
            return None
        return (made, kept) if self["taste"].value() and 1 <= kept < made <= MAX_SAMPLES_TO_PICK_FROM else None

    @property
    def has_field_errors(self) -> bool:
        """Whether a setting is refused, so that it has to be seen."""
        return any(name in self.errors for name in self.fields)

    @property
    def has_sampling_errors(self) -> bool:
        return any(name in self.errors for name in (*SAMPLING_KEYS, "seed"))

    @property
    def is_long_form(self) -> bool:
        return bool(self["long_form"].field.to_python(self["long_form"].value()))

    @property
    def duration_limit(self) -> int:
        return LONG_FORM_MAX_SECONDS if self.is_long_form or not self.chosen_model else self.chosen_model.max_duration

    @property
    def plan(self) -> DurationPlan | None:
        """How the duration standing in the form would be made; None when that is no number of seconds."""
        try:
            duration = int(self["duration"].value())
        except (TypeError, ValueError):
            return None
        if duration < 1 or self.chosen_model is None:
            return None
        return plan_duration(self.chosen_model, duration, long_form=self.is_long_form)

    @property
    def preset_now(self) -> str:
        """The preset that the values standing in the form are."""
        try:
            return preset_of({name: self[name].value() for name in SAMPLING_KEYS})
        except (TypeError, ValueError):
            return GenerationJob.Preset.CUSTOM

    @property
    def preset_choices(self) -> list[dict[str, Any]]:
        """Presets with what each sets, for the radios and the page's script."""
        models = list(self.models.values())
        now = self.preset_now
        return [
            {"preset": preset, "model": preset.model_among(models), "checked": preset.key == now} for preset in PRESETS
        ]


class FolderForm(forms.Form):
    """A model in a folder of the server."""

    path = forms.CharField(
        max_length=500,
        label=gettext_lazy("Folder"),
        widget=forms.TextInput(attrs={"placeholder": "/models/my-musicgen", "spellcheck": "false"}),
        help_text=gettext_lazy(
            "Absolute path on the server, of a folder in MusicGen's format: config.json, safetensors "
            "weights, tokenizer."
        ),
        error_messages={"required": gettext_lazy("Give the folder's absolute path.")},
    )
    display_name = forms.CharField(
        max_length=100,
        required=False,
        label=gettext_lazy("Name"),
        help_text=gettext_lazy("The folder's own name if left empty. A known model keeps its own."),
    )
    of_its_own = forms.BooleanField(
        required=False,
        label=gettext_lazy("It was trained further"),
        help_text=gettext_lazy(
            "A copy of a known model, such as MusicGen Small, becomes that model by its sizes. A "
            "model trained further has the same sizes: tick this to make it one of its own."
        ),
    )


class EncoderForm(forms.Form):
    """An audio encoder in a folder of the server."""

    path = forms.CharField(
        max_length=500,
        label=gettext_lazy("Folder"),
        widget=forms.TextInput(attrs={"placeholder": "/models/clap", "spellcheck": "false"}),
        help_text=gettext_lazy(
            "Absolute path on the server, of a folder with config.json, safetensors weights and "
            "preprocessor_config.json."
        ),
        error_messages={"required": gettext_lazy("Give the folder's absolute path.")},
    )
    display_name = forms.CharField(
        max_length=100,
        required=False,
        label=gettext_lazy("Name"),
        help_text=gettext_lazy("The folder's own name if left empty."),
    )


def model_label(model: BaseModel) -> str:
    """A model as a choice: its name, whether it is the active one, and whether its files are here."""
    label = model.display_name
    if model.is_active:
        label = gettext("%(label)s (Active)") % {"label": label}
    return label if model.is_ready else gettext("%(label)s — files not here") % {"label": label}
