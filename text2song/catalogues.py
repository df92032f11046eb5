"""Catalogues of the texts in other languages: written by people as .po, compiled here to the .mo that gettext reads.

Compiling is pure Python, so that nothing has to be installed on the machine; `manage.py setup` and the tests do it.
"""

from __future__ import annotations

import os
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from django.conf import settings

DOMAINS = ("django", "djangojs")
"""Texts of the server, and of the scripts in the browser."""


def catalogues(folder: Path | None = None) -> list[Path]:
    """Every .po there is."""
    folder = folder or settings.LOCALE_PATHS[0]
    return [path for path in sorted(folder.glob("*/LC_MESSAGES/*.po")) if path.stem in DOMAINS]


def compile_catalogues() -> list[Path]:
    """Compile what is newer than its .mo, or has none; returns what was written. Entries marked fuzzy are left out."""
    written = []
    for source in catalogues():
        target = source.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
            continue
        with source.open("rb") as file:
            catalogue = read_po(file, locale=source.parent.parent.name)
        part = target.with_suffix(f".{os.getpid()}.part")
        with part.open("wb") as compiled:
            write_mo(compiled, catalogue)
        part.replace(target)
        written.append(target)
    return written
