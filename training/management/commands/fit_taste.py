"""Fit a taste from votes, in this process."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from adapters.models import Taste
from datasets_app.models import Dataset
from generation.jobs.hearing import kind_in_words
from text2song.exceptions import DomainError
from training.services.tastes import fit_taste


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
        if fit.taste is None:
            raise CommandError(fit.error)
        for line in lines(fit.taste):
            self.stdout.write(line)


def _dataset(key: str | None) -> Dataset | None:
    if key is None:
        return None
    dataset = Dataset.objects.visible().filter(pk=key).first()
    if dataset is None:
        raise CommandError(f"There is no dataset {key}.")
    return dataset


def lines(taste: Taste) -> list[str]:
    """What the taste has learned, in words."""
    report = taste.report
    share = report["accuracy"]
    found = [
        f"{taste.label}: the taste of {taste.whose}, from {report['votes']} votes on {report['prompts']} prompts.",
        f"It predicts {share['value']:.0%} of votes on prompts held out (95 % interval {share['low']:.0%} to "
        f"{share['high']:.0%}); chance is 50 %.",
    ]
    found += [
        f"Left out: {kind_in_words(each['kind'])}, known of {each['clips']} of {each['of']} judged clips."
        for each in report.get("kinds_left_out", [])
    ]
    if taste.is_usable:
        found.append(f"It can be used: whenever one looks, more than {report['lower']:.0%} is surely right.")
    elif report["votes_wanted"]:
        found.append(f"It cannot be used yet. It probably needs about {report['votes_wanted']} more votes.")
    else:
        found.append("It cannot be used yet, and nothing tells that more votes of this kind would help.")
    return found
