"""Prompts to begin with: of words, styles and instruments that every model knows, the bundled one too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy


@dataclass(frozen=True, slots=True)
class Example:
    """`values` are what `prompts.services.create_prompt` takes."""

    key: str
    label: str
    values: dict[str, Any]


def _example(label: str, text: str, style: str, mood: str, tempo: int, *instruments: str) -> Example:
    attributes = {"style": style, "mood": mood, "tempo": tempo, "primary_instruments": list(instruments)}
    return Example(f"{style}-{tempo}", label, {"text": text, **attributes})


EXAMPLES = (
    _example(
        gettext_lazy("Late-night jazz"),
        "a quiet tune",
        "jazz",
        "peaceful",
        94,
        "acoustic-piano",
        "vibraphone",
    ),
    _example(
        gettext_lazy("Bright electronica"),
        "a simple loop",
        "electronic",
        "energetic",
        125,
        "analog-synth-lead",
    ),
    _example(
        gettext_lazy("Slow strings"),
        "a short theme",
        "classical",
        "dramatic",
        75,
        "acoustic-strings-ensemble",
        "flute",
    ),
)
EXAMPLE_BY_KEY = {example.key: example for example in EXAMPLES}
