"""Compose short clips: from a `ClipSpec` (what a caption can say) to a list of notes.

Rhythm stands on the codec's frame grid: an eighth note lasts a whole number of 20 ms frames, so the tempi are
1500 / n BPM, every bar repeats exactly in codec frames, and every clip starts on the beat.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from generation.bundled.recipe.constants import CLIP_FRAMES, FRAME_RATE
from generation.bundled.recipe.styles import (
    BASS_PATTERNS,
    CHORD_PATTERNS,
    DRUM_PATTERNS,
    FAMILIES,
    MELODY_CONTOURS,
    MELODY_RHYTHMS,
    MOOD_BY_NAME,
    MOODS,
    STYLE_BY_SLUG,
    STYLES,
    Mood,
    Style,
)
from generation.bundled.recipe.timbres import KIT_BY_NAME, TIMBRE_BY_NAME, TIMBRES

EIGHTH_FRAMES = (8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 20, 22, 24)
"""Frames of an eighth note that the corpus uses: 187.5 down to 62.5 BPM."""

ROLES = ("lead", "chords", "bass", "pad")
ROLE_GAIN = {"lead": 1.0, "chords": 0.6, "bass": 0.9, "pad": 0.45}
SUBTLE_GAIN = 0.5
STEPS = 16
LEAD_BASE, CHORD_BASE = 60, 48
"""MIDI keys of the C that melodies and chords stand on: where a codec of 1.8 kbit/s still follows the waveform."""

DRUMS_ALONE_SHARE = 0.05
"""Share of clips that are drums and nothing else."""

LEAST_DRUMS, MOST_DRUMS = 0.12, 0.9
"""Bounds of a style's share of clips with drums: every style is heard with and without."""


def bpm(eighth: int) -> float:
    """Tempo in beats (quarter notes) per minute of an eighth note of `eighth` frames."""
    return 30.0 * FRAME_RATE / eighth


def nearest_eighth(tempo: float) -> int:
    """The grid's eighth length for a tempo in BPM; tempi off the grid's ends go to double or half time."""
    while tempo < 60:
        tempo *= 2
    while tempo > 195:
        tempo /= 2
    return min(EIGHTH_FRAMES, key=lambda eighth: abs(math.log(bpm(eighth) / tempo)))


@dataclass(frozen=True, slots=True)
class ClipSpec:
    """What is to be played, and all a caption may tell.

    `parts` maps a role to a timbre name; `kit` is a drum kit or empty; `subtle` names roles (or "drums") played softly.
    """

    style: str
    mood: str
    eighth: int
    parts: dict[str, str]
    kit: str
    texture: bool
    subtle: tuple[str, ...]
    seed: int
    frames: int = CLIP_FRAMES

    @property
    def family(self) -> str:
        return STYLE_BY_SLUG[self.style].family

    @property
    def tempo(self) -> float:
        """Beats per minute."""
        return bpm(self.eighth)

    def sounds(self) -> list[str]:
        """Names of all timbres, kits and textures heard, each once."""
        names = list(dict.fromkeys(self.parts.values()))
        return names + ([self.kit] if self.kit else []) + (["texture"] if self.texture else [])

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ClipSpec:
        return cls(**{**data, "subtle": tuple(data["subtle"])})


@dataclass(frozen=True, slots=True)
class Note:
    """One event: `sound` is a note bank key, times are in frames, `frames` 0 means the whole one-shot."""

    sound: str
    start: int
    frames: int
    gain: float


def draw_spec(
    rng: np.random.Generator, *, style: str = "", mood: str = "", rhythm: bool = False, frames: int = CLIP_FRAMES
) -> ClipSpec:
    """Draw a clip at random; `style` and `mood` (a mood family) may be fixed.

    `rhythm` asks for drums alone, or with a bass.
    """
    chosen = STYLE_BY_SLUG[style] if style else _draw_style(rng)
    feeling = MOOD_BY_NAME[mood or MOODS[rng.integers(len(MOODS))].name]
    parts = _draw_parts(rng, chosen)
    drum_chance = min(max(chosen.drum_chance, LEAST_DRUMS), MOST_DRUMS)
    kit = str(rng.choice(chosen.kits)) if rng.random() < drum_chance else ""
    if kit and feeling.name in ("peaceful", "melancholic") and rng.random() < 0.3:
        kit = ""
    if rhythm or rng.random() < DRUMS_ALONE_SHARE:
        kit = kit or str(rng.choice(chosen.kits))
        parts = {role: timbre for role, timbre in parts.items() if rhythm and role == "bass"}
    texture = rng.random() < 0.03
    heard = [*parts, "drums"] if kit else list(parts)
    subtle = tuple(role for role in heard if role != "bass" and len(heard) > 1 and rng.random() < 0.15)
    return ClipSpec(
        chosen.slug,
        feeling.name,
        _draw_eighth(rng, chosen, feeling),
        parts,
        kit,
        texture,
        subtle,
        int(rng.integers(2**31)),
        frames,
    )


