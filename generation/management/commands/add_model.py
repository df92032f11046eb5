"""Add a folder of this machine as a base model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from generation.services import add_folder_model
from text2song.exceptions import DomainError


class Command(BaseCommand):
    help = "Add a folder in MusicGen's format as a base model, e.g. add_model /srv/models/musicgen-small"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, help="config.json, safetensors weights, tokenizer.json")
        parser.add_argument("--name", default="", help="how people see it (default: the folder's name)")
        parser.add_argument("--max-duration", type=int, metavar="SECONDS", help="shorter than the folder's own limit")
        own = "it is not the known model it has the sizes of, but one of its own, such as a fine-tuned one"
        parser.add_argument("--of-its-own", action="store_true", help=own)
        parser.add_argument("--user", default="studio", help="the curator who adds it (default: studio)")

    def handle(self, *args: Any, **options: Any) -> None:
        actor = get_user_model().objects.filter(username=options["user"]).first()
        if actor is None:
            raise CommandError(f"There is no user “{options['user']}”; name a curator with --user.")
        limit = options["max_duration"]
        if limit is not None and limit < 1:
            raise CommandError(f"--max-duration must be at least 1, not {limit}.")
        try:
            model = add_folder_model(
                path=str(options["path"].absolute()),
                actor=actor,
                display_name=options["name"],
                max_duration=limit,
                of_its_own=options["of_its_own"],
            )
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        except DomainError as error:
            raise CommandError(error.message) from error
        self.stdout.write(self.style.SUCCESS(f"{model} is ready; its key is {model.key}."))
