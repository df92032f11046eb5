"""What a new studio asks about, and the words it offers: criteria and tags to start with."""

from __future__ import annotations

CRITERIA: tuple[tuple[str, str, str, str, str], ...] = (
    ("overall", "Overall", "How much do you like it?", "not at all", "very much"),
    ("musicality", "Musicality", "How musical is it?", "not musical", "very musical"),
    ("coherence", "Coherence", "Does it hang together from start to end?", "falls apart", "all of a piece"),
    (
        "emotional_alignment",
        "Emotional alignment",
        "Does it feel as the prompt asks?",
        "wrong feeling",
        "right feeling",
    ),
    ("prompt_adherence", "Prompt adherence", "Does it have what the prompt asks for?", "ignores it", "follows it"),
    ("audio_quality", "Audio quality", "How clean is the sound?", "broken", "clean"),
    ("melody", "Melody", "How good is the melody?", "poor", "excellent"),
    ("rhythm", "Rhythm", "How good is the rhythm?", "poor", "excellent"),
    ("harmony", "Harmony", "How good is the harmony?", "poor", "excellent"),
    ("creativity", "Creativity", "How fresh are the ideas?", "stale", "fresh"),
)
"""Slug, name, question, what 1 means, what 5 means; in the order of the panel."""

GOOD_TAGS: tuple[str, ...] = (
    "good_melody",
    "good_rhythm",
    "good_harmony",
    "creative",
    "coherent",
    "high_quality",
    "matches_prompt",
    "natural_sound",
    "unique",
    "catchy",
    "professional",
    "polished",
    "emotional",
    "energetic",
    "groovy",
    "good_mix",
    "strong_intro",
)
BAD_TAGS: tuple[str, ...] = (
    "bad_melody",
    "bad_rhythm",
    "noisy",
    "distorted",
    "off_key",
    "off_beat",
    "repetitive",
    "boring",
    "mismatch_prompt",
    "artifacts",
    "muddy",
    "harsh",
    "amateur",
    "abrupt_end",
    "clipping",
    "too_busy",
    "thin",
    "silent_gap",
)
FIRST_TAGS: tuple[str, ...] = (
    *("catchy", "groovy", "creative", "good_melody", "good_rhythm", "matches_prompt"),
    *("boring", "noisy", "repetitive", "off_key", "muddy", "mismatch_prompt"),
)
"""Those a rater is offered first while nobody has used any."""
