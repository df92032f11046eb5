"""What most needs a rater's ears: open listening tests first, then the pairs that teach most of their taste, and where
there are none the clips with the fewest judgements.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db.models import Count

from feedback.judgements.summaries import judged_by, not_judged_by
from feedback.listening_tests.access import is_guest
from feedback.listening_tests.services.trials import rater_progress
from feedback.models import ListeningTest
from feedback.services.asking import PairTurn, next_pair
from generation.models import AudioSample, GenerationJob


@dataclass(frozen=True, slots=True)
class Turn:
    """What comes next: trials of a test, or a pair, or one sample, or nothing. `judged` of `total` clips are done."""

    test: ListeningTest | None
    sample: AudioSample | None
    judged: int
    total: int
    pair: PairTurn | None = None


def next_turn(
    *, rater: User, skipped: Sequence[str] = (), skipped_pairs: Collection[str] = (), singles: bool = False
) -> Turn:
    """The rater's next turn; with `singles` no pair.

    `skipped` are ids of samples they passed over, which come last, `skipped_pairs` keys of pairs, which do not come.
    Guests get nothing but tests.
    """
    test = next((test for test in ListeningTest.objects.open_to(rater) if _has_trials(test, rater)), None)
    if is_guest(rater):
        return Turn(test, None, 0, 0)
    samples = AudioSample.objects.visible().filter(job__state=GenerationJob.State.COMPLETED)
    waiting = not_judged_by(samples, rater)
    neediest = waiting.with_context().annotate(answers=Count("ratings")).order_by("answers", "-created_at", "pk")
    sample = neediest.exclude(pk__in=skipped).first() or neediest.first()
    judged = judged_by(samples, rater).count()
    pair = None if singles else next_pair(rater=rater, skipped=skipped_pairs)
    return Turn(test, None if pair else sample, judged, judged + waiting.count(), pair)


def _has_trials(test: ListeningTest, rater: User) -> bool:
    progress = rater_progress(rater=rater, test=test)
    return progress.judged < progress.total
