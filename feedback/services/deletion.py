"""Taking feedback back, and forgetting it with its samples."""

from __future__ import annotations

from typing import Any, TypeAlias
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Model, Q, QuerySet
from django.utils.translation import gettext

from feedback.exceptions import FeedbackNotFound, PartOfAnother
from feedback.models import Note, Preference, Ranking, RankingPlace, Rating, SampleTag
from feedback.querysets import PreferenceQuerySet
from generation.models import AudioSample
from text2song.exceptions import Forbidden

Feedback: TypeAlias = Rating | Preference | Ranking | SampleTag | Note
KINDS: tuple[type[Feedback], ...] = (Rating, Preference, Ranking, SampleTag, Note)


def find_feedback(*, pk: UUID, reader: User) -> Feedback:
    """The feedback of any kind with this id; raises `FeedbackNotFound` if `reader` may not see one."""
    for kind in KINDS:
        item = kind.objects.visible_to(reader).with_context().filter(pk=pk).first()
        if item is not None:
            return item
    raise FeedbackNotFound(gettext("There is no such feedback."))


def may_delete(item: Feedback, actor: User) -> bool:
    """Whether `actor` may take `item` back: its author and curators, and nobody what belongs to something larger."""
    mine = item.rater_id is not None and item.rater_id == actor.pk
    return (mine or actor.is_staff) and getattr(item, "source", Preference.Source.DIRECT) == Preference.Source.DIRECT


def delete_feedback(*, item: Feedback, actor: User) -> None:
    """Remove feedback for good, a ranking with its preferences. Raises `Forbidden`, `PartOfAnother`."""
    if item.rater_id != actor.pk and not actor.is_staff:
        raise Forbidden(gettext("Raters delete their own feedback; curators any."))
    if isinstance(item, Preference) and item.source == Preference.Source.RANKING:
        raise PartOfAnother(gettext("This preference follows from a ranking. Delete the ranking, or rank anew."))
    if isinstance(item, Preference) and item.source == Preference.Source.TRIAL:
        raise PartOfAnother(
            gettext("This is a vote of a listening test, whose result stands on it; it cannot be deleted.")
        )
    item.delete()


def forget_samples(samples: QuerySet[AudioSample]) -> None:
    """Remove all feedback on `samples`. Votes of listening tests stay: results stand on them."""
    for kind in KINDS:
        _forgotten(kind, samples).delete()


def rows_of_samples(samples: QuerySet[AudioSample]) -> list[Model]:
    """Every row that `forget_samples` would remove, rankings before what belongs to them."""
    rankings = _forgotten(Ranking, samples)
    within = Q(pk__in=_forgotten(Preference, samples).values("pk")) | Q(ranking__in=rankings.values("pk"))
    places = RankingPlace.objects.filter(ranking__in=rankings.values("pk"))
    singles = [row for kind in (Rating, SampleTag, Note) for row in _forgotten(kind, samples)]
    return [*rankings, *places, *Preference.objects.filter(within), *singles]


def _forgotten(kind: type[Feedback], samples: QuerySet[AudioSample]) -> Any:
    feedback = kind.objects.concerning(samples.order_by().values("pk"))
    if isinstance(feedback, PreferenceQuerySet):
        feedback = feedback.openly()
    return feedback.order_by()
