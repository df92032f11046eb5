"""The suite a new studio tests its adapters on until a curator chooses another: every style and mood, slow to fast."""

from __future__ import annotations

from django.db import transaction

from prompts.models import PromptSuite
from prompts.services import create_prompt, create_suite, freeze_suite

NAME = "Starter suite"
DESCRIPTION = "Made by the studio, to compare new adapters with what they go on from."

PROMPTS: tuple[tuple[str, str, str, int, tuple[str, ...]], ...] = (
    ("A bright riff that keeps coming back", "electronic", "energetic", 125, ("analog-synth-lead", "909-drums")),
    ("A slow dance for a large hall", "classical", "dramatic", 75, ("acoustic-strings-ensemble", "cello")),
    ("Late night, the last guests stay", "jazz", "romantic", 94, ("acoustic-piano", "double-bass")),
    ("Driving chords with a hook", "rock", "aggressive", 150, ("electric-guitar-distorted", "acoustic-drum-kit")),
    ("Fog over still water", "ambient", "peaceful", 68, ("analog-synth-pad", "drone")),
    ("A beat to walk to", "hip-hop", "dark", 83, ("808-drums", "electric-piano")),
    ("A chorus you know at once", "pop", "happy", 107, ("acoustic-guitar", "synth-bass")),
    ("Rain on the window, homework undone", "lo-fi", "nostalgic", 75, ("electric-piano", "lofi-drum-kit")),
    ("The army reaches the gate", "cinematic", "epic", 94, ("taiko-drums", "french-horn")),
    ("A song from the hills", "folk", "hopeful", 107, ("banjo", "violin")),
    ("Fast and heavy, then a sudden stop", "metal", "tense", 150, ("electric-guitar-distorted", "bass-guitar")),
    ("Velvet chords, unhurried", "r-and-b", "dreamy", 68, ("electric-piano", "vocal-pad")),
    ("A bass line that will not sit still", "funk", "playful", 107, ("bass-guitar", "clavinet")),
    ("Twelve bars of bad luck", "blues", "melancholic", 83, ("electric-guitar-clean", "harmonica")),
    ("An open road at noon", "country", "uplifting", 125, ("acoustic-guitar", "mandolin")),
    ("Hands in the air", "house", "uplifting", 125, ("909-drums", "poly-synth")),
    ("A machine that breathes", "techno", "mysterious", 125, ("acid-bass", "909-drums")),
    ("Broken beats at full speed", "drum-and-bass", "energetic", 150, ("electronic-drum-kit", "synth-bass")),
    ("Neon lights on a wet street", "synthwave", "nostalgic", 94, ("arpeggiator-synth", "analog-synth-lead")),
    ("A lazy afternoon off the beat", "reggae", "peaceful", 75, ("organ", "bass-guitar")),
    ("A square full of dancers", "latin", "happy", 107, ("congas", "trumpet")),
    ("A caravan at dusk", "world", "mysterious", 83, ("oud", "tabla")),
    ("A lullaby on small bells", "classical", "dreamy", 62, ("celesta", "harp")),
    ("Footsteps behind the door", "cinematic", "dark", 68, ("cello", "drone")),
)
"""Text, style, mood, tempo in BPM, instruments."""


def starter_suite() -> PromptSuite:
    """The frozen starter suite, made when it is first asked for."""
    with transaction.atomic():
        suite = PromptSuite.objects.filter(name=NAME).first()
        if suite is None:
            prompts = [
                create_prompt(
                    actor=None, text=text, style=style, mood=mood, tempo=tempo, primary_instruments=instruments
                )
                for text, style, mood, tempo, instruments in PROMPTS
            ]
            ids = [prompt.pk for prompt in prompts]
            suite = create_suite(actor=None, name=NAME, description=DESCRIPTION, prompt_ids=ids)
        if not suite.is_frozen:
            suite = freeze_suite(actor=None, suite=suite)
    return suite
