"""What is said of one part."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from django.template.defaultfilters import filesizeformat


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """How it stands with something: one sentence on that, and one on how to mend it where there is what to mend."""

    level: Level
    found: str
    mend: str = ""


def ok(found: str) -> Finding:
    return Finding(Level.OK, found)


def warning(found: str, mend: str) -> Finding:
    return Finding(Level.WARNING, found, mend)


def wrong(found: str, mend: str) -> Finding:
    return Finding(Level.WRONG, found, mend)


def in_words(error: BaseException) -> str:
    """The first line of an error, as part of a sentence."""
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__).strip().rstrip(".")


def in_units(size: int) -> str:
    """Bytes, as in “1.5 GB”."""
    return filesizeformat(size).replace("\xa0", " ")
