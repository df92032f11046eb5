"""How tags are written."""

from __future__ import annotations

import unicodedata

from django.utils.translation import gettext

from feedback.exceptions import refused
from feedback.models.judgements import TAG_LENGTH

UNSEEN = ("Cc", "Cf", "Cs", "Cn", "Zl", "Zp")
"""Categories of characters that no one can see or no database stores: control, format, surrogates, separators."""


def normal_name(text: str) -> str:
    """A tag as it is stored: lower case, blanks as underscores.

    Raises `Refused` for control characters, and for less than 1 or more than 100 characters.

    >>> normal_name(" Strong  Intro ")
    'strong_intro'
    """
    trimmed = text.strip(" ")
    if any(unicodedata.category(character) in UNSEEN for character in trimmed):
        raise refused("tags", gettext("A tag cannot hold control characters."))
    name = "_".join(unicodedata.normalize("NFC", trimmed).lower().split())
    if not name:
        raise refused("tags", gettext("A tag needs at least one character."))
    if len(name) > TAG_LENGTH:
        raise refused(
            "tags",
            gettext("A tag has at most %(most)s characters; this one has %(length)s.")
            % {"most": TAG_LENGTH, "length": len(name)},
        )
    return name
