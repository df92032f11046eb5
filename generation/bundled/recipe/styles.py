"""Musical tables: the studio's styles and moods as patterns a composer can play.

Rhythms are strings of sixteen steps per 4/4 bar (`x` plays, `X` plays with an accent, `.` rests).
"""

from __future__ import annotations

from dataclasses import dataclass

FAMILIES = ("electronic", "rock", "jazz", "classical", "ambient", "hip-hop", "pop", "latin")
"""The eight style families a listener (and the evaluation's classifier) tells apart."""

MOOD_FAMILIES = ("energetic", "happy", "peaceful", "melancholic", "dark", "dramatic")

DRUM_PATTERNS: dict[str, dict[str, str]] = {
    "four_on_floor": {"kick": "X...X...X...X...", "open": "..x...x...x...x.", "clap": "....x.......x..."},
    "techno": {"kick": "X...X...X...X...", "hat": "x.x.x.x.x.x.x.x.", "rim": "...x......x....."},
    "breakbeat": {"kick": "X.........X.....", "snare": "....X.......X...", "hat": "x.x.x.x.x.x.x.x."},
    "synthwave": {"kick": "X...X...X...X...", "snare": "....X.......X...", "hat": "x.x.x.x.x.x.x.x."},
    "backbeat": {"kick": "X.......X.x.....", "snare": "....X.......X...", "hat": "x.x.x.x.x.x.x.x."},
    "metal": {"kick": "X.x.X.x.X.x.X.x.", "snare": "....X.......X...", "ride": "x...x...x...x..."},
    "swing": {"ride": "x...x.x.x...x.x.", "hat": "....x.......x...", "kick": "x.......x......."},
    "shuffle": {"kick": "X.......X.......", "snare": "....X.......X...", "ride": "x...x.x.x...x.x."},
    "boom_bap": {"kick": "X.....x...X.....", "snare": "....X.......X...", "hat": "x...x...x...x..."},
    "lo_fi": {"kick": "X.........x.....", "rim": "....x.......x...", "hat": "x...x...x...x..."},
    "pop": {"kick": "X...X...X...X...", "clap": "....X.......X...", "shaker": "x.x.x.x.x.x.x.x."},
    "funk": {"kick": "X..x..x...x.....", "snare": "....X.......X...", "hat": "xxxxxxxxxxxxxxxx"},
    "train": {"kick": "x...x...x...x...", "snare": "..x...x...x...x."},
    "one_drop": {"kick": "........X.......", "rim": "........X.......", "hat": "x.x.x.x.x.x.x.x."},
    "clave": {"rim": "x..x..x...x.x...", "tom": "..x...xx..x...xx", "shaker": "x.x.x.x.x.x.x.x."},
    "hand_drums": {"kick": "X.....x.X.......", "snare": "...x..x....x..x.", "shaker": "x.x.x.x.x.x.x.x."},
    "epic": {"kick": "X.....X.X.....X.", "tom": "....x.......x.xx"},
    "light": {"rim": "....x.......x...", "shaker": "x...x...x...x..."},
}

CHORD_PATTERNS: dict[str, str] = {
    "sustain": "X...............",
    "beats": "x...x...x...x...",
    "eighths": "x.x.x.x.x.x.x.x.",
    "offbeat": "..x...x...x...x.",
    "skank": "....x.......x...",
    "charleston": "x.....x.........",
    "stabs": "x.....x.....x...",
    "strum": "X...x.x...x.x.x.",
    "arpeggio": "arpeggio",
    "alberti": "alberti",
}

BASS_PATTERNS: dict[str, str] = {
    "whole": "X...............",
    "halves": "X.......X.......",
    "walking": "x...x...x...x...",
    "eighths": "x.x.x.x.x.x.x.x.",
    "offbeat": "..x...x...x...x.",
    "boom": "X.....x...x.....",
    "tumbao": "......x.....x...",
    "syncopated": "X..x..x.........",
}


@dataclass(frozen=True, slots=True)
class Style:
    """How one style is played: its family, usual tempi (BPM) and what each role may play on what."""

    slug: str
    family: str
    tempo: tuple[int, int]
    leads: tuple[str, ...]
    chords: tuple[str, ...]
    basses: tuple[str, ...]
    kits: tuple[str, ...]
    drums: tuple[str, ...]
    chord_patterns: tuple[str, ...]
    bass_patterns: tuple[str, ...]
    drum_chance: float
    synonyms: tuple[str, ...]


