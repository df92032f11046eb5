"""Make a dataset of an exported file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from datasets_app.formats.training_command import training_command
from datasets_app.services.imports import import_dataset
from text2song.exceptions import DomainError
from text2song.workers import presence


class Command(BaseCommand):
    help = "Make a dataset of an exported JSON Lines file, or an exported folder or zip: import_dataset liked.jsonl"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, help="file, folder or zip")
        parser.add_argument("--name", help="1 to 200 characters (default: the file's name)")
        parser.add_argument("--description", default="")
        parser.add_argument("--user", help="who imports it (default: nobody)")

    def handle(self, *args: Any, **options: Any) -> None:
        actor = get_user_model().objects.filter(username=options["user"]).first()
        if options["user"] and actor is None:
            raise CommandError(f"There is no user “{options['user']}”.")
        path: Path = options["path"]
        try:
            with presence("command") as worker:
                dataset = import_dataset(
                    actor=actor,
                    path=path,
                    name=options["name"] or path.stem,
                    worker=worker,
                    description=options["description"],
                )
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        except DomainError as error:
            raise CommandError(error.message) from error
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}.") from error
        self.stdout.write(self.style.SUCCESS(f"The dataset “{dataset}” is imported: {dataset.row_count} rows."))
        self.stdout.write(f"id {dataset.pk}\nsha256 {dataset.content_hash}")
        self.stdout.write(f"\nTrain on it:\n  {training_command(dataset)}")
