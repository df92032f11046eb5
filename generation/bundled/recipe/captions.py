"""Captions: what a person, or the studio's prompt form, might have written to get a clip.

Half of them follow the studio's rendered form ("peaceful jazz, ..., featuring acoustic piano, 80 BPM"), half are free
("slow sad cello", "a fast techno beat with synth"). Words come from the tables of styles, moods and timbres;
`vocabulary()` lists every word a caption can hold.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np

from generation.bundled.recipe.composer import EIGHTH_FRAMES, ClipSpec, bpm, nearest_eighth
from generation.bundled.recipe.styles import MOOD_BY_NAME, MOODS, STYLE_BY_SLUG, STYLES
from generation.bundled.recipe.timbres import (
    DRUM_KITS,
    KIT_BY_NAME,
    TEXTURE_SLUGS,
    TEXTURE_WORDS,
    TIMBRE_BY_NAME,
    TIMBRES,
)
from prompts.wording.vocabulary import INSTRUMENT_BY_SLUG, MAX_TEMPO, MIN_TEMPO, MOOD_BY_SLUG
from prompts.wording.vocabulary import STYLE_BY_SLUG as STYLE_TERMS

TEMPO_WORDS: tuple[tuple[float, tuple[str, ...]], ...] = (
    (72, ("very slow", "slow", "slow tempo", "largo")),
    (90, ("slow", "laid back", "downtempo", "unhurried")),
    (112, ("mid tempo", "moderate", "medium tempo", "walking pace")),
    (140, ("fast", "upbeat tempo", "lively", "quick")),
    (999, ("very fast", "fast", "rapid", "high speed")),
)
NO_DRUM_WORDS = ("no drums", "without drums", "drumless", "no percussion", "without percussion")
DRUM_WORDS = ("with drums", "with a beat", "with percussion", "steady beat", "with a steady pulse")
DRUMS_ALONE_WORDS = ("drums only", "just drums", "drum loop", "drum groove")
SOLO_WORDS = ("solo", "alone", "unaccompanied")
NOUNS = ("music", "song", "track", "tune", "piece", "loop", "melody", "theme", "groove", "instrumental", "jam")
SCENES = (
    "at dusk",
    "at dawn",
    "at night",
    "in the morning",
    "in the rain",
    "on a sunny day",
    "in a small bar",
    "by the sea",
    "for a long drive",
    "for studying",
    "for a film",
    "for a video game",
    "under the stars",
    "in the city",
    "in the mountains",
    "by the fire",
    "for a party",
    "late at night",
    "in winter",
    "in summer",
    "for dancing",
    "for sleeping",
    "in an old house",
    "on the road",
    "with a friend",
    "for a walk in the park",
    "in a big hall",
)
FILLERS = (
    "a",
    "an",
    "the",
    "of",
    "and",
    "with",
    "for",
    "to",
    "in",
    "on",
    "at",
    "by",
    "from",
    "like",
    "over",
    "some",
    "very",
    "bit",
    "little",
    "simple",
    "nice",
    "beautiful",
    "warm",
    "cold",
    "clean",
    "deep",
    "big",
    "small",
    "short",
    "long",
    "old",
    "new",
    "modern",
    "vintage",
    "retro",
    "catchy",
    "groovy",
    "smooth",
    "rich",
    "light",
    "heavy",
    "busy",
    "sparse",
    "high",
    "low",
    "played",
    "playing",
    "featuring",
    "subtle",
    "background",
    "gentle",
    "strong",
    "main",
    "melodic",
    "rhythmic",
    "style",
    "mood",
    "feel",
    "feeling",
    "vibe",
    "tempo",
    "bpm",
    "around",
    "about",
    "minor",
    "major",
    "key",
    "chords",
    "chord",
    "riff",
    "solo",
    "line",
    "accompaniment",
    "ensemble",
    "band",
    "duo",
    "trio",
    "sound",
    "sounds",
    "love",
    "night",
    "day",
    "rain",
    "sun",
    "moon",
    "sea",
    "ocean",
    "river",
    "forest",
    "dream",
    "dance",
    "coffee",
    "shop",
    "steady",
    "pulse",
    "beat",
    "rhythm",
    "make",
    "me",
    "please",
    "i",
    "want",
    "something",
    "that",
    "is",
    "no",
    "not",
)


def tempo_number(rng: np.random.Generator, eighth: int) -> int:
    """A whole number a person might give for a clip's tempo: inside the grid's cell, usually its exact value."""
    exact = bpm(eighth)
    if rng.random() < 0.5:
        return round(exact)
    candidates = [number for number in range(58, 196) if nearest_eighth(number) == eighth]
    return int(rng.choice(candidates))


def tempo_in_words(rng: np.random.Generator, tempo: float) -> str:
    for limit, words in TEMPO_WORDS:
        if tempo < limit:
            return str(rng.choice(words))
    raise ValueError(f"no word for a tempo of {tempo} BPM")


def mood_word(rng: np.random.Generator, mood: str) -> str:
    family = MOOD_BY_NAME[mood]
    pool = family.slugs if rng.random() < 0.6 else family.synonyms
    word = str(rng.choice(pool))
    return MOOD_BY_SLUG[word].spoken if word in MOOD_BY_SLUG else word


def style_word(rng: np.random.Generator, style: str) -> str:
    if rng.random() < 0.7:
        return STYLE_TERMS[style].spoken
    return str(rng.choice(STYLE_BY_SLUG[style].synonyms))


def sound_word(rng: np.random.Generator, name: str, *, formal: bool = False) -> str:
    """A word for a timbre, kit or texture; `formal` keeps to the studio's vocabulary where it has one."""
    if name == "texture":
        slugs, words = TEXTURE_SLUGS, TEXTURE_WORDS
    else:
        source = TIMBRE_BY_NAME.get(name) or KIT_BY_NAME[name]
        slugs, words = source.slugs, source.words
    if formal or rng.random() < 0.5:
        return INSTRUMENT_BY_SLUG[str(rng.choice(slugs))].spoken
    return str(rng.choice(words))


