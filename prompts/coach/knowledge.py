"""What the prompt coach knows: what each style usually sounds like, and what words in a text hint at.

Pure data. Every slug is one of `prompts.wording.vocabulary`; a test keeps it so.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StyleProfile:
    """What is typical of a style: tempo in BPM, moods and instruments, the most typical first."""

    tempo: int
    moods: tuple[str, ...]
    instruments: tuple[str, ...]


def _profile(tempo: int, moods: str, instruments: str) -> StyleProfile:
    return StyleProfile(tempo, tuple(moods.split()), tuple(instruments.split()))


STYLE_PROFILES: dict[str, StyleProfile] = {
    "electronic": _profile(124, "energetic uplifting", "analog-synth-lead 909-drums arpeggiator-synth"),
    "classical": _profile(84, "dramatic melancholic", "acoustic-strings-ensemble acoustic-piano cello"),
    "jazz": _profile(110, "romantic playful", "acoustic-piano double-bass saxophone"),
    "rock": _profile(126, "energetic aggressive", "electric-guitar-distorted bass-guitar acoustic-drum-kit"),
    "ambient": _profile(66, "peaceful dreamy", "analog-synth-pad drone acoustic-piano"),
    "hip-hop": _profile(90, "dark nostalgic", "808-drums electric-piano synth-bass"),
    "pop": _profile(116, "uplifting happy", "acoustic-drum-kit poly-synth electric-guitar-clean"),
    "lo-fi": _profile(78, "nostalgic peaceful", "electric-piano lofi-drum-kit vinyl-noise"),
    "cinematic": _profile(88, "epic dramatic", "acoustic-strings-ensemble french-horn taiko-drums"),
    "folk": _profile(100, "hopeful nostalgic", "acoustic-guitar violin mandolin"),
    "metal": _profile(150, "aggressive dark", "electric-guitar-distorted acoustic-drum-kit bass-guitar"),
    "r-and-b": _profile(82, "romantic dreamy", "electric-piano 808-drums synth-bass"),
    "funk": _profile(108, "playful energetic", "bass-guitar clavinet electric-guitar-clean"),
    "blues": _profile(86, "melancholic nostalgic", "electric-guitar-clean harmonica organ"),
    "country": _profile(112, "hopeful happy", "acoustic-guitar banjo violin"),
    "house": _profile(124, "uplifting energetic", "909-drums electric-piano synth-bass"),
    "techno": _profile(132, "dark tense", "909-drums mono-synth-bass analog-synth-lead"),
    "drum-and-bass": _profile(174, "energetic dark", "electronic-drum-kit synth-bass analog-synth-pad"),
    "synthwave": _profile(104, "nostalgic dreamy", "analog-synth-lead arpeggiator-synth electronic-drum-kit"),
    "reggae": _profile(76, "happy peaceful", "bass-guitar organ acoustic-drum-kit"),
    "latin": _profile(104, "playful romantic", "nylon-guitar congas trumpet"),
    "world": _profile(96, "hopeful mysterious", "djembe sitar kalimba"),
}

# Moods that a mood-less, style-less prompt may be offered, and a tempo that suits each mood.
MOOD_TEMPOS: dict[str, int] = {
    "energetic": 128,
    "melancholic": 72,
    "peaceful": 70,
    "dramatic": 90,
    "uplifting": 118,
    "dark": 88,
    "happy": 116,
    "romantic": 80,
    "tense": 110,
    "mysterious": 84,
    "nostalgic": 86,
    "epic": 92,
    "playful": 120,
    "dreamy": 76,
    "aggressive": 144,
    "hopeful": 100,
}


def _hints(lines: str) -> dict[str, str]:
    """`slug: words, or phrases` lines as word -> slug."""
    pairs = (line.split(":") for line in lines.strip().splitlines())
    return {word.strip(): slug.strip() for slug, words in pairs for word in words.split(",")}


# Beside the vocabulary's own spoken words, which are always hints.
STYLE_WORDS: dict[str, str] = _hints(
    """
    electronic: edm, electronica, electro, trance, dubstep
    classical: orchestra, orchestral, symphony, sonata, baroque, string quartet, waltz
    jazz: jazzy, swing, bebop, bossa nova
    rock: grunge, punk, indie rock
    ambient: soundscape, atmospheric, meditation
    hip-hop: hip hop, hiphop, rap, trap, boom bap
    pop: poppy, radio hit
    lo-fi: lofi, lo fi, chillhop, study beats
    cinematic: film score, soundtrack, movie, trailer
    folk: folky, singer-songwriter, campfire
    metal: heavy metal, thrash
    r-and-b: rnb, r and b, soul, neo-soul
    funk: funky, groove, disco
    blues: bluesy
    country: bluegrass, western, nashville
    house: deep house
    techno: rave, warehouse
    drum-and-bass: dnb, jungle, drum & bass
    synthwave: retrowave, outrun, 80s
    reggae: dub, ska
    latin: salsa, samba, tango, flamenco, mariachi
    world: african, indian, celtic, balkan, traditional
    """
)

MOOD_WORDS: dict[str, str] = _hints(
    """
    energetic: energy, driving, powerful, workout, upbeat, lively, dance
    melancholic: sad, melancholy, sorrow, sorrowful, lonely, rainy, heartbreak
    peaceful: calm, calming, relaxing, relaxed, serene, gentle, quiet, soft, sleep, chill
    dramatic: drama, intense, stormy
    uplifting: inspiring, inspirational, bright, triumphant
    dark: gloomy, ominous, sinister, brooding
    happy: cheerful, joyful, joy, sunny, summer
    romantic: love, tender, intimate, candlelight
    tense: suspense, suspenseful, nervous, chase
    mysterious: mystery, eerie, haunting, enigmatic
    nostalgic: nostalgia, memories, childhood, vintage, retro
    epic: heroic, battle, majestic, grand
    playful: funny, quirky, whimsical, bouncy
    dreamy: dream, ethereal, floating, hazy
    aggressive: angry, furious, brutal, heavy
    hopeful: hope, sunrise, dawn, optimistic
    """
)

INSTRUMENT_WORDS: dict[str, str] = _hints(
    """
    acoustic-piano: piano, grand piano
    electric-piano: rhodes, wurlitzer
    acoustic-guitar: guitar, strumming
    electric-guitar-distorted: electric guitar, distorted guitar, power chords, riff
    nylon-guitar: classical guitar, spanish guitar
    bass-guitar: bassline, bass line
    double-bass: upright bass, contrabass
    violin: fiddle
    acoustic-strings-ensemble: strings, string section, string ensemble
    acoustic-drum-kit: drums, drum kit, brushes
    808-drums: 808, 808s
    909-drums: 909, four on the floor
    lofi-drum-kit: dusty drums, lofi drums
    electronic-drum-kit: drum machine, breakbeat
    hand-claps: claps, clapping
    saxophone: sax
    french-horn: horn, horns
    trumpet: brass
    flute: woodwind
    analog-synth-pad: pad, pads, synth pad, synthesizer, synth
    analog-synth-lead: synth lead, lead synth
    arpeggiator-synth: arpeggio, arpeggios, arpeggiated, arpeggiator
    acid-bass: acid, 303
    chiptune-synth: chiptune, 8-bit, 8 bit
    choir: choral, voices
    vinyl-noise: vinyl, crackle, record noise
    field-recording: birdsong, birds, nature sounds
    rain: raindrops, rainfall
    taiko-drums: taiko
    steel-drums: steel drum, steelpan
    """
)

TEMPO_WORDS: dict[str, int] = {
    "very slow": 56,
    "largo": 50,
    "adagio": 70,
    "slow": 72,
    "ballad": 74,
    "andante": 90,
    "mid-tempo": 100,
    "midtempo": 100,
    "moderate": 108,
    "walking": 100,
    "allegro": 132,
    "fast": 144,
    "uptempo": 140,
    "presto": 176,
    "very fast": 170,
}
