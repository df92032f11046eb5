"""The demo's prompts: combinations of the studio's own words, the held-out ones never trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

STYLES = ("jazz", "rock", "ambient", "electronic", "hip-hop", "pop", "classical", "latin")
MOODS = ("energetic", "happy", "peaceful", "melancholic", "dark", "dramatic")
INSTRUMENTS = (
    "acoustic-piano",
    "electric-piano",
    "acoustic-guitar",
    "electric-guitar-clean",
    "acoustic-strings-ensemble",
    "analog-synth-lead",
    "flute",
    "saxophone",
    "organ",
    "vibraphone",
)
TEMPI = (75, 94, 107, 125, 150)
NOUNS = ("a short theme", "a simple loop", "a little tune", "a quiet idea", "a small groove", "an opening")


@dataclass(frozen=True, slots=True)
class DemoPrompt:
    """Values for `prompts.services.create_prompt`."""

    text: str
    style: str
    mood: str
    tempo: int
    primary_instruments: tuple[str, ...]


def draw_prompts(count: int, seed: int) -> list[DemoPrompt]:
    """`count` different prompts, styles and moods in turn, the rest by `seed`."""
    rng = np.random.default_rng(seed)
    drawn: dict[DemoPrompt, None] = {}
    index = int(rng.integers(len(STYLES) * len(MOODS)))
    while len(drawn) < count:
        style, mood = STYLES[index % len(STYLES)], MOODS[(index // len(STYLES) + index) % len(MOODS)]
        instruments = tuple(sorted(str(name) for name in rng.choice(INSTRUMENTS, 2, replace=False)))
        drawn[DemoPrompt(str(rng.choice(NOUNS)), style, mood, int(rng.choice(TEMPI)), instruments)] = None
        index += 1
    return list(drawn)
