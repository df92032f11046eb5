"""Register a LoRA adapter from a folder or zip archive on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from adapters.models import Adapter
from adapters.services.selection import find_adapter
from generation.services import model_for
from generation.services.adapters import register_adapter
from text2song.exceptions import DomainError


class Command(BaseCommand):
    help = "Register a PEFT LoRA adapter, e.g. register_adapter runs/warm --name warm-keys --model studio-tiny"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, help="folder or zip archive: adapter_config.json and safetensors")
        parser.add_argument("--name", required=True, help="1 to 100 characters")
        parser.add_argument("--adapter-version", metavar="VERSION", help="like 1.0.0 (default: the next free one)")
        parser.add_argument("--model", help="key of its base model (default: the active one)")
        parser.add_argument("--base-revision", default="", help="refuse other files of the base model")
        parser.add_argument("--description", default="")
        parser.add_argument("--parent", metavar="NAME@VERSION", help="the adapter it goes on from")
        parser.add_argument("--inactive", action="store_true", help="do not offer it for new jobs yet")
        parser.add_argument("--user", help="who registers it (default: nobody)")

    def handle(self, *args: Any, **options: Any) -> None:
        actor = get_user_model().objects.filter(username=options["user"]).first()
        if options["user"] and actor is None:
            raise CommandError(f"There is no user “{options['user']}”.")
        try:
            adapter = register_adapter(
                actor=actor,
                files=options["path"],
                name=options["name"],
                version=options["adapter_version"],
                base_model=model_for(options["model"]),
                base_revision=options["base_revision"],
                description=options["description"],
                parent=find_adapter(options["parent"]) if options["parent"] else None,
                source=Adapter.Source.COMMAND,
                activate=not options["inactive"],
            )
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        except DomainError as error:
            raise CommandError(error.message) from error
        self.stdout.write(self.style.SUCCESS(f"{adapter} is registered for {adapter.base_model}."))
        self.stdout.write(f"id {adapter.pk}\nsha256 {adapter.sha256}")