def _style(
    slug: str, family: str, tempo: tuple[int, int], leads: str, chords: str, bass: str, kit: str, drums: str,
    chord_patterns: str, bass_patterns: str, drum_chance: float, *synonyms: str,
) -> Style:
    return Style(
        slug, family, tempo, tuple(leads.split()), tuple(chords.split()), tuple(bass.split()), tuple(kit.split()),
        tuple(drums.split()), tuple(chord_patterns.split()), tuple(bass_patterns.split()), drum_chance, synonyms,
    )


STYLES: tuple[Style, ...] = (
    _style("electronic", "electronic", (105, 150), "synth_lead", "synth_pad synth_lead", "synth_bass",
           "electronic_kit", "four_on_floor techno", "stabs eighths", "offbeat eighths", 0.95, "edm", "dance", "club"),
    _style("house", "electronic", (110, 130), "synth_lead electric_piano", "piano electric_piano synth_pad",
           "synth_bass", "electronic_kit", "four_on_floor", "stabs", "offbeat", 1.0, "deep house", "disco"),
    _style("techno", "electronic", (120, 150), "synth_lead", "synth_lead synth_pad", "synth_bass", "electronic_kit",
           "techno", "stabs eighths", "eighths offbeat", 1.0, "rave", "trance"),
    _style("drum-and-bass", "electronic", (135, 190), "synth_lead", "synth_pad", "synth_bass", "electronic_kit",
           "breakbeat", "stabs", "syncopated halves", 1.0, "dnb", "jungle", "breakbeat"),
    _style("synthwave", "electronic", (83, 125), "synth_lead", "synth_pad synth_lead", "synth_bass", "electronic_kit",
           "synthwave", "eighths", "eighths", 0.95, "retrowave", "eighties"),
    _style("rock", "rock", (94, 150), "distorted_guitar clean_guitar organ", "distorted_guitar clean_guitar", "bass",
           "acoustic_kit", "backbeat", "eighths strum", "eighths", 0.95, "rock and roll", "indie", "punk", "grunge"),
    _style("metal", "rock", (110, 190), "distorted_guitar", "distorted_guitar", "bass", "acoustic_kit", "metal",
           "eighths", "eighths", 1.0, "heavy metal", "hard rock"),
    _style("jazz", "jazz", (88, 170), "saxophone piano brass clean_guitar", "piano clean_guitar electric_piano", "bass",
           "acoustic_kit", "swing", "charleston", "walking", 0.85, "swing", "bebop", "jazzy", "bossa"),
    _style("blues", "jazz", (68, 110), "clean_guitar saxophone organ", "piano organ clean_guitar", "bass",
           "acoustic_kit", "shuffle", "charleston beats", "walking", 0.85, "bluesy", "slow blues"),
    _style("classical", "classical", (62, 125), "piano bowed woodwind strings harp", "piano strings harp", "bowed",
           "acoustic_kit", "light", "alberti", "halves", 0.0, "baroque", "chamber music", "orchestral", "waltz",
           "sonata"),
    _style("ambient", "ambient", (62, 88), "synth_pad choir woodwind mallets", "synth_pad choir strings", "synth_bass",
           "electronic_kit", "light", "sustain", "whole", 0.0, "atmospheric", "meditation", "soundscape", "drone",
           "relaxing"),
    _style("cinematic", "ambient", (62, 100), "strings brass choir", "strings choir synth_pad", "bowed",
           "taiko", "epic", "sustain", "whole halves", 0.3, "film score", "soundtrack", "trailer", "movie"),
    _style("hip-hop", "hip-hop", (75, 107), "electric_piano brass synth_lead", "electric_piano piano strings",
           "synth_bass bass", "electronic_kit acoustic_kit", "boom_bap", "beats stabs", "boom", 1.0, "rap", "trap",
           "boom bap"),
    _style("lo-fi", "hip-hop", (68, 88), "electric_piano mallets clean_guitar", "electric_piano clean_guitar piano",
           "bass", "acoustic_kit", "lo_fi", "beats", "boom", 0.95, "lofi", "chillhop", "study"),
    _style("r-and-b", "hip-hop", (68, 100), "electric_piano choir saxophone", "electric_piano organ", "bass synth_bass",
           "electronic_kit", "boom_bap lo_fi", "beats", "boom syncopated", 0.95, "soul", "neo soul", "rnb"),
    _style("pop", "pop", (100, 136), "piano synth_lead acoustic_guitar", "piano acoustic_guitar synth_pad",
           "bass synth_bass", "electronic_kit acoustic_kit", "pop", "strum beats", "halves eighths", 0.95, "radio",
           "catchy song", "chart"),
    _style("funk", "pop", (94, 125), "clean_guitar brass", "clean_guitar electric_piano", "bass", "acoustic_kit",
           "funk", "strum", "syncopated", 1.0, "funky", "groove"),
    _style("folk", "pop", (83, 125), "woodwind bowed acoustic_guitar", "acoustic_guitar", "bass", "acoustic_kit",
           "light train", "strum", "halves", 0.3, "acoustic", "campfire", "singer songwriter"),
    _style("country", "pop", (94, 136), "acoustic_guitar bowed", "acoustic_guitar", "bass", "acoustic_kit", "train",
           "strum", "halves", 0.8, "bluegrass", "western"),
    _style("reggae", "latin", (68, 94), "organ brass mallets", "clean_guitar organ", "bass", "acoustic_kit",
           "one_drop", "offbeat", "syncopated boom", 0.95, "dub", "ska"),
    _style("latin", "latin", (88, 125), "brass piano woodwind", "piano acoustic_guitar", "bass",
           "hand_percussion", "clave", "offbeat stabs", "tumbao", 0.95, "salsa", "samba", "cuban", "tango"),
    _style("world", "latin", (75, 115), "koto woodwind mallets", "koto harp", "bass", "hand_percussion", "hand_drums",
           "offbeat arpeggio", "tumbao halves", 0.9, "african", "ethnic", "tribal", "oriental", "indian"),
)
STYLE_BY_SLUG: dict[str, Style] = {style.slug: style for style in STYLES}


