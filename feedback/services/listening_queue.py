"""What most needs a rater's ears: open listening tests first, then the pairs that teach most of their taste, and where
there are none the clips with the fewest judgements.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Count, Exists, OuterRef

from feedback.judgements.summaries import not_judged_by
from feedback.listening_tests.access import is_guest
from feedback.listening_tests.services.trials import rater_progress
from feedback.models import ListeningTest, Rating
from feedback.services.asking import PairTurn, next_pair
from generation.models import AudioSample, GenerationJob
from generation.querysets import AudioSampleQuerySet


@dataclass(frozen=True, slots=True)
class Turn:
    """What comes next: trials of a test, or a pair, or one sample, or nothing. `judged` of `total` clips are done."""

    test: ListeningTest | None
    sample: AudioSample | None
    judged: int
    total: int
    pair: PairTurn | None = None


def next_turn(
    *,
    rater: User,
    skipped: Sequence[str] = (),
    skipped_pairs: Collection[str] = (),
    singles: bool = False,
    shown: AudioSample | PairTurn | None = None,
) -> Turn:
    """The rater's next turn; with `singles` no pair; with `shown` that clip or pair, judged or not.

    `skipped` are ids of samples they passed over, which come last, `skipped_pairs` keys of pairs, which do not come.
    Guests get nothing but tests.
    """
    test = next((test for test in ListeningTest.objects.open_to(rater) if _has_trials(test, rater)), None)
    if is_guest(rater):
        return Turn(test, None, 0, 0)
    samples = _listenable()
    waiting = not_judged_by(samples, rater)
    total = samples.count()
    judged = total - waiting.count()
    if isinstance(shown, AudioSample):
        return Turn(test, shown, judged, total)
    pair = shown or (None if singles else next_pair(rater=rater, skipped=skipped_pairs))
    return Turn(test, None if pair else _neediest(waiting, skipped), judged, total, pair)


def clip_to_show(pk: UUID) -> AudioSample | None:
    """A clip that can be judged; None where it is gone or not finished."""
    return _listenable().with_context().filter(pk=pk).first()


def _listenable() -> AudioSampleQuerySet:
    return AudioSample.objects.visible().filter(job__state=GenerationJob.State.COMPLETED)


def _neediest(waiting: AudioSampleQuerySet, skipped: Sequence[str]) -> AudioSample | None:
    """The newest of those with the fewest ratings; one passed over only where there is no other."""
    pk = _first(waiting.exclude(pk__in=skipped)) or _first(waiting)
    return AudioSample.objects.with_context().get(pk=pk) if pk else None


def _first(waiting: AudioSampleQuerySet) -> UUID | None:
    """Its id. In most studios some clip has no rating at all, and then none need be counted."""
    ids = waiting.order_by("-created_at", "pk").values_list("pk", flat=True)
    unrated = ids.filter(~Exists(Rating.objects.order_by().filter(sample=OuterRef("pk"))))
    return unrated.first() or ids.annotate(answers=Count("ratings")).order_by("answers", "-created_at", "pk").first()


def _has_trials(test: ListeningTest, rater: User) -> bool:
    progress = rater_progress(rater=rater, test=test)
    return progress.judged < progress.total
