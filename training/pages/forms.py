"""Forms of training. Settings come from `TrainingConfig`: named, bounded and explained there, and checked there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, fields
from enum import StrEnum
from typing import Any, get_type_hints

from django import forms
from django.core.validators import MaxValueValidator
from django.db.models import Q
from django.utils.functional import cached_property
from django.utils.text import format_lazy
from django.utils.translation import gettext, gettext_lazy

from adapters.models import Adapter
from datasets_app.models import Dataset
from generation.models import BaseModel
from training.config import MAX_SEED, PRESETS, Group, InvalidConfig, Method, TrainingConfig, purpose, range_in_words
from training.models import NAME_LENGTH, NAME_MESSAGE, Experiment, PromotionPolicy
from training.promotion.services import current_policy
from training.services.defaults import FOLLOWS_DATASET, starting_config

FIRST = ("epochs", "batch_size", "learning_rate", "lora_r", "lora_alpha")
"""Settings that show first, in this order; the rest is advanced. The method stands beside the dataset."""

MODULES = {
    "q_proj": gettext_lazy("q_proj: what attention looks for (attention, recommended)"),
    "k_proj": gettext_lazy("k_proj: what there is to be found (attention, recommended)"),
    "v_proj": gettext_lazy("v_proj: what is passed on (attention, recommended)"),
    "out_proj": gettext_lazy("out_proj: how it is put together (attention, recommended)"),
    "fc1": gettext_lazy("fc1: the way into the feed-forward layer (optional)"),
    "fc2": gettext_lazy("fc2: the way out of the feed-forward layer (optional)"),
}
METHODS = {
    Method.SFT: gettext_lazy("sft: imitate liked clips"),
    Method.DPO: gettext_lazy("dpo: learn from pairs of which one was preferred"),
    Method.KTO: gettext_lazy("kto: learn from clips rated good or bad"),
    Method.RANKING: gettext_lazy("ranking: learn from clips in an order"),
}
PRESET_KEYS = tuple(dict.fromkeys(key for values in PRESETS.values() for key in values))


def preset_values(name: str) -> dict[str, Any]:
    """Every value a preset sets; the defaults where it says nothing."""
    defaults = TrainingConfig().to_mapping()
    return {key: PRESETS[name].get(key, defaults[key]) for key in PRESET_KEYS}


@dataclass(frozen=True, slots=True)
class Setting:
    """A field of a configuration as templates show it; `base` is what it can be reset to."""

    field: forms.BoundField
    methods: tuple[Method, ...]
    base: Any
    is_relevant: bool
    is_changed: bool


@dataclass(frozen=True, slots=True)
class SettingGroup:
    """Settings that belong together."""

    title: str
    settings: list[Setting]

    @property
    def is_relevant(self) -> bool:
        return any(setting.is_relevant for setting in self.settings)


class ConfigForm(forms.Form):
    """The settings of a run. `base` are the values it starts from, the defaults where it has none."""

    def __init__(self, *args: Any, base: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.base = TrainingConfig().to_mapping() | dict(base or {})
        for spec in fields(TrainingConfig):
            self.fields[spec.name] = config_field(spec)
            self.initial.setdefault(spec.name, self.base[spec.name])

    @classmethod
    def retyped(cls, data: Any, changes: Mapping[str, Any], **kwargs: Any) -> ConfigForm:
        """A form that was not checked, filled with what `data` says, `changes` replaced."""
        blank = cls(**kwargs)
        typed = {name: field.widget.value_from_datadict(data, {}, name) for name, field in blank.fields.items()}
        return cls(initial=typed | dict(changes), **kwargs)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        try:
            TrainingConfig.from_mapping(self.config())
        except InvalidConfig as error:
            for name, problem in error.problems.items():
                if name not in self.errors:
                    self.add_error(name, problem)
        return cleaned

    def config(self) -> dict[str, Any]:
        """The settings that are in order, as JSON values; the method only if one was chosen."""
        names = (spec.name for spec in fields(TrainingConfig))
        return {name: self.cleaned_data[name] for name in names if self.cleaned_data.get(name) not in (None, "")}

    @cached_property
    def method(self) -> str:
        """The method the form stands at, chosen or implied."""
        return self["method"].value() or Method.DPO

    @property
    def first(self) -> list[Setting]:
        return [self._setting(name) for name in FIRST]

    @property
    def advanced(self) -> list[SettingGroup]:
        rest = [spec for spec in fields(TrainingConfig) if spec.name not in (*FIRST, "method")]
        return [
            SettingGroup(gettext(group), [self._setting(spec.name) for spec in specs])
            for group in Group
            if (specs := [spec for spec in rest if spec.metadata["group"] is group])
        ]

    @property
    def advanced_is_open(self) -> bool:
        """Whether something under the advanced settings must be seen: an error, or a changed value."""
        settings = [setting for group in self.advanced for setting in group.settings]
        return any(setting.field.errors or setting.is_changed for setting in settings)

    def is_relevant(self, name: str) -> bool:
        """Whether the setting matters to the method the form stands at."""
        return self.method in TrainingConfig.__dataclass_fields__[name].metadata["methods"]

    def marks_changes(self, name: str) -> bool:
        """Whether the setting's value is shown as differing from the base."""
        return False

    def _setting(self, name: str) -> Setting:
        bound = self[name]
        methods = TrainingConfig.__dataclass_fields__[name].metadata["methods"]
        relevant = self.is_relevant(name) or bool(bound.errors)
        return Setting(bound, methods, self.base[name], relevant, self.marks_changes(name))


