"""Feedback of all kinds in one list."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import QuerySet, Value

from feedback.models import Note, Preference, Ranking, Rating, SampleTag
from feedback.querysets import JudgementQuerySet
from feedback.services.deletion import Feedback
from generation.models import GenerationJob

KINDS: dict[str, type[Feedback]] = {
    "rating": Rating,
    "preference": Preference,
    "ranking": Ranking,
    "tags": SampleTag,
    "note": Note,
}
"""By the name the API sends and receives."""
KIND_OF: dict[type[Feedback], str] = {model: name for name, model in KINDS.items()}


@dataclass(frozen=True)
class FeedbackList:
    """Rows of several kinds as one list, ordered by time; what a paginator needs of a queryset.

    `count()` is one query, a slice one for ids and one or two for each kind that is on it, however long it is.
    """

    parts: dict[str, JudgementQuerySet]
    oldest_first: bool = False

    ordered: ClassVar[bool] = True

    def count(self) -> int:
        return self._ids().count() if self.parts else 0

    def __getitem__(self, wanted: slice) -> list[Feedback]:
        if not self.parts:
            return []
        sign = "" if self.oldest_first else "-"
        rows = list(self._ids().order_by(f"{sign}created_at", f"{sign}pk")[wanted])
        ids: dict[str, list[UUID]] = defaultdict(list)
        for kind, pk, _ in rows:
            ids[kind].append(pk)
        found = {
            item.pk: item for kind, pks in ids.items() for item in KINDS[kind].objects.with_context().filter(pk__in=pks)
        }
        return [found[pk] for _, pk, _ in rows if pk in found]

    def _ids(self) -> QuerySet[Any, Any]:
        columns = [
            part.order_by().annotate(kind=Value(kind)).values_list("kind", "pk", "created_at")
            for kind, part in self.parts.items()
        ]
        return columns[0].union(*columns[1:], all=True)


def everything_seen_by(reader: User) -> dict[str, JudgementQuerySet]:
    """All feedback `reader` may see, by kind."""
    return {kind: model.objects.visible_to(reader) for kind, model in KINDS.items()}


def without_implied(parts: dict[str, JudgementQuerySet]) -> dict[str, JudgementQuerySet]:
    """Leave out preferences that a ranking implies, where the ranking itself is listed."""
    if "preference" not in parts:
        return parts
    return parts | {"preference": parts["preference"].exclude(source=Preference.Source.RANKING)}


def feedback_on_job(job: GenerationJob, reader: User) -> dict[str, Any]:
    """A job's samples, A to H, each with all the feedback on it that `reader` may see, newest first.

    `total` counts items once, also those on several samples; `samples_judged` those samples that have any.
    """
    samples = list(job.samples.visible().order_by("index"))
    items = feedback_on(job.samples.visible().order_by().values("pk"), reader)[:]
    groups: dict[UUID, list[Feedback]] = {sample.pk: [] for sample in samples}
    for item in items:
        for pk in samples_of(item) & groups.keys():
            groups[pk].append(item)
    scores = [item.score for item in items if isinstance(item, Rating)]
    return {
        "job": job.pk,
        "total": len(items),
        "mean_rating": round(sum(scores) / len(scores), 4) if scores else None,
        "samples_judged": sum(bool(group) for group in groups.values()),
        "samples": [{"sample": sample, "items": groups[sample.pk]} for sample in samples],
    }


def samples_of(item: Feedback) -> set[UUID]:
    """Ids of the samples an item is about."""
    if isinstance(item, Preference):
        return {item.sample_a_id, item.sample_b_id}
    if isinstance(item, Ranking):
        return {place.sample_id for place in item.places.all()}
    return {item.sample_id}


def feedback_on(samples: QuerySet, reader: User) -> FeedbackList:
    """What `reader` may see of the feedback on `samples`, newest first, as people gave it."""
    parts = {kind: part.concerning(samples) for kind, part in everything_seen_by(reader).items()}
    return FeedbackList(without_implied(parts))
