"""Walk the whole loop once and print the evidence."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from text2song.management.commands.setup import FIRST_USER
from training.config import Method
from training.demo.loop import Demo, Learn
from training.demo.tastes import TASTES, UnknownTaste, find_taste


class Command(BaseCommand):
    help = (
        "Generate, vote, build a dataset, train an adapter and test it blind, with a declared synthetic rater; "
        "writes demo.json into the data folder and leaves everything in the studio to be browsed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        tastes = "; ".join(f"{taste.name}: {taste.likes}" for taste in TASTES.values())
        own = "or a function of audio [C, N] and a rate in Hz, named as package.module:function"
        parser.add_argument("--taste", default="brightness", metavar="TASTE", help=f"{tastes}; {own}")
        parser.add_argument(
            "--method",
            choices=[Method.DPO.value, Method.SFT.value],
            default=Method.DPO.value,
            help="dpo learns from votes on pairs; sft imitates the best rated quarter of the clips",
        )
        parser.add_argument(
            "--learn",
            choices=[learn.value for learn in Learn],
            default=Learn.TASTE.value,
            help="taste: a model of the votes labels further pairs, if it can be relied on; votes: the votes alone",
        )
        parser.add_argument("--votes", type=int, help=f"on pairs, for dpo (default: {Demo.size.votes})")
        parser.add_argument("--seed", type=int, default=1, help="other prompts, samples and errors of the rater")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            taste = find_taste(options["taste"])
        except UnknownTaste as error:
            raise CommandError(str(error)) from error
        if options["votes"] is not None and not 1 <= options["votes"] <= Demo.size.most_votes:
            raise CommandError(f"Give from 1 to {Demo.size.most_votes} votes: every clip is heard once.")
        actor = get_user_model().objects.filter(username=FIRST_USER).first()
        if actor is None:
            raise CommandError("Run “manage.py setup” first: the demo works as the studio's first user.")
        demo = Demo(
            actor=actor,
            taste=taste,
            seed=options["seed"],
            say=self.stdout.write,
            method=Method(options["method"]),
            learn=Learn(options["learn"]),
            votes=options["votes"],
        )
        outcome = demo.run()
        path = settings.DATA_DIR / "demo.json"
        path.write_text(json.dumps(outcome.to_mapping(), indent=2) + "\n")
        for line in outcome.table():
            self.stdout.write(line)
        self.stdout.write(f"Written to {path}")
        if not outcome.guards.hold:
            raise CommandError(" ".join(outcome.guards.problems))
