"""Tastes are fitted anew by themselves, whenever enough votes have come in since."""

from __future__ import annotations

import structlog

from adapters.models import Taste
from text2song.exceptions import DomainError
from training.models import TasteFit
from training.services.tastes import fit_again
from training.tastes.votes import most_votes, spec_of, votes_of

log = structlog.get_logger(__name__)


def refit_due() -> int:
    """Send every taste that is due to be fitted anew; returns how many. One that is being fitted is left alone."""
    followed = Taste.objects.newest().filter(refit_every__gt=0, filters__dataset__isnull=True)
    unfinished = set(TasteFit.objects.unfinished().values_list("name", flat=True))
    due = [taste for taste in followed.with_context() if taste.name not in unfinished and is_due(taste)]
    return sum(_refit(taste) for taste in due)


def is_due(taste: Taste) -> bool:
    """Whether there are `refit_every` votes more than it learned from, as a fit would count them.

    Votes of a listening test are counted when it is over, whenever they were given. After a fit that failed, as many
    have to be given anew: on the same votes it would fail again.
    """
    spec = spec_of(taste.filters, taste.base_model.key)
    if new_votes(taste, most_votes(spec)) < taste.refit_every:
        return False  # as it is nearly always, and then no vote was read
    said = votes_of(spec)
    if new_votes(taste, len(said)) < taste.refit_every:
        return False
    failed = TasteFit.objects.failed_since(taste).first()
    return failed is None or sum(vote.at > failed.queued_at for vote in said) >= taste.refit_every


def new_votes(taste: Taste, said: int) -> int:
    """How many of the votes there are came since it was fitted; those that its fit left out were there then."""
    return max(0, said - taste.votes - taste.report.get("left_out", 0))


def _refit(taste: Taste) -> bool:
    try:
        fit_again(actor=None, taste=taste)
    except DomainError as error:
        # Its model's files are away, or somebody was faster: the next sweep looks again.
        log.info("not_refitted", taste=taste.label, reason=error.message)
        return False
    return True
