"""The sounds the corpus is made of, and the words people use for them.

A *timbre* is one General MIDI program; many words of the studio's vocabulary share one, because a model of this
size learns twenty sounds well and eighty badly. `SLUG_TIMBRE` says which vocabulary instrument is played by which.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timbre:
    """A pitched sound: General MIDI `program` (from 0), MIDI range, and the words that name it.

    `slugs` are instruments of the studio's vocabulary, `words` are everyday names. `sustained` sounds hold their level
    and suit pads; the others decay.
    """

    name: str
    program: int
    low: int
    high: int
    sustained: bool
    slugs: tuple[str, ...]
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DrumKit:
    """Unpitched voices: `voices` maps a voice name to (MIDI channel program, MIDI key, seconds kept)."""

    name: str
    voices: dict[str, tuple[int, int, float]]
    slugs: tuple[str, ...]
    words: tuple[str, ...]


def _timbre(name: str, program: int, span: tuple[int, int], held: bool, slugs: str, *words: str) -> Timbre:
    return Timbre(name, program, span[0], span[1], held, tuple(slugs.split()), words)


TIMBRES: tuple[Timbre, ...] = (
    _timbre("piano", 0, (33, 88), False, "acoustic-piano", "piano", "grand piano", "keys"),
    _timbre("electric_piano", 4, (40, 88), False, "electric-piano clavinet fm-synth", "rhodes", "soft keys"),
    _timbre("organ", 16, (40, 84), True, "organ accordion harmonica", "hammond organ", "church organ"),
    _timbre(
        "mallets",
        11,
        (53, 88),
        False,
        "celesta vibraphone marimba kalimba steel-drums",
        "bells",
        "music box",
        "mallets",
        "glockenspiel",
        "xylophone",
    ),
    _timbre(
        "acoustic_guitar",
        25,
        (40, 84),
        False,
        "acoustic-guitar nylon-guitar banjo mandolin ukulele",
        "strummed guitar",
        "fingerpicked guitar",
        "guitar",
    ),
    _timbre("clean_guitar", 27, (40, 84), False, "electric-guitar-clean", "electric guitar", "jazz guitar"),
    _timbre(
        "distorted_guitar",
        30,
        (40, 81),
        True,
        "electric-guitar-distorted",
        "distorted guitar",
        "heavy guitar",
        "overdriven guitar",
        "power chords",
    ),
    _timbre("bass", 33, (28, 55), False, "bass-guitar double-bass", "bass", "bass line", "upright bass"),
    _timbre(
        "synth_bass", 38, (28, 55), False, "synth-bass mono-synth-bass acid-bass", "deep bass", "sub bass", "bassline"
    ),
    _timbre("bowed", 42, (36, 84), True, "violin viola cello erhu", "fiddle", "bowed strings"),
    _timbre(
        "strings",
        48,
        (36, 88),
        True,
        "acoustic-strings-ensemble mellotron",
        "strings",
        "orchestra",
        "string section",
        "orchestral strings",
    ),
    _timbre("harp", 46, (40, 88), False, "harp harpsichord", "plucked harp"),
    _timbre("koto", 107, (45, 84), False, "koto guzheng sitar shamisen oud", "plucked strings", "zither"),
    _timbre("brass", 61, (40, 81), True, "trumpet trombone french-horn tuba", "brass", "horns", "fanfare"),
    _timbre("saxophone", 66, (45, 81), True, "saxophone", "sax", "tenor sax", "smoky sax"),
    _timbre(
        "woodwind", 73, (53, 88), True, "flute piccolo recorder clarinet oboe bassoon", "woodwinds", "whistle", "pipe"
    ),
    _timbre(
        "synth_lead",
        81,
        (45, 88),
        True,
        "analog-synth-lead digital-synth chiptune-synth arpeggiator-synth pluck-synth",
        "synth",
        "synth lead",
        "arpeggio",
        "chiptune",
        "synthesizer",
    ),
    _timbre(
        "synth_pad",
        89,
        (40, 84),
        True,
        "analog-synth-pad poly-synth drone riser",
        "synth pad",
        "pads",
        "warm pad",
        "soundscape",
    ),
    _timbre("choir", 52, (43, 84), True, "choir vocal-pad vocal-chops vocoder", "voices", "vocals", "singing"),
)

_STANDARD = 0
_TR808 = 25

DRUM_KITS: tuple[DrumKit, ...] = (
    DrumKit(
        "acoustic_kit",
        {
            "kick": (_STANDARD, 36, 0.3),
            "snare": (_STANDARD, 38, 0.3),
            "hat": (_STANDARD, 42, 0.12),
            "open": (_STANDARD, 46, 0.3),
            "ride": (_STANDARD, 51, 0.4),
            "rim": (_STANDARD, 37, 0.15),
            "tom": (_STANDARD, 45, 0.4),
            "crash": (_STANDARD, 49, 1.2),
            "shaker": (_STANDARD, 82, 0.12),
            "clap": (_STANDARD, 39, 0.25),
        },
        (
            "acoustic-drum-kit",
            "lofi-drum-kit",
            "kick-drum",
            "snare-drum",
            "hi-hat",
            "cymbals",
            "toms",
            "tambourine",
            "shaker",
        ),
        ("drums", "drum kit", "live drums", "brushed drums"),
    ),
    DrumKit(
        "electronic_kit",
        {
            "kick": (_TR808, 36, 0.35),
            "snare": (_TR808, 38, 0.25),
            "hat": (_TR808, 42, 0.1),
            "open": (_TR808, 46, 0.25),
            "ride": (_TR808, 46, 0.25),
            "rim": (_TR808, 37, 0.12),
            "tom": (_TR808, 45, 0.35),
            "crash": (_TR808, 49, 1.0),
            "shaker": (_TR808, 82, 0.12),
            "clap": (_TR808, 39, 0.25),
        },
        ("electronic-drum-kit", "808-drums", "909-drums", "hand-claps"),
        ("drum machine", "beat", "beats", "electronic drums", "claps"),
    ),
    DrumKit(
        "hand_percussion",
        {
            "kick": (_STANDARD, 64, 0.35),
            "snare": (_STANDARD, 63, 0.3),
            "hat": (_STANDARD, 82, 0.12),
            "open": (_STANDARD, 54, 0.2),
            "ride": (_STANDARD, 82, 0.12),
            "rim": (_STANDARD, 75, 0.12),
            "tom": (_STANDARD, 61, 0.3),
            "crash": (_STANDARD, 54, 0.3),
            "shaker": (_STANDARD, 82, 0.12),
            "clap": (_STANDARD, 60, 0.25),
        },
        ("congas", "tabla", "djembe"),
        ("percussion", "bongos", "hand drums"),
    ),
    DrumKit(
        "taiko",
        {
            "kick": (_STANDARD, 41, 0.6),
            "snare": (_STANDARD, 45, 0.4),
            "hat": (_STANDARD, 37, 0.12),
            "open": (_STANDARD, 49, 0.8),
            "ride": (_STANDARD, 37, 0.12),
            "rim": (_STANDARD, 37, 0.12),
            "tom": (_STANDARD, 43, 0.5),
            "crash": (_STANDARD, 49, 1.2),
            "shaker": (_STANDARD, 37, 0.12),
            "clap": (_STANDARD, 45, 0.4),
        },
        ("taiko-drums",),
        ("taikos", "timpani", "war drums", "big drums"),
    ),
)

TEXTURE_SLUGS = ("breath-fx", "vinyl-noise", "tape-saturation", "ambient-noise", "field-recording", "rain")
TEXTURE_WORDS = ("noise", "crackle", "vinyl crackle", "hiss", "rainfall", "wind")

TIMBRE_BY_NAME: dict[str, Timbre] = {timbre.name: timbre for timbre in TIMBRES}
KIT_BY_NAME: dict[str, DrumKit] = {kit.name: kit for kit in DRUM_KITS}

SLUG_TIMBRE: dict[str, str] = {
    **{slug: timbre.name for timbre in TIMBRES for slug in timbre.slugs},
    **{slug: kit.name for kit in DRUM_KITS for slug in kit.slugs},
    **dict.fromkeys(TEXTURE_SLUGS, "texture"),
}
"""Instrument slug of the studio's vocabulary -> the timbre or drum kit that plays it."""
