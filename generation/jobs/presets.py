"""Draft, Balanced and Best: a model and sampling values chosen together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from generation.models import BaseModel, SamplingSettings

SAMPLING_KEYS = ("temperature", "top_k", "top_p", "guidance_scale")


@dataclass(frozen=True, slots=True)
class Preset:
    """Sampling values, and whether the fastest or the best of the installed models is wanted."""

    key: str
    label: str | Promise
    explanation: str | Promise
    prefers_quality: bool | None
    temperature: float
    top_k: int
    top_p: float
    guidance_scale: float

    @property
    def sampling(self) -> dict[str, Any]:
        return {key: getattr(self, key) for key in SAMPLING_KEYS}

    def model_among(self, models: Iterable[BaseModel]) -> BaseModel | None:
        """The installed model this preset chooses: the fastest, the active, or the best."""
        ready = [model for model in models if model.is_ready]
        if not ready:
            return None
        if self.prefers_quality is None:
            return next((model for model in ready if model.is_active), ready[0])
        return (max if self.prefers_quality else min)(ready, key=lambda model: model.quality)


PRESETS: tuple[Preset, ...] = (
    Preset(
        SamplingSettings.Preset.DRAFT,
        gettext_lazy("Draft"),
        gettext_lazy("The fastest installed model, freer sampling: for trying ideas."),
        False,
        temperature=0.9,
        top_k=200,
        top_p=0.9,
        guidance_scale=3.0,
    ),
    Preset(
        SamplingSettings.Preset.BALANCED,
        gettext_lazy("Balanced"),
        gettext_lazy("The active model, steady sampling: the everyday choice."),
        None,
        temperature=0.8,
        top_k=200,
        top_p=0.9,
        guidance_scale=3.0,
    ),
    Preset(
        SamplingSettings.Preset.BEST,
        gettext_lazy("Best"),
        gettext_lazy("The best installed model, careful sampling and closer to the prompt; slower."),
        True,
        temperature=0.7,
        top_k=150,
        top_p=0.9,
        guidance_scale=3.5,
    ),
)
PRESET_BY_KEY: dict[str, Preset] = {preset.key: preset for preset in PRESETS}


def preset_of(sampling: dict[str, Any]) -> str:
    """The key of the preset these sampling values are, "custom" when they are none."""
    for preset in PRESETS:
        if all(abs(float(sampling[key]) - float(value)) < 1e-9 for key, value in preset.sampling.items()):
            return preset.key
    return SamplingSettings.Preset.CUSTOM
