"""`manage.py restore DIR`: make this studio the one of a backup."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from generation.models import BaseModel
from text2song.backup.restoring import restore_backup
from text2song.backup.telling import in_sentences, size_of


class Command(BaseCommand):
    help = (
        "Restore a backup into this studio, which must not be running. Every hash is compared before anything changes. "
        "Interrupted, it goes on when it is run again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, metavar="DIR", help="a finished backup")
        parser.add_argument("--replace", action="store_true", help="let everything this studio holds be lost")

    def handle(self, *args: Any, **options: Any) -> None:
        with in_sentences("restore"):
            manifest = restore_backup(options["folder"].absolute(), replace=options["replace"], tell=self.stderr.write)
        files = manifest.files.lines - manifest.missing
        self.stdout.write(
            f"Restored {manifest.rows} rows and {files} files ({size_of(manifest.bytes)}) of {manifest.made_at}. "
            "Now run `manage.py setup` and start the studio."
        )
        if manifest.missing:
            self.stdout.write(f"{manifest.missing} files that rows name were not on the store when it was made.")
        for model in BaseModel.objects.exclude(revision=""):
            if not model.is_ready:
                self.stdout.write(_absent(model))


def _absent(model: BaseModel) -> str:
    if model.source == BaseModel.Source.HUB and not model.copy_path:
        return f"The files of {model} are not on this machine; get them with `manage.py fetch_model {model.key}`."
    return f"The files of {model} are not on this machine; put them at {model.folder}."
