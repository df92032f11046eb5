"""Add a folder of this machine as an audio encoder, which tastes can listen with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from generation.services import add_encoder
from text2song.exceptions import DomainError


class Command(BaseCommand):
    help = "Add a folder that transformers loads as an audio encoder, e.g. add_encoder /srv/models/clap"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, help="config.json, safetensors weights, preprocessor_config.json")
        parser.add_argument("--name", default="", help="how people see it (default: the folder's name)")
        parser.add_argument("--user", default="studio", help="the curator who adds it (default: studio)")

    def handle(self, *args: Any, **options: Any) -> None:
        actor = get_user_model().objects.filter(username=options["user"]).first()
        if actor is None:
            raise CommandError(f"There is no user “{options['user']}”; name a curator with --user.")
        try:
            encoder = add_encoder(path=str(options["path"].absolute()), actor=actor, display_name=options["name"])
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        except DomainError as error:
            raise CommandError(error.message) from error
        self.stdout.write(self.style.SUCCESS(f"{encoder} was added; its key is {encoder.key}."))
        self.stdout.write(
            f"{encoder.architecture}, {encoder.sample_rate} Hz, licence {encoder.licence or 'not stated'}. Clips that "
            "are there are heard with it while no job waits."
        )
