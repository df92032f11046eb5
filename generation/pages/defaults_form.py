"""The form of what a new Create page starts with."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from generation.exceptions import ModelNotReady
from generation.jobs.presets import SAMPLING_KEYS, preset_of
from generation.models import BaseModel, GenerationDefaults
from generation.pages.forms import VALUE_FIELDS, SamplingForm, asked_preset, bounded, model_label, with_sampling


class ModelChoice(forms.ModelChoiceField):
    """Base models as the Create page calls them."""

    def label_from_instance(self, obj: BaseModel) -> str:
        return model_label(obj)


class DefaultsForm(SamplingForm):
    """What a new Create page starts with.

    A preset other than the one the page was shown with (`preset_shown`) sets how tokens are drawn; otherwise what
    stands in the fields counts, and is called by the preset it makes up.
    """

    preset = forms.ChoiceField(
        choices=GenerationDefaults.Preset.choices,
        required=False,
        label=_("Preset"),
        help_text=_("Another one sets temperature, top-k, top-p and guidance; values of your own are Custom."),
    )
    base_model = ModelChoice(
        queryset=BaseModel.objects.all(),
        required=False,
        label=_("Model"),
        empty_label=_("The active model"),
        help_text=_("What new Create pages start with. Jobs sent through the API use the active model."),
    )
    preset_shown = forms.CharField(required=False, widget=forms.HiddenInput)

    class Meta(SamplingForm.Meta):
        model = GenerationDefaults
        fields = ("preset", "base_model", *VALUE_FIELDS)
        formfield_callback = bounded

    def __init__(self, data: QueryDict | None = None, *, instance: GenerationDefaults, **kwargs: Any) -> None:
        initial = {"preset_shown": instance.preset}
        preset = asked_preset(data)
        if data is not None and preset:
            data = with_sampling(data, preset)
            data["preset_shown"] = preset.key
        super().__init__(data, instance=instance, initial=initial, **kwargs)

    def clean_base_model(self) -> BaseModel | None:
        model: BaseModel | None = self.cleaned_data["base_model"]
        if model and not model.is_ready:
            raise ValidationError(ModelNotReady(model.display_name, model.remedy).message)
        return model

    def clean(self) -> dict[str, Any]:
        super().clean()
        cleaned = self.cleaned_data
        sampling = {name: cleaned.get(name) for name in SAMPLING_KEYS}
        if None not in sampling.values():
            cleaned["preset"] = preset_of(sampling)
        return cleaned