def config_field(spec: Field[Any]) -> forms.Field:
    """The form field of a setting. Ranges are checked by `TrainingConfig`; here values get their kind."""
    facts, kind = spec.metadata, get_type_hints(TrainingConfig)[spec.name]
    shared: dict[str, Any] = {"label": gettext(facts["label"]), "help_text": purpose(facts)}
    if kind is bool:
        return forms.BooleanField(required=False, **shared)
    if spec.name == "target_modules":
        required = {"required": gettext("Choose at least one module.")}
        widget = forms.CheckboxSelectMultiple
        return forms.MultipleChoiceField(choices=MODULES, widget=widget, error_messages=required, **shared)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        choices = METHODS.items() if kind is Method else [(value, value) for value in kind]
        return forms.ChoiceField(choices=list(choices), **shared)
    return _number_field(spec, kind, shared)


def _number_field(spec: Field[Any], kind: type, shared: dict[str, Any]) -> forms.Field:
    facts = spec.metadata
    words = gettext("%(label)s must be %(number)s, %(facts)s.") % {
        "label": gettext(facts["label"]),
        "number": gettext("a whole number") if kind is int else gettext("a number"),
        "facts": range_in_words(facts),
    }
    limits = {"min": facts["low"], "max": facts["high"], "step": "1" if kind is int else "any"}
    attrs = {name: f"{value}" for name, value in limits.items() if value is not None} | {"autocomplete": "off"}
    errors = {"required": words, "invalid": words}
    # Numbers too large for the arithmetic of ranges end here.
    most = MaxValueValidator(facts["high"] or MAX_SEED, words)
    field = forms.IntegerField if kind is int else forms.FloatField
    return field(widget=forms.NumberInput(attrs=attrs), error_messages=errors, validators=[most], **shared)


class DatasetSelect(forms.Select):
    """Datasets, each saying on its option which methods it is for."""

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **kwargs)
        dataset = getattr(value, "instance", None)
        if dataset is not None:
            option["attrs"]["data-methods"] = " ".join(dataset.methods)
        return option


class DatasetField(forms.ModelChoiceField):
    """A dataset with its kind and size."""

    widget = DatasetSelect

    def label_from_instance(self, dataset: Dataset) -> str:
        rows = f"{dataset.row_count} row{'' if dataset.row_count == 1 else 's'}"
        return f"{dataset.name} ({dataset.get_kind_display().lower()}, {rows})"


