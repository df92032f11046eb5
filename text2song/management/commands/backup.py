"""`manage.py backup DIR`: the studio's rows and files, in a folder that restores into any database and store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from text2song.backup.making import Made, make_backup
from text2song.backup.manifest import Manifest
from text2song.backup.telling import in_sentences, size_of
from text2song.backup.verifying import check_backup

FILES_LOST = 3
"""Exit status of a backup that is finished, but for files which were not on the store."""
NAMED = 10


class Command(BaseCommand):
    help = (
        "Back up database and store to a folder, while the studio runs. The same folder again: an interrupted backup "
        "goes on, a finished one is brought up to date. Exit status 3: finished, but files that rows name are lost."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, metavar="DIR", help="a new or empty folder, or a backup")
        parser.add_argument("--check", action="store_true", help="read the backup and compare every hash; make nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        folder = options["folder"].absolute()
        with in_sentences("backup"):
            if options["check"]:
                self.stdout.write(f"{folder} is whole: {_holds(check_backup(folder))}.")
            else:
                self._tell(folder, make_backup(folder))

    def _tell(self, folder: Path, made: Made) -> None:
        self.stdout.write(f"Backed up to {folder}: {_holds(made.manifest)}; {made.copied} files are new there.")
        if made.gone:
            self.stdout.write(f"Deleted while the backup was made: {_names(made.gone)}.")
        if made.lost:
            raise CommandError(
                f"The backup is finished, but {len(made.lost)} files that rows name are not on the store: "
                f"{_names(made.lost)}.",
                returncode=FILES_LOST,
            )


def _holds(manifest: Manifest) -> str:
    files = manifest.files.lines - manifest.missing
    return f"{manifest.rows} rows and {files} files ({size_of(manifest.bytes)}) of {manifest.made_at}"


def _names(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
