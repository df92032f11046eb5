"""Build a dataset from feedback, here and now."""

from __future__ import annotations

import json
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from datasets_app.building.selection import FEWEST_TOLD
from datasets_app.formats.training_command import training_command
from datasets_app.models import Dataset
from datasets_app.services import create_dataset, preview
from text2song.exceptions import DomainError
from text2song.workers import presence

LISTS = ("required_tags", "excluded_tags", "prompts", "adapters", "base_models", "raters")


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
        filters.add_argument("--filters", type=json.loads, default={}, help="the same as JSON, as the API takes them")

    def handle(self, *args: Any, **options: Any) -> None:
        actor = get_user_model().objects.filter(username=options["user"]).first()
        if options["user"] and actor is None:
            raise CommandError(f"There is no user “{options['user']}”.")
        singles = ("criterion", "min_rating", "max_rating", "min_rater_weight", "since", "until")
        filters = {**options["filters"], **{name: options[name] for name in (*singles, *LISTS) if options[name]}}
        filters |= {"favorites": True} if options["favorites"] else {}
        try:
            if options["count"]:
                count = preview(actor=actor, kind=options["kind"], filters=filters)
                self.stdout.write(f"fewer than {FEWEST_TOLD}" if count is None else str(count))
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

    def _tell(self, dataset: Dataset) -> None:
        if not dataset.is_ready:
            raise CommandError(dataset.error)
        rows = ", ".join(f"{label.lower()} {rows}" for label, rows in dataset.splits)
        self.stdout.write(self.style.SUCCESS(f"The dataset “{dataset}” is built: {dataset.row_count} rows ({rows})."))
        self.stdout.write(f"id {dataset.pk}\nsha256 {dataset.content_hash}")
        for sentence in dataset.statistics["recommendations"]:
            self.stdout.write(f"- {sentence}")
        self.stdout.write(f"\nTrain on it:\n  {training_command(dataset)}")
