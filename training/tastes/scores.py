"""What a taste makes of clips, and who is told."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, Q, QuerySet

from adapters.models import Taste
from feedback.models import Preference, Rating
from feedback.querysets import samples_judged_by
from generation.models import AudioSample, ClipScore

LOOKED_AT = 400
"""Scores from either end among which clips of different prompts are looked for."""


def scores_for(reader: User, taste: Taste) -> QuerySet[ClipScore]:
    """Scores of clips that `reader` may hear, the most liked first.

    Where others said something of a clip, a taste of their votes knows it: the reader is told once they have judged the
    clip themselves. Curators are told all, and everybody all of a taste of their own.
    """
    scores = ClipScore.objects.filter(taste=taste, sample__in=AudioSample.objects.visible().order_by().values("pk"))
    if not (reader.is_staff or taste.is_of(reader)):
        rated = Exists(Rating.objects.filter(sample=OuterRef("sample")))
        compared = [
            Exists(Preference.objects.filter(**{side: OuterRef("sample")})) for side in ("sample_a", "sample_b")
        ]
        unjudged = ~Q(rated) & ~Q(compared[0]) & ~Q(compared[1])
        scores = scores.filter(unjudged | Q(sample__in=samples_judged_by(reader)))
    return scores.order_by("-score", "pk")


def extremes(reader: User, taste: Taste, count: int = 4) -> tuple[list[ClipScore], list[ClipScore]]:
    """The most and the least liked clips, each of another prompt, `count` at most; none stands in both."""
    shown = scores_for(reader, taste).select_related(
        "sample__job__prompt", "sample__job__base_model", "sample__job__adapter"
    )
    most = _of_different_prompts(shown[:LOOKED_AT], count, set())
    told = {score.sample.job.prompt.text_key for score in most}
    least = _of_different_prompts(shown.order_by("score", "pk")[:LOOKED_AT], count, told)
    return most, least


def _of_different_prompts(scores: Iterable[ClipScore], count: int, told: set[str]) -> list[ClipScore]:
    found: dict[str, ClipScore] = {}
    for score in scores:
        asked = score.sample.job.prompt.text_key
        if asked not in told:
            found.setdefault(asked, score)
        if len(found) == count:
            break
    return list(found.values())
