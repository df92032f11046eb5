"""`manage.py create_api_key <user> --name <name>`: a key for scripts."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from text2song.api_keys import SCOPES, create_key
from text2song.exceptions import DomainError


class Command(BaseCommand):
    help = "Make an API key. The key alone is the last line of the output; it cannot be shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", help="user name of the owner")
        parser.add_argument("--name", required=True, help="what the key is for")
        parser.add_argument(
            "--scope", action="append", choices=SCOPES, help="may be given more than once; all scopes by default"
        )
        parser.add_argument("--expires-days", type=int, help="days until the key stops working; never by default")

    def handle(self, *args: Any, **options: Any) -> None:
        users = get_user_model().objects
        user = users.filter(**{users.model.USERNAME_FIELD: options["user"]}).first()
        if user is None:
            raise CommandError(f"There is no user called “{options['user']}”.")
        try:
            key, token = create_key(
                user=user,
                name=options["name"],
                scopes=options["scope"] or SCOPES,
                expires_days=options["expires_days"],
            )
        except DomainError as error:
            raise CommandError(error.message) from error
        until = f"until {key.expiry:%Y-%m-%d}" if key.expiry else "until revoked"
        self.stderr.write(f"Key “{key.name}” for {user} ({', '.join(key.scopes)}), valid {until}:")
        self.stdout.write(token)
