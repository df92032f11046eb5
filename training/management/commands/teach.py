"""Show a person's round, and let it go on."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from text2song.exceptions import DomainError
from training.models import Round
from training.rounds.budget import spent
from training.rounds.pairs import votes_given
from training.rounds.services import cancel_round, go_on, pause_round
from training.rounds.story import Stage, stages, understood

MARKS = {"done": "x", "now": ">", "later": " ", "left": "-"}


class Command(BaseCommand):
    help = "Show the newest round of a person: what it has done, what it waits for. It goes on with --advance."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--user", required=True, help="whose round")
        does = parser.add_mutually_exclusive_group()
        does.add_argument("--advance", action="store_true", help="begin what it waits to begin, or try again")
        does.add_argument("--pause", action="store_true", help="begin nothing more")
        does.add_argument("--cancel", action="store_true", help="end it; what was made stays")
        parser.add_argument("--trains-on", choices=Round.Source.values, default="", help="what it trains on")

    def handle(self, *args: Any, **options: Any) -> None:
        user = get_user_model().objects.filter(username=options["user"]).first()
        if user is None:
            raise CommandError(f"There is no user {options['user']}.")
        round_ = Round.objects.filter(owner=user).with_context().order_by("-number").first()
        if round_ is None:
            raise CommandError(f"{user} has no round yet. Begin one under “Teach the studio”.")
        try:
            if options["advance"] or options["trains_on"]:
                round_ = go_on(actor=user, round_=round_, trains_on=options["trains_on"])
            elif options["pause"]:
                round_ = pause_round(actor=user, round_=round_)
            elif options["cancel"]:
                round_ = cancel_round(actor=user, round_=round_)
        except DomainError as error:
            raise CommandError(error.message) from error
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        for line in lines(round_):
            self.stdout.write(line)


def lines(round_: Round) -> list[str]:
    """Where it stands, in words."""
    used, found = spent(round_), understood(round_)
    told = [
        f"{round_}: {round_.get_state_display().lower()}. {round_.told}".strip(),
        *(_line(stage) for stage in stages(round_)),
        f"{votes_given(round_)} of {round_.votes_wanted} votes, {used.clips} of {round_.max_clips} clips, "
        f"{used.minutes:.0f} of {round_.max_minutes} minutes.",
    ]
    if found:
        usable = "can" if found.is_usable else "cannot"
        told.append(f"Its taste predicts {found.accuracy} of votes ({found.interval}) and {usable} be relied on.")
    return told


def _line(stage: Stage) -> str:
    return f"  [{MARKS[stage.state]}] {stage.label}"
