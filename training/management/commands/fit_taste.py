"""Fit a taste from votes, in this process."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from datasets_app.models import Dataset
from text2song.exceptions import DomainError
from training.services.tastes import fit_taste
from training.tastes.telling import in_lines


class Command(BaseCommand):
    help = "Learn what people like from their votes, and tell how far it can be relied on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="of the taste; the same name again makes its next version")
        parser.add_argument("--rater", action="append", default=[], metavar="USER", help="whose votes; may be repeated")
        parser.add_argument("--dataset", metavar="ID", help="learn from the rows of this preference dataset instead")
        parser.add_argument("--model", metavar="KEY", help="whose clips (default: the active base model)")
        parser.add_argument("--refit-every", type=int, default=0, metavar="N", help="fit anew after N new votes")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            fit = fit_taste(
                actor=None,
                name=options["name"],
                raters=options["rater"],
                dataset=_dataset(options["dataset"]),
                base_model=options["model"],
                refit_every=options["refit_every"],
                now=True,
            )
        except DomainError as error:
            raise CommandError(error.message) from error
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        if fit.taste is None:
            raise CommandError(fit.error)
        for line in in_lines(fit.taste):
            self.stdout.write(line)


def _dataset(key: str | None) -> Dataset | None:
    if key is None:
        return None
    try:
        return Dataset.objects.visible().get(pk=key)
    except (Dataset.DoesNotExist, ValidationError) as error:
        raise CommandError(f"There is no dataset {key}.") from error