def caption(spec: ClipSpec, rng: np.random.Generator) -> str:
    """One caption of a clip; another draw gives another caption of the same clip."""
    return rendered_caption(spec, rng) if rng.random() < 0.5 else free_caption(spec, rng)


def rendered_caption(spec: ClipSpec, rng: np.random.Generator) -> str:
    """A caption in the studio's rendered form, some attributes left out."""
    lead = [mood_word(rng, spec.mood)] if rng.random() < 0.85 else []
    lead += [style_word(rng, spec.style)] if rng.random() < 0.85 else []
    subtle = _subtle_sounds(spec)
    main = [name for name in spec.sounds() if name not in subtle]
    tail = []
    if main and rng.random() < 0.8:
        tail.append("featuring " + _listed([sound_word(rng, name, formal=True) for name in _some(rng, main)]))
    if subtle and rng.random() < 0.8:
        tail.append("with subtle " + _listed([sound_word(rng, name, formal=True) for name in _some(rng, subtle)]))
    if rng.random() < 0.8:
        tail.append(f"{tempo_number(rng, spec.eighth)} BPM")
    body = free_caption(spec, rng) if rng.random() < 0.5 or not (lead or tail) else ""
    return ", ".join(part for part in (" ".join(lead), body, *tail) if part)


def free_caption(spec: ClipSpec, rng: np.random.Generator) -> str:
    """A caption as a person would type it, three to a dozen words."""
    words = []
    if rng.random() < 0.45:
        words.append(tempo_in_words(rng, spec.tempo))
    if rng.random() < 0.75:
        words.append(mood_word(rng, spec.mood))
    named_style = rng.random() < 0.65
    if named_style:
        words.append(style_word(rng, spec.style))
    pitched = list(dict.fromkeys(spec.parts.values()))
    named: list[str] = []
    if not pitched:
        words.append(str(rng.choice(DRUMS_ALONE_WORDS)))
    elif rng.random() < 0.7 or not named_style:
        named = _some(rng, pitched, most=2)
        if len(pitched) == 1 and not spec.kit and rng.random() < 0.4:
            words.append(str(rng.choice(SOLO_WORDS[:1])))
        words.append(sound_word(rng, named[0]))
    if pitched and (not named or rng.random() < 0.35):
        words.append(str(rng.choice(NOUNS)))
    if len(named) > 1:
        words += [str(rng.choice(("with", "and", "over"))), sound_word(rng, named[1])]
    if rng.random() < 0.3:
        words.append(str(rng.choice(SCENES)))
    clauses = [" ".join(words)]
    if spec.texture and rng.random() < 0.7:
        clauses.append("with " + sound_word(rng, "texture"))
    if spec.kit and rng.random() < 0.45:
        clauses.append("with " + sound_word(rng, spec.kit) if rng.random() < 0.6 else str(rng.choice(DRUM_WORDS)))
    if not spec.kit and rng.random() < 0.45:
        clauses.append(str(rng.choice(NO_DRUM_WORDS)))
    if rng.random() < 0.25:
        clauses.append(f"{tempo_number(rng, spec.eighth)} bpm")
    text = str(rng.choice((", ", " "), p=(0.7, 0.3))).join(clauses)
    return f"a {text}" if rng.random() < 0.1 else text


