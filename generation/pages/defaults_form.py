"""The form of what a new Create page starts with."""

from __future__ import annotations

from typing import Any

from generation.jobs.presets import SAMPLING_KEYS, preset_of
from generation.models import GenerationDefaults
from generation.pages.forms import SamplingForm


class DefaultsForm(SamplingForm):
    """What a new Create page starts with."""

    class Meta(SamplingForm.Meta):
        model = GenerationDefaults

    def clean(self) -> dict[str, Any]:
        super().clean()
        cleaned = self.cleaned_data
        sampling = {name: cleaned.get(name) for name in SAMPLING_KEYS}
        if None not in sampling.values():
            self.instance.preset = preset_of(sampling)
        return cleaned
