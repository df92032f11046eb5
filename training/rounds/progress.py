"""Going on: look at a round and do the next thing, once, whoever looks and however often.

It is called by whoever may have brought a round further: a vote, the end of work, its owner, and every minute a sweep.
"""

from __future__ import annotations

from uuid import UUID

import structlog
from django.core.exceptions import ValidationError
from django.db import transaction

from text2song.exceptions import DomainError
from text2song.outages import is_database_away
from training.models import Round
from training.rounds.exceptions import OverBudget
from training.rounds.steps import do_step
from training.rounds.stopping import cut_off

log = structlog.get_logger(__name__)


def advance(pk: UUID) -> Round:
    """Do all that the round can do now. A second caller waits, and finds it done."""
    while True:
        with transaction.atomic():
            round_ = locked(pk)
            before = round_.step
            if round_.is_under_way:
                _go_on(round_)
        if not round_.is_under_way or round_.step == before:
            return round_


def locked(pk: UUID) -> Round:
    """The round as it is now, nobody else advancing it until the transaction ends."""
    Round.objects.select_for_update().get(pk=pk)
    return Round.objects.with_context().get(pk=pk)


def _go_on(round_: Round) -> None:
    """One step, all of it or nothing but the reason why not."""
    try:
        with transaction.atomic():
            do_step(round_)
            round_.save()
    except OverBudget as error:
        _stop(round_, Round.State.PAUSED, error.message)
    except DomainError as error:
        _stop(round_, Round.State.FAILED, error.message)
    except ValidationError as error:
        _stop(round_, Round.State.FAILED, " ".join(error.messages))


def _stop(round_: Round, state: str, told: str) -> None:
    round_.refresh_from_db()
    round_.stop(state, told)
    round_.save()
    log.warning("round_stopped", round_id=str(round_.pk), step=round_.step, state=state, reason=told)
    if state == Round.State.PAUSED:
        cut_off(round_)


def sweep() -> int:
    """Advance every round that is under way; returns how many. One that breaks keeps no other from going on."""
    keys = list(Round.objects.under_way().values_list("pk", flat=True))
    for pk in keys:
        try:
            advance(pk)
        except Exception as error:
            if is_database_away(error):
                raise
            log.exception("round_broke", round_id=str(pk))
    return len(keys)
