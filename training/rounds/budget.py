"""What a round may use of the machine, and what it has used. Both are read from the rows that its steps made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext

from generation.models import AudioSample, GenerationJob
from text2song.work import Work
from training.rounds.exceptions import OverBudget
from training.rounds.models import Round

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Spent:
    """Clips made, and minutes in which a worker did something for the round."""

    clips: int
    minutes: float


def spent(round_: Round) -> Spent:
    """What it has used so far, what is under way included."""
    jobs = jobs_of(round_)
    clips = AudioSample.objects.filter(job__in=jobs.order_by().values("pk")).count()
    works: list[Work] = [work for work in (round_.fit, round_.dataset) if work is not None]
    seconds = _together([*_spans(jobs.filter(started_at__isnull=False)), *_spans(works)])
    trained = round_.run.seconds if round_.run else 0.0
    return Spent(clips, (seconds + trained) / 60)


def jobs_of(round_: Round) -> QuerySet[GenerationJob]:
    """Those of its prompts and those of its test."""
    own = Q(pk__in=round_.jobs.order_by().values("pk"))
    test = round_.promotion.test_id if round_.promotion else None
    return GenerationJob.objects.filter(own | Q(arm_job__arm__test=test) if test else own)


def require_minutes(round_: Round) -> None:
    """Raise `OverBudget` when its time is used up."""
    used = spent(round_).minutes
    if used >= round_.max_minutes:
        raise OverBudget(
            gettext(
                "The %(max_minutes)s minutes this round may use are used up (%(used)s). What was made is "
                "kept. Give it more time to go on."
            )
            % {"max_minutes": round_.max_minutes, "used": f"{used:.0f}"}
        )


def require_clips(round_: Round, more: int, purpose: str) -> None:
    """Raise `OverBudget` when it may not make so many more clips."""
    used = spent(round_).clips
    if used + more > round_.max_clips:
        raise OverBudget(
            gettext(
                "%(purpose)s takes %(more)s more clips. The round has made %(used)s and may make "
                "%(max_clips)s. Let it make %(value)s to go on."
            )
            % {"purpose": purpose, "more": more, "used": used, "max_clips": round_.max_clips, "value": used + more}
        )


def _spans(works: Iterable[Work]) -> list[Span]:
    """From start to end; what is under way goes until now, and what waits does not count."""
    now = timezone.now()
    return [
        (work.started_at, work.finished_at or now)
        for work in works
        if work.started_at is not None and (work.finished_at is not None or work.state == work.WORKING)
    ]


def _together(spans: Iterable[Span]) -> float:
    """Seconds that the spans cover; jobs of one batch run at once and count once."""
    seconds, until = 0.0, None
    for start, end in sorted(spans):
        begin = start if until is None else max(start, until)
        if end > begin:
            seconds += (end - begin).total_seconds()
        until = end if until is None else max(until, end)
    return seconds
