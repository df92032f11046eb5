"""What an adapter may be called."""

from __future__ import annotations

import re
from typing import NamedTuple

from django.core.exceptions import ValidationError
from django.utils.text import format_lazy
from django.utils.translation import gettext, gettext_lazy

NAME_LENGTH = 100
VERSION_LENGTH = 32
VERSION = re.compile(r"(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})(?:-([0-9A-Za-z]+(?:[.-][0-9A-Za-z]+)*))?")
NAME_MESSAGE = format_lazy(
    gettext_lazy("An adapter's name has 1 to {name_length} characters."), name_length=NAME_LENGTH
)
TASTE_NAME_MESSAGE = format_lazy(
    gettext_lazy("A taste's name has 1 to {name_length} characters."), name_length=NAME_LENGTH
)
VERSION_MESSAGE = gettext_lazy(
    "A version is three numbers like 1.0.0, with a word after a dash if need be: 1.1.0-beta."
)


class Version(NamedTuple):
    """A semantic version (semver.org) without build metadata; of `final` 0 the words after the dash are `label`."""

    major: int
    minor: int
    patch: int
    final: int
    label: str

    @classmethod
    def parse(cls, text: str) -> Version:
        """Raises `ValidationError` for anything else than a version."""
        match = VERSION.fullmatch(text)
        if match is None:
            raise ValidationError(VERSION_MESSAGE, code="version")
        major, minor, patch, label = match.groups()
        return cls(int(major), int(minor), int(patch), int(label is None), label or "")


def validate_version(value: str) -> None:
    Version.parse(value)


def validate_name(value: str) -> None:
    """Refuse blank names, and characters that cannot be seen, printed or stored."""
    if not value.strip() or len(value) > NAME_LENGTH:
        raise ValidationError(NAME_MESSAGE, code="name")
    if not value.isprintable():
        raise ValidationError(gettext("A name is one line of printable characters."), code="characters")


def validate_characters(value: str) -> None:
    """Refuse what no database stores as text: the null character and halves of surrogate pairs."""
    if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise ValidationError(gettext("The text contains characters that cannot be stored."), code="characters")


def next_version(taken: list[str]) -> str:
    """The patch release after the greatest of `taken`; 1.0.0 when there is none."""
    if not taken:
        return "1.0.0"
    newest = max(Version.parse(text) for text in taken)
    return f"{newest.major}.{newest.minor}.{newest.patch + newest.final}"
