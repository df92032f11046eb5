"""Checks of a prompt's attributes against the vocabulary. Pages, API, admin and commands all use these."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.core.exceptions import ValidationError

from prompts.vocabulary import (
    INSTRUMENT_BY_SLUG,
    MAX_TEMPO,
    MAX_TEXT_LENGTH,
    MIN_TEMPO,
    MOOD_BY_SLUG,
    STYLE_BY_SLUG,
    Term,
)


def validate_text(value: str) -> None:
    """Refuse text that is blank or longer than the limit once trimmed."""
    length = len(value.strip())
    if length == 0:
        raise ValidationError(
            f"Write what you want to hear, in 1 to {MAX_TEXT_LENGTH} characters.", code="blank"
        )
    if length > MAX_TEXT_LENGTH:
        raise ValidationError(
            f"The text has {length} characters; at most {MAX_TEXT_LENGTH} are allowed.", code="max_length"
        )


def validate_style(value: str) -> None:
    _validate_term(value, STYLE_BY_SLUG, "style")


def validate_mood(value: str) -> None:
    _validate_term(value, MOOD_BY_SLUG, "mood")


def validate_tempo(value: int) -> None:
    if not MIN_TEMPO <= value <= MAX_TEMPO:
        raise ValidationError(
            f"Tempo must be a whole number from {MIN_TEMPO} to {MAX_TEMPO} BPM, not {value}.", code="out_of_range"
        )


def validate_instruments(value: object) -> None:
    """Refuse anything but a list of known, distinct instrument slugs; every unknown one is named."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValidationError("Instruments must be a list of names.", code="not_a_list")
    unknown = [item for item in value if item not in INSTRUMENT_BY_SLUG]
    if unknown:
        noun = "instrument" if len(unknown) == 1 else "instruments"
        raise ValidationError(f"Unknown {noun}: {', '.join(unknown)}.", code="unknown")
    if len(set(value)) != len(value):
        raise ValidationError("Each instrument can be named once.", code="duplicate")


def validate_roles(primary: Iterable[str], secondary: Iterable[str]) -> None:
    """An instrument is either primary or secondary."""
    both = sorted(set(primary) & set(secondary))
    if both:
        names = ", ".join(INSTRUMENT_BY_SLUG[slug].label for slug in both)
        raise ValidationError(f"Primary and secondary at once: {names}. Choose one role.", code="both_roles")


def _validate_term(value: str, known: Mapping[str, Term], kind: str) -> None:
    if value not in known:
        raise ValidationError(f"Unknown {kind}: {value}. Known: {', '.join(known)}.", code="unknown")
