"""Buttons that fill in a form without sending it off: presets, and resetting one setting. The script does the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext

from text2song.pages.requests import StudioRequest
from training.config import PRESET_LABELS, PRESETS
from training.pages.forms import preset_values


def presets() -> list[dict[str, Any]]:
    """Each preset with its name and every value it sets."""
    return [{"key": key, "label": gettext(PRESET_LABELS[key]), "values": preset_values(key)} for key in PRESETS]


def changes_asked_for(request: StudioRequest, base: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
    """The values the pressed button sets; None when the form was sent off, or not sent at all.

    `preset` names a preset, `reset` a setting that goes back to its value in `base`.
    """
    preset, reset = request.POST.get("preset", ""), request.POST.get("reset", "")
    if preset in PRESETS:
        return preset_values(preset)
    if base and reset in base:
        return {reset: base[reset]}
    return None
