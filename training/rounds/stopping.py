"""Ending what works for a round, where it is cancelled or its budget is used up."""

from __future__ import annotations

from django.utils.translation import gettext

from generation.exceptions import JobIsFinished
from generation.services.jobs import cancel_job
from training.exceptions import RunIsFinished
from training.models import Round
from training.rounds.pairs import clips_of, votes_given
from training.services import cancel_run


def cut_off(round_: Round) -> None:
    """Cancel its jobs and its run as far as they go on: checkpoints stay.

    A fit, a dataset and a test come to their end: the first two are short, and half a test tells nothing.
    """
    owner = round_.owner
    if owner is None:
        return
    for job in round_.jobs.filter(state__in=("queued", "running"), deleted_at__isnull=True):
        try:
            cancel_job(job=job, actor=owner)
        except JobIsFinished:
            continue  # it was faster
    if round_.run and round_.run.is_unfinished:
        try:
            cancel_run(run=round_.run, actor=owner)
        except RunIsFinished:
            return


def left_by(round_: Round) -> list[str]:
    """What stays when it is cancelled, in words."""
    counted = [(clips_of(round_).count(), "clip"), (votes_given(round_), "vote")]
    kept = [f"{count} {noun}{'' if count == 1 else 's'}" for count, noun in counted if count]
    kept += [gettext("the taste %(label)s") % {"label": round_.taste.label}] if round_.taste else []
    kept += [gettext("the dataset “%(dataset)s”") % {"dataset": round_.dataset}] if round_.dataset else []
    kept += [gettext("the adapter %(label)s") % {"label": round_.adapter.label}] if round_.adapter else []
    if round_.promotion and round_.promotion.is_open:
        kept.append(gettext("the blind test, which goes on and decides about the adapter"))
    return kept
