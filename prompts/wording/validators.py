"""Checks of a prompt's attributes against the vocabulary. Pages, API, admin and commands all use these."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping

from django.core.exceptions import ValidationError
from django.utils.text import format_lazy
from django.utils.translation import gettext, gettext_lazy, ngettext

from prompts.wording.vocabulary import (
    INSTRUMENT_BY_SLUG,
    MAX_TEMPO,
    MAX_TEXT_LENGTH,
    MIN_TEMPO,
    MOOD_BY_SLUG,
    STYLE_BY_SLUG,
    Term,
)

BLANKS = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf", "Mn", "Me"})
"""Unicode's kinds of blanks, controls, invisible signs (zero-width ones too) and marks that need a letter."""
FILLERS = "\u115f\u1160\u3164\uffa0\u2800"
"""Letters and signs of Hangul and Braille that are blank."""
TEXT_MESSAGE = format_lazy(
    gettext_lazy("Write what you want to hear, in 1 to {most} characters."), most=MAX_TEXT_LENGTH
)
TEMPO_MESSAGE = format_lazy(
    gettext_lazy("Tempo must be a whole number from {low} to {high} BPM."), low=MIN_TEMPO, high=MAX_TEMPO
)


def is_blank(value: str) -> bool:
    """Whether nothing of a text can be seen: it is empty, or of blanks, lone marks and fillers of any script.

    The null character is no blank: it is refused in its own words.
    """
    return all(unicodedata.category(sign) in BLANKS or sign in FILLERS for sign in value) and "\x00" not in value


def normal_text(value: str) -> str:
    """A text as it is counted and stored: trimmed, with line ends as one character (browsers send two), and each
    letter with its accent as one (some keyboards send two), so that searches find it.

    One that shows nothing is the empty text.
    """
    return "" if is_blank(value) else unicodedata.normalize("NFC", value.replace("\r\n", "\n")).strip()


def validate_characters(value: str) -> None:
    """Refuse what no database stores as text: the null character and halves of surrogate pairs."""
    if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise ValidationError(gettext("The text contains characters that cannot be stored."), code="characters")


def validate_text(value: str) -> None:
    """Refuse text that is blank, longer than the limit once trimmed, or cannot be stored."""
    validate_characters(value)
    length = len(normal_text(value))
    if length == 0:
        raise ValidationError(TEXT_MESSAGE, code="blank")
    if length > MAX_TEXT_LENGTH:
        raise ValidationError(
            gettext("The text has %(length)s characters; at most %(most)s are allowed.")
            % {"length": length, "most": MAX_TEXT_LENGTH},
            code="max_length",
        )


def validate_style(value: str) -> None:
    _validate_term(value, STYLE_BY_SLUG, gettext("Unknown style: %(value)s. Known: %(known)s."))


def validate_mood(value: str) -> None:
    _validate_term(value, MOOD_BY_SLUG, gettext("Unknown mood: %(value)s. Known: %(known)s."))


def validate_tempo(value: int) -> None:
    if not MIN_TEMPO <= value <= MAX_TEMPO:
        raise ValidationError(
            gettext("Tempo must be a whole number from %(low)s to %(high)s BPM, not %(value)s.")
            % {"low": MIN_TEMPO, "high": MAX_TEMPO, "value": value},
            code="out_of_range",
        )


def validate_instruments(value: object) -> None:
    """Refuse anything but a list of known, distinct instrument slugs; every unknown one is named."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValidationError(gettext("Instruments must be a list of names."), code="not_a_list")
    unknown = [item for item in value if item not in INSTRUMENT_BY_SLUG]
    if unknown:
        message = ngettext("Unknown instrument: %(names)s.", "Unknown instruments: %(names)s.", len(unknown))
        raise ValidationError(message % {"names": ", ".join(map(_shown, unknown))}, code="unknown")
    if len(set(value)) != len(value):
        raise ValidationError(gettext("Each instrument can be named once."), code="duplicate")


def validate_roles(primary: Iterable[str], secondary: Iterable[str]) -> None:
    """An instrument is either primary or secondary."""
    both = sorted(set(primary) & set(secondary))
    if both:
        names = ", ".join(INSTRUMENT_BY_SLUG[slug].label for slug in both)
        message = gettext("Primary and secondary at once: %(names)s. Choose one role.") % {"names": names}
        raise ValidationError({"secondary_instruments": ValidationError(message, code="both_roles")})


def are_known(
    *, style: str, mood: str, tempo: int | None, primary_instruments: object, secondary_instruments: object
) -> bool:
    """Whether the attributes can be rendered. Their own validators say what is wrong with them."""
    lists = (primary_instruments, secondary_instruments)
    return (
        style in {"", *STYLE_BY_SLUG}
        and mood in {"", *MOOD_BY_SLUG}
        and all(isinstance(slugs, list) and all(slug in INSTRUMENT_BY_SLUG for slug in slugs) for slugs in lists)
    )


def _validate_term(value: str, known: Mapping[str, Term], message: str) -> None:
    if value not in known:
        raise ValidationError(message % {"value": _shown(value), "known": ", ".join(known)}, code="unknown")


def _shown(value: str) -> str:
    """A refused value as it may stand in a message: short, and free of what cannot be sent back."""
    return value.encode("utf-8", "replace").decode()[:80]