class ExperimentForm(ConfigForm):
    """What an experiment is called, what it trains on, and how."""

    FITTING = ("", gettext_lazy("What is usual for the dataset"))

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=NAME_LENGTH,
        help_text=gettext_lazy("What you want to find out: “warmer strings”, “does beta 0.3 hold the tempo?”"),
        error_messages={"required": NAME_MESSAGE, "max_length": NAME_MESSAGE},
    )
    description = forms.CharField(
        label=gettext_lazy("Description"),
        required=False,
        max_length=Experiment._meta.get_field("description").max_length,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    dataset = DatasetField(
        queryset=Dataset.objects.none(),
        required=False,
        label=gettext_lazy("Dataset"),
        empty_label=gettext_lazy("None yet"),
        help_text=gettext_lazy("What was judged. A run cannot start without one."),
        error_messages={
            "invalid_choice": gettext_lazy("This dataset is not ready, or not there any more. Choose another.")
        },
    )
    base_model = forms.ModelChoiceField(
        queryset=BaseModel.objects.all(),
        empty_label=None,
        label=gettext_lazy("Base model"),
        help_text=gettext_lazy("The adapter is trained on it, and fits only it."),
        error_messages={
            "required": gettext_lazy("Choose a base model."),
            "invalid_choice": gettext_lazy("There is no such base model."),
        },
    )

    def __init__(self, *args: Any, experiment: Experiment | None = None, **kwargs: Any) -> None:
        config = experiment.config if experiment else starting_config()
        start = _stored(experiment) if experiment else _fresh()
        super().__init__(*args, base=config, **kwargs | {"initial": start | (kwargs.get("initial") or {})})
        ready = Q(state=Dataset.State.READY, deleted_at__isnull=True)
        current = Q(pk=experiment.dataset_id if experiment else None)
        self.fields["dataset"].queryset = Dataset.objects.filter(ready | current)
        if experiment is None:
            method = self.fields["method"]
            method.choices = [self.FITTING, *method.choices]
            method.required = False

    @cached_property
    def method(self) -> str:
        """As chosen; else what is usual for the chosen dataset."""
        chosen = self["method"].value()
        return chosen or next(iter(self._dataset_methods()), Method.DPO)

    def _dataset_methods(self) -> Iterator[str]:
        try:
            dataset = self.fields["dataset"].clean(self["dataset"].value())
        except forms.ValidationError:
            return
        yield from dataset.methods if dataset else ()

    def values(self) -> dict[str, Any]:
        """What the services take."""
        named = {name: self.cleaned_data[name] for name in ("name", "description", "dataset", "base_model")}
        return named | {"config": self.config()}


def _stored(experiment: Experiment) -> dict[str, Any]:
    return {name: getattr(experiment, name) for name in ("name", "description", "dataset", "base_model")}


def _fresh() -> dict[str, Any]:
    return {"method": "", "base_model": BaseModel.objects.filter(is_active=True).first()}


class DefaultsForm(ConfigForm):
    """What new experiments start with. There is no method: it follows the dataset, so every setting matters."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields[FOLLOWS_DATASET]

    @property
    def advanced_is_open(self) -> bool:
        return bool(self.errors)

    def is_relevant(self, name: str) -> bool:
        return True


class RunForm(ConfigForm):
    """A run's name, what it goes on from, and settings that differ from the experiment's."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        required=False,
        max_length=NAME_LENGTH,
        help_text=gettext_lazy("Left empty, it is numbered: run-1, run-2 and so on."),
        error_messages={
            "max_length": format_lazy(gettext_lazy("At most {name_length} characters."), name_length=NAME_LENGTH)
        },
    )
    parent = forms.ModelChoiceField(
        queryset=Adapter.objects.none(),
        required=False,
        empty_label=gettext_lazy("None: it starts from the base model"),
        label=gettext_lazy("Goes on from"),
        help_text=gettext_lazy("An adapter of the same base model that is trained further."),
        error_messages={
            "invalid_choice": gettext_lazy("This adapter cannot be chosen: it is inactive, or of another model.")
        },
    )
    blind_test = forms.BooleanField(
        required=False,
        initial=True,
        label=gettext_lazy("Test the adapter blind when it is made"),
    )

    def __init__(self, *args: Any, experiment: Experiment, **kwargs: Any) -> None:
        super().__init__(*args, base=experiment.config, **kwargs)
        self.fields["parent"].queryset = Adapter.objects.selectable_for(experiment.base_model)
        self.fields["blind_test"].help_text = _blind_test_in_words(current_policy())
        if experiment.dataset:
            methods = [(value, METHODS[Method(value)]) for value in experiment.dataset.methods]
            self.fields["method"].choices = methods

    @property
    def method_setting(self) -> Setting:
        return self._setting("method")

    @property
    def changed_count(self) -> int:
        return sum(self.marks_changes(spec.name) for spec in fields(TrainingConfig))

    def marks_changes(self, name: str) -> bool:
        """Whether it differs from the experiment's; a value that cannot be read does."""
        try:
            value = self.fields[name].clean(self[name].value())
        except forms.ValidationError:
            return True
        return _comparable(value) != _comparable(self.base[name])

    def overrides(self) -> dict[str, Any]:
        """The settings that differ from the experiment's."""
        return {name: value for name, value in self.config().items() if self.marks_changes(name)}


def _comparable(value: Any) -> Any:
    return sorted(value) if isinstance(value, list) else value


def _blind_test_in_words(policy: PromotionPolicy) -> str:
    """What the test will cost, before it is asked for."""
    if policy.suite is None:
        return gettext("No suite is chosen for such tests (Adapters, Promotion), so none will open.")
    cost = gettext("%(clips)s clips are made for it, and at most %(votes_wanted)s votes asked for") % {
        "clips": policy.clips,
        "votes_wanted": policy.votes_wanted,
    }
    better = gettext("The adapter becomes the default only if it is better.")
    return gettext("A listening test against what it goes on from, on “%(suite)s”: %(cost)s. %(better)s") % {
        "suite": policy.suite,
        "cost": cost,
        "better": better,
    }