def vocabulary() -> list[str]:
    """Every word of every caption, sorted, without numbers."""
    texts: list[str] = [
        *NO_DRUM_WORDS,
        *DRUM_WORDS,
        *DRUMS_ALONE_WORDS,
        *SOLO_WORDS,
        *NOUNS,
        *SCENES,
        *FILLERS,
        *TEXTURE_WORDS,
    ]
    texts += [word for _, words in TEMPO_WORDS for word in words]
    texts += [term.spoken for term in (*INSTRUMENT_BY_SLUG.values(), *MOOD_BY_SLUG.values(), *STYLE_TERMS.values())]
    texts += [term.name for term in (*INSTRUMENT_BY_SLUG.values(), *MOOD_BY_SLUG.values(), *STYLE_TERMS.values())]
    texts += [word for source in (*TIMBRES, *DRUM_KITS) for word in source.words]
    texts += [word for mood in MOODS for word in mood.synonyms]
    texts += [word for style in STYLES for word in style.synonyms]
    return sorted({word for text in texts for word in split_words(text) if not word.isdigit()})


def split_words(text: str) -> list[str]:
    """The tokenizer's view of a text: lower-case words of letters and digits; "r&b" is read "r and b"."""
    return re.findall(r"[a-z]+|[0-9]+", text.lower().replace("&", " and "))


def named_numbers() -> list[str]:
    """Numbers that are names: of drum machines."""
    return sorted({word for kit in DRUM_KITS for slug in kit.slugs for word in split_words(slug) if word.isdigit()})


def numbers() -> range:
    """All numbers that are tempi: those a prompt may ask for."""
    return range(MIN_TEMPO, MAX_TEMPO + 1)


def grid_position(number: int) -> float:
    """Where a tempo stands between the grid's ends after octave folding, 0 (slow) to 1 (fast)."""
    tempo = bpm(nearest_eighth(number))
    low, high = bpm(EIGHTH_FRAMES[-1]), bpm(EIGHTH_FRAMES[0])
    return math.log(tempo / low) / math.log(high / low)


def _subtle_sounds(spec: ClipSpec) -> list[str]:
    names = [spec.parts[role] for role in spec.subtle if role in spec.parts]
    names += [spec.kit] if "drums" in spec.subtle else []
    loud = {timbre for role, timbre in spec.parts.items() if role not in spec.subtle}
    return [name for name in dict.fromkeys(names) if name not in loud] + (["texture"] if spec.texture else [])


def _some(rng: np.random.Generator, names: Sequence[str], most: int = 3) -> list[str]:
    count = int(rng.integers(1, min(most, len(names)) + 1)) if rng.random() < 0.6 else min(most, len(names))
    return [names[i] for i in sorted(rng.permutation(len(names))[:count])]


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
