"""The prompts the model is judged on: drawn from the corpus grammar (held-out clips), and written by hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from generation.bundled.recipe.captions import mood_word, sound_word
from generation.bundled.recipe.clips import SPLITS
from generation.bundled.recipe.composer import ClipSpec, draw_spec
from generation.bundled.recipe.styles import FAMILIES, MOOD_FAMILIES, STYLES
from prompts.wording.vocabulary import STYLE_BY_SLUG


@dataclass(frozen=True, slots=True)
class JudgedPrompt:
    """A prompt and what it asks for; empty or None means it does not say."""

    text: str
    family: str = ""
    mood: str = ""
    sounds: tuple[str, ...] = ()
    drums: bool | None = None
    tempo: float | None = None


def grammar_prompts(count: int, seed: int) -> list[tuple[JudgedPrompt, ClipSpec]]:
    """Prompts in the studio's rendered form that state everything, each with the clip it was written for.

    Families and moods are balanced. A tempo is the grid's own number rounded to a whole BPM.
    """
    pairs = []
    for index in range(count):
        rng = np.random.default_rng([seed, SPLITS["test"], index])
        family = FAMILIES[index % len(FAMILIES)]
        styles = [style for style in STYLES if style.family == family]
        style = styles[int(rng.integers(len(styles)))].slug
        mood = MOOD_FAMILIES[(index // len(FAMILIES) + index) % len(MOOD_FAMILIES)]
        spec = draw_spec(rng, style=style, mood=mood)
        pairs.append((_stated(spec, rng), spec))
    return pairs


def _stated(spec: ClipSpec, rng: np.random.Generator) -> JudgedPrompt:
    names = spec.sounds()
    spoken = [sound_word(rng, name, formal=True) for name in names]
    listed = spoken[0] if len(spoken) == 1 else f"{', '.join(spoken[:-1])} and {spoken[-1]}"
    drums = "" if spec.kit else ", no drums"
    text = f"{mood_word(rng, spec.mood)} {STYLE_BY_SLUG[spec.style].spoken}{drums}, featuring {listed}"
    return JudgedPrompt(
        f"{text}, {round(spec.tempo)} BPM", spec.family, spec.mood, tuple(names), bool(spec.kit), round(spec.tempo)
    )


def _hand(
    text: str, family: str = "", mood: str = "", sounds: str = "", drums: bool | None = None, tempo: float | None = None
) -> JudgedPrompt:
    return JudgedPrompt(text, family, mood, tuple(sounds.split()), drums, tempo)


HAND_WRITTEN: tuple[JudgedPrompt, ...] = (
    _hand(
        "peaceful jazz, calm piano at dusk, featuring acoustic piano, with subtle shaker, 80 BPM",
        "jazz",
        "peaceful",
        "piano acoustic_kit",
        True,
        80,
    ),
    _hand("energetic techno with a driving synth, 130 BPM", "electronic", "energetic", "synth_lead", None, 130),
    _hand("melancholic classical, slow sad cello, no drums", "classical", "melancholic", "bowed", False),
    _hand(
        "happy pop, sunny summer song, featuring acoustic guitar and hand claps, 118 BPM",
        "pop",
        "happy",
        "acoustic_guitar electronic_kit",
        True,
        118,
    ),
    _hand(
        "dark cinematic, featuring strings ensemble and taiko drums, 90 BPM",
        "ambient",
        "dark",
        "strings taiko",
        True,
        90,
    ),
    _hand("dreamy ambient, warm pad under the stars, no drums", "ambient", "peaceful", "synth_pad", False),
    _hand(
        "aggressive metal, featuring distorted electric guitar, bass guitar and acoustic drum kit, 160 BPM",
        "rock",
        "energetic",
        "distorted_guitar bass acoustic_kit",
        True,
        160,
    ),
    _hand(
        "nostalgic lo-fi, rainy night study beat, featuring electric piano and lo-fi drum kit, 80 BPM",
        "hip-hop",
        "melancholic",
        "electric_piano acoustic_kit",
        True,
        80,
    ),
    _hand("playful reggae, featuring organ and bass guitar, 75 BPM", "latin", "happy", "organ bass", None, 75),
    _hand(
        "uplifting house, featuring acoustic piano, synth bass and 909 drums, 125 BPM",
        "electronic",
        "happy",
        "piano synth_bass electronic_kit",
        True,
        125,
    ),
    _hand(
        "epic cinematic, heroic brass fanfare, featuring french horn and choir", "ambient", "dramatic", "brass choir"
    ),
    _hand("smoky saxophone in a small bar, slow jazz with upright bass", "jazz", "", "saxophone bass"),
    _hand(
        "romantic classical, featuring harp and flute, no drums, 75 BPM",
        "classical",
        "peaceful",
        "harp woodwind",
        False,
        75,
    ),
    _hand(
        "mysterious world music, featuring koto and tabla, 100 BPM", "latin", "dark", "koto hand_percussion", True, 100
    ),
    _hand(
        "energetic rock, featuring clean electric guitar and acoustic drum kit, 136 BPM",
        "rock",
        "energetic",
        "clean_guitar acoustic_kit",
        True,
        136,
    ),
    _hand("happy country, fast banjo tune with a steady beat, 125 BPM", "pop", "happy", "acoustic_guitar", True, 125),
    _hand("peaceful solo piano, no drums, 68 BPM", "", "peaceful", "piano", False, 68),
    _hand("tense ambient, eerie choir drone, no drums", "ambient", "dark", "choir", False),
    _hand(
        "hip-hop, boom bap beat with 808 drums and deep bass, 90 BPM",
        "hip-hop",
        "",
        "electronic_kit synth_bass",
        True,
        90,
    ),
    _hand(
        "latin, featuring trumpet, acoustic piano and congas, 107 BPM",
        "latin",
        "",
        "brass piano hand_percussion",
        True,
        107,
    ),
    _hand("hopeful folk by the fire, featuring nylon guitar, 100 BPM", "pop", "happy", "acoustic_guitar", None, 100),
    _hand(
        "melancholic r&b, featuring electric piano and 808 drums, 75 BPM",
        "hip-hop",
        "melancholic",
        "electric_piano electronic_kit",
        True,
        75,
    ),
    _hand("dramatic classical, featuring strings ensemble, 107 BPM", "classical", "dramatic", "strings", None, 107),
    _hand(
        "synthwave for a long drive, featuring analog synth lead and synth bass, 107 BPM",
        "electronic",
        "",
        "synth_lead synth_bass",
        None,
        107,
    ),
    _hand("music box melody for sleeping, soft and slow, no drums", "", "peaceful", "mallets", False),
    _hand(
        "funky groove with clean electric guitar, bass and drums, 107 BPM", "pop", "", "clean_guitar bass", True, 107
    ),
    _hand("slow blues, featuring clean electric guitar and organ, 75 BPM", "jazz", "", "clean_guitar organ", None, 75),
    _hand("drum and bass, fast electronic drums, 167 BPM", "electronic", "", "electronic_kit", True, 167),
    _hand("dark metal with heavy guitar and drums, 125 BPM", "rock", "dark", "distorted_guitar", True, 125),
    _hand("baroque harpsichord piece, lively and bright", "classical", "happy", "harp", None),
    _hand(
        "happy jazz, swing band with saxophone and brushed drums, 150 BPM",
        "jazz",
        "happy",
        "saxophone acoustic_kit",
        True,
        150,
    ),
    _hand("dramatic rock with organ and drums, 94 BPM", "rock", "dramatic", "organ", True, 94),
)
