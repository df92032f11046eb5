"""What a new studio asks about, and the words it offers: criteria and tags to start with."""

from __future__ import annotations

from django.utils.translation import gettext_noop, pgettext, pgettext_lazy

CRITERIA: tuple[tuple[str, str, str, str, str], ...] = (
    (
        "overall",
        gettext_noop("Overall"),
        gettext_noop("How much do you like it?"),
        gettext_noop("not at all"),
        gettext_noop("very much"),
    ),
    (
        "musicality",
        gettext_noop("Musicality"),
        gettext_noop("How musical is it?"),
        gettext_noop("not musical"),
        gettext_noop("very musical"),
    ),
    (
        "coherence",
        gettext_noop("Coherence"),
        gettext_noop("Does it hang together from start to end?"),
        gettext_noop("falls apart"),
        gettext_noop("all of a piece"),
    ),
    (
        "emotional_alignment",
        gettext_noop("Emotional alignment"),
        gettext_noop("Does it feel as the prompt asks?"),
        gettext_noop("wrong feeling"),
        gettext_noop("right feeling"),
    ),
    (
        "prompt_adherence",
        gettext_noop("Prompt adherence"),
        gettext_noop("Does it have what the prompt asks for?"),
        gettext_noop("ignores it"),
        gettext_noop("follows it"),
    ),
    (
        "audio_quality",
        gettext_noop("Audio quality"),
        gettext_noop("How clean is the sound?"),
        gettext_noop("broken"),
        gettext_noop("clean"),
    ),
    (
        "melody",
        gettext_noop("Melody"),
        gettext_noop("How good is the melody?"),
        gettext_noop("poor"),
        gettext_noop("excellent"),
    ),
    (
        "rhythm",
        gettext_noop("Rhythm"),
        gettext_noop("How good is the rhythm?"),
        gettext_noop("poor"),
        gettext_noop("excellent"),
    ),
    (
        "harmony",
        gettext_noop("Harmony"),
        gettext_noop("How good is the harmony?"),
        gettext_noop("poor"),
        gettext_noop("excellent"),
    ),
    (
        "creativity",
        gettext_noop("Creativity"),
        gettext_noop("How fresh are the ideas?"),
        gettext_noop("stale"),
        gettext_noop("fresh"),
    ),
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
SPOKEN_TAGS = (
    pgettext_lazy("tag", "good melody"),
    pgettext_lazy("tag", "good rhythm"),
    pgettext_lazy("tag", "good harmony"),
    pgettext_lazy("tag", "creative"),
    pgettext_lazy("tag", "coherent"),
    pgettext_lazy("tag", "high quality"),
    pgettext_lazy("tag", "matches prompt"),
    pgettext_lazy("tag", "natural sound"),
    pgettext_lazy("tag", "unique"),
    pgettext_lazy("tag", "catchy"),
    pgettext_lazy("tag", "professional"),
    pgettext_lazy("tag", "polished"),
    pgettext_lazy("tag", "emotional"),
    pgettext_lazy("tag", "energetic"),
    pgettext_lazy("tag", "groovy"),
    pgettext_lazy("tag", "good mix"),
    pgettext_lazy("tag", "strong intro"),
    pgettext_lazy("tag", "bad melody"),
    pgettext_lazy("tag", "bad rhythm"),
    pgettext_lazy("tag", "noisy"),
    pgettext_lazy("tag", "distorted"),
    pgettext_lazy("tag", "off key"),
    pgettext_lazy("tag", "off beat"),
    pgettext_lazy("tag", "repetitive"),
    pgettext_lazy("tag", "boring"),
    pgettext_lazy("tag", "mismatch prompt"),
    pgettext_lazy("tag", "artifacts"),
    pgettext_lazy("tag", "muddy"),
    pgettext_lazy("tag", "harsh"),
    pgettext_lazy("tag", "amateur"),
    pgettext_lazy("tag", "abrupt end"),
    pgettext_lazy("tag", "clipping"),
    pgettext_lazy("tag", "too busy"),
    pgettext_lazy("tag", "thin"),
    pgettext_lazy("tag", "silent gap"),
)
"""Good and bad ones as they are read, for translation (`make messages`)."""


def spoken(name: str) -> str:
    """A tag as it is read: the studio's own in the reader's language, those that raters brought as they wrote them."""
    return pgettext("tag", name.replace("_", " "))


def stored_name(words: str) -> str:
    """What a tag that is read as `words` is called in the vocabulary; `words` where no tag of the studio is."""
    names = {spoken(name).casefold(): name for name in (*GOOD_TAGS, *BAD_TAGS)}
    return names.get(" ".join(words.split()).casefold(), words)
