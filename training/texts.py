"""Texts of what the trainer shares with the pages: English, and in the reader's language where Django runs.

The trainer knows no Django. Constants are marked with `gettext_noop` and said through `gettext` where they are used.
"""

from __future__ import annotations

from collections.abc import Callable


def _as_written(text: str) -> str:
    return text


_translate: Callable[[str], str] = _as_written


def translate_with(translate: Callable[[str], str]) -> None:
    """Say texts through `translate` from now on."""
    global _translate
    _translate = translate


def gettext(text: str) -> str:
    """The text in the language of whoever reads it."""
    return _translate(text)


def gettext_noop(text: str) -> str:
    """A text to be translated later, by `gettext`."""
    return text