def _draw_style(rng: np.random.Generator) -> Style:
    """Half of the time any style, half of the time any family first, so that small families are not rare."""
    pool = STYLES
    if rng.random() < 0.5:
        family = FAMILIES[rng.integers(len(FAMILIES))]
        pool = tuple(style for style in STYLES if style.family == family)
    return pool[rng.integers(len(pool))]


def _draw_parts(rng: np.random.Generator, style: Style) -> dict[str, str]:
    def pick(names: tuple[str, ...], *, free: float) -> str:
        if rng.random() < free:
            return str(rng.choice([t.name for t in TIMBRES if t.name not in ("bass", "synth_bass")]))
        return str(rng.choice(names))

    parts = {}
    layout = rng.random()
    if layout < 0.8:
        parts["lead"] = pick(style.leads, free=0.3)
    if layout > 0.2 or "lead" not in parts:
        parts["chords"] = pick(style.chords, free=0.2)
    if "lead" in parts and layout < 0.2:
        parts["chords"] = parts["lead"]
    bass_chance = {"classical": 0.3, "ambient": 0.3}.get(style.family, 0.75)
    if rng.random() < bass_chance:
        parts["bass"] = pick(style.basses, free=0.0)
    return parts


def _draw_eighth(rng: np.random.Generator, style: Style, mood: Mood) -> int:
    low, high = style.tempo
    weights = []
    for eighth in EIGHTH_FRAMES:
        tempo = bpm(eighth)
        inside = low * 0.97 <= tempo <= high * 1.03
        place = (math.log(tempo) - math.log(100)) * mood.tempo
        weights.append((1.0 if inside else 0.08) * math.exp(1.2 * place))
    probabilities = np.array(weights) / sum(weights)
    return int(rng.choice(EIGHTH_FRAMES, p=probabilities))


def compose(spec: ClipSpec) -> list[Note]:
    """Write the notes of a clip; the same spec gives the same notes."""
    rng = np.random.default_rng(spec.seed)
    style, mood = STYLE_BY_SLUG[spec.style], MOOD_BY_NAME[spec.mood]
    loop = mood.loops[rng.integers(len(mood.loops))]
    patterns = tuple(str(rng.choice(pool)) for pool in (style.chord_patterns, style.bass_patterns, style.drums))
    if mood.name in ("peaceful", "melancholic") and patterns[0] in ("eighths", "stabs"):
        patterns = ("beats", *patterns[1:])
    rhythm = str(rng.choice(MELODY_RHYTHMS[mood.density]))
    contour = MELODY_CONTOURS[rng.integers(len(MELODY_CONTOURS))]
    notes: list[Note] = []
    bar_frames = 8 * spec.eighth
    for bar in range(math.ceil(spec.frames / bar_frames)):
        degree = loop[bar % len(loop)]
        start = bar * bar_frames
        for role, timbre in spec.parts.items():
            gain = mood.level * ROLE_GAIN[role] * (SUBTLE_GAIN if role in spec.subtle else 1.0)
            if role == "lead":
                notes += _melody(spec, timbre, mood, start, degree, rhythm, contour, gain)
            elif role == "bass":
                notes += _bass(spec, timbre, start, degree, patterns[1], gain)
            else:
                notes += _chords(spec, timbre, mood, start, degree, patterns[0], gain)
        if spec.kit:
            gain = (0.5 + 0.5 * mood.level) * (SUBTLE_GAIN if "drums" in spec.subtle else 1.0)
            notes += _drums(spec, start, patterns[2], mood, gain)
    return [note for note in notes if note.start < spec.frames]


