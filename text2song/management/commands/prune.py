"""Find files on the store that no row names, and remove them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.template.defaultfilters import filesizeformat

from text2song import pruning


class Command(BaseCommand):
    help = "List stored files that nothing names any more; --yes removes them. Safe while the studio runs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--yes", action="store_true", help="remove them (default: only list)")
        parser.add_argument(
            "--older-than",
            type=float,
            default=24.0,
            metavar="HOURS",
            help="leave younger files alone: work that goes on may be about to name them (default 24)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        age = timedelta(hours=options["older_than"])
        found = pruning.prune(age) if options["yes"] else list(pruning.orphans(age))
        for orphan in found:
            self.stdout.write(f"{orphan.modified_at:%Y-%m-%d %H:%M}  {filesizeformat(orphan.size):>10}  {orphan.name}")
        size = filesizeformat(sum(orphan.size for orphan in found))
        done = "removed" if options["yes"] else "would be removed; --yes removes them"
        self.stdout.write(f"{len(found)} files, {size}: {done}." if found else "Every stored file is named by a row.")