@dataclass(frozen=True, slots=True)
class Mood:
    """How a mood family sounds.

    `loops` are chord loops as scale degrees of C major (0 = C, 5 = A minor); `lead_octave` and `chord_octave` move the
    registers; `density` indexes the melody rhythms (0 sparse to 2 busy); `level` is a gain; `staccato` the share of a
    step that a note sounds; `tempo` bends the choice of tempo (-1 slow, 1 fast).
    """

    name: str
    slugs: tuple[str, ...]
    synonyms: tuple[str, ...]
    loops: tuple[tuple[int, ...], ...]
    lead_octave: int
    chord_octave: int
    density: int
    level: float
    staccato: float
    tempo: int


MOODS: tuple[Mood, ...] = (
    Mood("energetic", ("energetic", "aggressive"), ("powerful", "driving", "intense", "upbeat", "wild", "angry"),
         ((5, 5, 3, 4), (5, 3, 5, 4)), 0, 0, 2, 1.0, 0.5, 1),
    Mood("happy", ("happy", "uplifting", "playful", "hopeful"), ("joyful", "cheerful", "bright", "sunny", "fun"),
         ((0, 4, 5, 3), (0, 3, 4, 0)), 1, 0, 1, 0.9, 0.5, 1),
    Mood("peaceful", ("peaceful", "dreamy", "romantic"),
         ("calm", "gentle", "soft", "relaxed", "quiet", "chill", "tender"),
         ((0, 3), (0, 5, 3, 0)), 0, 0, 0, 0.55, 1.0, -1),
    Mood("melancholic", ("melancholic", "nostalgic"), ("sad", "lonely", "wistful", "sorrowful", "moody"),
         ((5, 1), (5, 3, 1, 5)), -1, 0, 0, 0.6, 1.0, -1),
    Mood("dark", ("dark", "mysterious", "tense"), ("scary", "ominous", "eerie", "sinister", "spooky"),
         ((2, 3), (2, 2, 3, 2)), -1, -1, 0, 0.8, 0.9, 0),
    Mood("dramatic", ("dramatic", "epic"), ("heroic", "grand", "majestic", "huge", "triumphant"),
         ((5, 3, 0, 4), (5, 4, 3, 4)), 0, -1, 1, 1.0, 0.9, 0),
)
MOOD_BY_NAME: dict[str, Mood] = {mood.name: mood for mood in MOODS}
MOOD_OF_SLUG: dict[str, str] = {slug: mood.name for mood in MOODS for slug in mood.slugs}

MELODY_RHYTHMS: tuple[tuple[str, ...], ...] = (
    ("X.......x.......", "X...........x...", "X.....x........."),
    ("X...x...x.x.....", "X.....x.x...x...", "X...x...x...x..."),
    ("X.x.x.x.x.x.x.x.", "X.x...x.X.x...x.", "X.xx..x.X.xx..x."),
)
"""Rhythms of melodies by density."""

MELODY_CONTOURS: tuple[tuple[int, ...], ...] = (
    (0, 2, 4, 2), (4, 2, 0, 2), (0, 1, 2, 4), (4, 3, 2, 0), (0, 4, 2, 4), (2, 0, 2, 4),
)
"""Scale steps above the chord's root, cycled through the notes of a bar."""
