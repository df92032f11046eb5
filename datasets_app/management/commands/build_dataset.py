"""Build a dataset from feedback, here and now."""

from __future__ import annotations

import json
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from adapters.models import Taste
from datasets_app.building.filters import TASTE_SETTINGS
from datasets_app.building.selection import FEWEST_TOLD
from datasets_app.formats.training_command import training_command
from datasets_app.models import Dataset
from datasets_app.services import create_dataset, preview_parts
from datasets_app.services.datasets import Preview
from text2song.exceptions import DomainError
from text2song.workers import presence

LISTS = ("required_tags", "excluded_tags", "prompts", "adapters", "base_models", "raters")


def _taste_id(said: str) -> str:
    """The id of a taste that is named as in “anna@3”; anything else is taken for an id."""
    name, _, version = said.rpartition("@")
    named = Taste.objects.visible().filter(name=name, version=int(version)) if version.isdecimal() else None
    found = named.first() if named is not None else None
    return str(found.pk) if found else said


class Command(BaseCommand):
    help = "Build a dataset, e.g. build_dataset liked --kind supervised --min-rating 4"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="1 to 200 characters")
        parser.add_argument("--kind", required=True, choices=Dataset.Kind.values)
        parser.add_argument("--description", default="")
        parser.add_argument("--seed", type=int, default=0, help="of the splits (default 0)")
        parser.add_argument("--user", help="who builds it (default: nobody)")
        parser.add_argument("--count", action="store_true", help="only say how many rows there would be")
        filters = parser.add_argument_group("filters", "lists are separated by blanks")
        filters.add_argument("--criterion", help="slug of a criterion, or any (default: overall)")
        filters.add_argument("--min-rating", type=float, help="1 to 5, after pooling over raters")
        filters.add_argument("--max-rating", type=float)
        for name in LISTS:
            filters.add_argument(f"--{name.replace('_', '-')}", nargs="+", default=[])
        filters.add_argument("--min-rater-weight", type=float, help="least reliability of a rater, 0 to 1")
        filters.add_argument("--since", help="a day or an ISO 8601 time")
        filters.add_argument("--until", help="a day, included, or an ISO 8601 time")
        filters.add_argument("--favorites", action="store_true", help="only clips with somebody's heart on them")
        filters.add_argument("--taste", help="id, or name@version, of a taste that labels pairs nobody judged")
        filters.add_argument("--taste-share", type=float, help="most of the rows it may label (default 0.8; 1 is all)")
        filters.add_argument("--taste-pairs", type=int, help="most pairs of a text it labels (default 4)")
        filters.add_argument("--filters", type=json.loads, default={}, help="the same as JSON, as the API takes them")

    def handle(self, *args: Any, **options: Any) -> None:
        actor = get_user_model().objects.filter(username=options["user"]).first()
        if options["user"] and actor is None:
            raise CommandError(f"There is no user “{options['user']}”.")
        singles = ("criterion", "min_rating", "max_rating", "min_rater_weight", "since", "until", *TASTE_SETTINGS)
        filters = {**options["filters"], **{name: options[name] for name in (*singles, *LISTS) if options[name]}}
        filters |= {"favorites": True} if options["favorites"] else {}
        filters |= {"taste": _taste_id(options["taste"])} if options["taste"] else {}
        try:
            if options["count"]:
                self._count(preview_parts(actor=actor, kind=options["kind"], filters=filters, seed=options["seed"]))
                return
            with presence("command"):
                dataset = create_dataset(
                    actor=actor,
                    name=options["name"],
                    kind=options["kind"],
                    filters=filters,
                    description=options["description"],
                    seed=options["seed"],
                    now=True,
                )
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        except DomainError as error:
            raise CommandError(error.message) from error
        self._tell(dataset)

    def _count(self, found: Preview) -> None:
        count = f"fewer than {FEWEST_TOLD}" if found.rows is None else str(found.rows)
        self.stdout.write(f"{count} ({found.labelled} of them labelled by the taste)" if found.labelled else count)

    def _tell(self, dataset: Dataset) -> None:
        if not dataset.is_ready:
            raise CommandError(dataset.error)
        rows = ", ".join(f"{label.lower()} {rows}" for label, rows in dataset.splits)
        self.stdout.write(self.style.SUCCESS(f"The dataset “{dataset}” is built: {dataset.row_count} rows ({rows})."))
        self.stdout.write(f"id {dataset.pk}\nsha256 {dataset.content_hash}")
        for sentence in dataset.statistics["recommendations"]:
            self.stdout.write(f"- {sentence}")
        self.stdout.write(f"\nTrain on it:\n  {training_command(dataset)}")
