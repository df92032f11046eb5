"""Take new and changed texts up into every catalogue; needs the programs of GNU gettext."""

from __future__ import annotations

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from text2song.catalogues import DOMAINS, catalogues

NO_SOURCES = ["var", "node_modules", ".venv", "bench", "*/tests/*.py", "migrations", "recipe", "conftest.py"]
"""Folders and files without texts that somebody is shown."""

UNWANTED = ('"POT-Creation-Date:', '"Report-Msgid-Bugs-To:')
"""Lines of the header that would change each time, or say nothing."""


class Command(BaseCommand):
    requires_system_checks = ()
    help = "Update locale/*/LC_MESSAGES/*.po from the sources."

    def handle(self, *args: Any, **options: Any) -> None:
        locales = sorted({path.parent.parent.name for path in catalogues()})
        for domain in DOMAINS:
            # Without places and wrapping, a change of code changes no line of a catalogue.
            call_command(
                "makemessages",
                domain=domain,
                locale=locales,
                ignore_patterns=NO_SOURCES,
                no_location=True,
                no_wrap=True,
                no_obsolete=True,
                verbosity=0,
            )
        for path in catalogues():
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
            path.write_text("".join(line for line in lines if not line.startswith(UNWANTED)), encoding="utf-8")