def _step_frame(spec: ClipSpec, start: int, step: int) -> int:
    """First frame of a sixteenth step of the bar at `start` (odd eighths split one frame early)."""
    return start + (step * spec.eighth) // 2


def _key(degree: int, octave_base: int) -> int:
    """MIDI key of a scale degree of C major counted from the C at MIDI key `octave_base`."""
    octave, step = divmod(degree, 7)
    return octave_base + 12 * octave + (0, 2, 4, 5, 7, 9, 11)[step]


def _fit(timbre: str, key: int) -> int:
    """Move a key by octaves into a timbre's range."""
    span = TIMBRE_BY_NAME[timbre]
    while key < span.low:
        key += 12
    while key > span.high:
        key -= 12
    return key


def _hits(pattern: str) -> list[tuple[int, int, float]]:
    """Steps of a pattern as (step, steps until the next, accent gain)."""
    places = [step for step, mark in enumerate(pattern) if mark != "."]
    ends = [*places[1:], STEPS]
    return [(at, end - at, 1.0 if pattern[at] == "X" else 0.8) for at, end in zip(places, ends, strict=True)]


def _play(spec: ClipSpec, timbre: str, key: int, start: int, step: int, length: int, hold: float, gain: float) -> Note:
    first = _step_frame(spec, start, step)
    last = _step_frame(spec, start, step + length)
    return Note(f"{timbre}/{_fit(timbre, key)}", first, max(3, round((last - first) * hold)), gain)


def _melody(
    spec: ClipSpec, timbre: str, mood: Mood, start: int, degree: int, rhythm: str, contour: tuple[int, ...], gain: float
) -> list[Note]:
    base = LEAD_BASE + 12 * mood.lead_octave
    root = degree if degree < 4 else degree - 7
    return [
        _play(
            spec,
            timbre,
            _key(root + contour[index % len(contour)], base),
            start,
            step,
            length,
            1.0 if mood.staccato > 0.8 else 0.8,
            gain * accent,
        )
        for index, (step, length, accent) in enumerate(_hits(rhythm))
    ]


def _chords(spec: ClipSpec, timbre: str, mood: Mood, start: int, degree: int, pattern: str, gain: float) -> list[Note]:
    base = CHORD_BASE + 12 * mood.chord_octave
    root = degree if degree < 3 else degree - 7
    tones = [_key(root + step, base) for step in (0, 2, 4)]
    if timbre == "distorted_guitar":
        tones = [_key(root, base), _key(root + 4, base)]
    shape = CHORD_PATTERNS[pattern]
    if shape in ("arpeggio", "alberti"):
        order = (0, 1, 2, 1) if shape == "arpeggio" else (0, 2, 1, 2)
        return [
            _play(spec, timbre, tones[order[index % 4] % len(tones)], start, 2 * index, 2, 1.0, 1.2 * gain)
            for index in range(8)
        ]
    return [
        _play(spec, timbre, tone, start, step, length, mood.staccato if length <= 4 else 1.0, gain * accent)
        for step, length, accent in _hits(shape)
        for tone in tones
    ]


def _bass(spec: ClipSpec, timbre: str, start: int, degree: int, pattern: str, gain: float) -> list[Note]:
    root = degree if degree < 5 else degree - 7
    walk = (0, 2, 4, 2) if pattern == "walking" else (0,)
    return [
        _play(spec, timbre, _key(root + walk[index % len(walk)], 36), start, step, min(length, 8), 0.9, gain)
        for index, (step, length, _) in enumerate(_hits(BASS_PATTERNS[pattern]))
    ]


def _drums(spec: ClipSpec, start: int, pattern: str, mood: Mood, gain: float) -> list[Note]:
    loudness = {"kick": 1.0, "snare": 0.8, "clap": 0.7, "tom": 0.7, "rim": 0.5, "crash": 0.4}
    voices = dict(DRUM_PATTERNS[pattern])
    if mood.name == "energetic" and "hat" in voices:
        voices["hat"] = "x.x.x.x.x.x.x.x." if voices["hat"].count("x") < 8 else voices["hat"]
    kit = KIT_BY_NAME[spec.kit]
    return [
        Note(f"{kit.name}/{voice}", _step_frame(spec, start, step), 0, gain * accent * loudness.get(voice, 0.35))
        for voice, steps in voices.items()
        for step, _, accent in _hits(steps)
    ]
