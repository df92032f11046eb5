"""What the filters let through: pooled ratings and pooled votes, counted or read by the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Case, Count, Exists, F, FloatField, OuterRef, Q, QuerySet, Sum, UUIDField, Value, When
from django.db.models.functions import Coalesce
from django.utils.translation import gettext

from datasets_app.building.filters import ANY_CRITERION, NO_ADAPTER, FilterSpec
from datasets_app.models import Dataset
from feedback.models import Preference, RaterProfile, Rating, SampleTag
from generation.models import AudioSample, Favorite, GenerationJob
from prompts.models import Prompt

UNKNOWN_WEIGHT: float = RaterProfile._meta.get_field("weight").default
"""Of a rater nothing is known about yet, and of one whose account is gone."""
TOLERANCE = 1e-9
"""Sums of weights are not exact; this is far above their error and far below any weight."""

LIKED_CLIPS_WANTED = 50
LIKED_FROM = 4.0
PAIRS_WANTED = 50
FEWEST_TOLD = 5


@dataclass(frozen=True, slots=True)
class Readiness:
    """How far the feedback suffices for a first dataset of a kind."""

    kind: str
    have: int | None
    """None where it is only said to be fewer than `fewer_than`: so few would tell of single clips."""
    want: int
    fewer_than: int | None = None

    @property
    def missing(self) -> int | None:
        return None if self.have is None else max(0, self.want - self.have)

    @property
    def percent(self) -> int:
        return min(100, 100 * (self.have or 0) // self.want)

    @property
    def is_ready(self) -> bool:
        return self.missing == 0

    @property
    def in_words(self) -> str:
        """As in “12 of 50”."""
        if self.have is None:
            return gettext("fewer than %(fewer_than)s of %(want)s") % {"fewer_than": self.fewer_than, "want": self.want}
        return gettext("%(have)s of %(want)s") % {"have": self.have, "want": self.want}


def readiness(reader: User | None) -> list[Readiness]:
    """Clips with four stars or more, and decided pairs, against what a first training needs.

    Nobody is told counts below `FEWEST_TOLD` but the studio itself (None).
    """
    liked = count_rows("supervised", FilterSpec(min_rating=LIKED_FROM))
    decided = decided_pairs(FilterSpec()).count()
    return [
        _readiness("supervised", told(reader, liked), LIKED_CLIPS_WANTED),
        _readiness("preference", told(reader, decided), PAIRS_WANTED),
    ]


def _readiness(kind: str, have: int | None, want: int) -> Readiness:
    return Readiness(kind, have, want, FEWEST_TOLD if have is None else None)


def told(reader: User | None, count: int) -> int | None:
    """The count as it is told: None for fewer than `FEWEST_TOLD`, which would tell what was said of single clips.

    The studio itself (None) is told every count.
    """
    return count if reader is None or count >= FEWEST_TOLD else None


def count_rows(kind: str, spec: FilterSpec) -> int:
    """How many rows a dataset would have if it were built now."""
    return rows(kind, spec).count()


def rows(kind: str, spec: FilterSpec) -> QuerySet:
    """`rated_clips` or `judged_pairs`."""
    return rated_clips(spec) if kind == Dataset.Kind.SUPERVISED else judged_pairs(spec)


def eligible_samples(spec: FilterSpec) -> QuerySet[AudioSample]:
    """Clips that may be trained on and that the filters let through. Texts of frozen suites never are."""
    samples = AudioSample.objects.visible().filter(
        job__state=GenerationJob.State.COMPLETED,
        job__prompt__in=Prompt.objects.outside_suites().order_by().values("pk"),
    )
    if spec.prompts:
        samples = samples.filter(job__prompt__pk__in=spec.prompts)
    if spec.base_models:
        samples = samples.filter(job__base_model__key__in=spec.base_models)
    if spec.adapters:
        worn = Q(job__adapter__in=[pk for pk in spec.adapters if pk != NO_ADAPTER])
        samples = samples.filter(worn | Q(job__adapter=None) if NO_ADAPTER in spec.adapters else worn)
    if spec.favorites:
        samples = samples.filter(Exists(Favorite.objects.filter(sample=OuterRef("pk"))))
    for tag in spec.required_tags:
        samples = samples.filter(_tagged([tag]))
    return samples.exclude(_tagged(spec.excluded_tags)) if spec.excluded_tags else samples


def _tagged(names: tuple[str, ...] | list[str]) -> Exists:
    return Exists(SampleTag.objects.filter(sample=OuterRef("pk"), tag__name__in=names).trusted())


def answers(judgements: Any, spec: FilterSpec) -> Any:
    """The answers that are pooled, each with its rater's `reliability`; those that weigh nothing are left out."""
    chosen = (
        judgements.visible()
        .trusted()
        .annotate(reliability=Coalesce("rater__rater_profile__weight", Value(UNKNOWN_WEIGHT)))
    )
    chosen = chosen.filter(reliability__gt=0, reliability__gte=spec.min_rater_weight)
    if spec.raters:
        chosen = chosen.filter(rater__username__in=spec.raters)
    if spec.since_moment:
        chosen = chosen.filter(created_at__gte=spec.since_moment)
    if spec.until_moment:
        chosen = chosen.filter(created_at__lte=spec.until_moment)
    return chosen.order_by()


def rating_answers(spec: FilterSpec) -> QuerySet[Rating]:
    """The ratings that are pooled."""
    ratings = Rating.objects.within(eligible_samples(spec).order_by().values("pk"))
    if spec.criterion != ANY_CRITERION:
        ratings = ratings.filter(criterion__slug=spec.criterion)
    return answers(ratings, spec)


def vote_answers(spec: FilterSpec) -> QuerySet:
    """The votes that are pooled, from comparisons, rankings and listening tests that are over; one per rater and pair.

    With `low` and `high`, the ids of the pair's clips in their order, whichever was shown as A.
    """
    votes = Preference.objects.within(eligible_samples(spec).order_by().values("pk"))
    a_is_low = Q(sample_a__lt=F("sample_b"))
    return answers(votes, spec).annotate(
        asked=F("sample_a__job__prompt__text_key"),
        low=Case(When(a_is_low, then=F("sample_a")), default=F("sample_b"), output_field=UUIDField()),
        high=Case(When(a_is_low, then=F("sample_b")), default=F("sample_a"), output_field=UUIDField()),
    )


def rated_clips(spec: FilterSpec) -> QuerySet:
    """One dict per clip: `asked` (its prompt's `text_key`), `sample_id`, `weight` (the reliabilities summed), `votes`
    (how many ratings) and `rating`, their mean weighted by reliability.
    """
    weight = Sum("reliability")
    total = Sum(F("score") * F("reliability"), output_field=FloatField())
    clips = (
        rating_answers(spec)
        .values("sample_id", asked=F("sample__job__prompt__text_key"))
        .annotate(weight=weight, votes=Count("pk"), rating=total / weight)
        .order_by("asked", "sample_id")
    )
    if spec.min_rating is not None:
        clips = clips.filter(rating__gte=spec.min_rating - TOLERANCE)
    return clips if spec.max_rating is None else clips.filter(rating__lte=spec.max_rating + TOLERANCE)


def pairs(spec: FilterSpec) -> QuerySet:
    """One dict per unordered pair: `asked` (the `text_key` of both prompts), `low`, `high`, and for each of these two
    its `_weight` and `_votes`; `ties` with `tie_weight`, and `both_bad`, are the answers that named no winner.
    """
    winner_is_low = Q(winner="a", sample_a=F("low")) | Q(winner="b", sample_b=F("low"))
    winner_is_high = Q(winner="a", sample_a=F("high")) | Q(winner="b", sample_b=F("high"))

    def weight(of: Q) -> Coalesce:
        return Coalesce(Sum("reliability", filter=of), 0.0)

    return (
        vote_answers(spec)
        .values("asked", "low", "high")
        .annotate(
            low_weight=weight(winner_is_low),
            high_weight=weight(winner_is_high),
            low_votes=Count("pk", filter=winner_is_low),
            high_votes=Count("pk", filter=winner_is_high),
            tie_weight=weight(Q(winner="tie")),
            ties=Count("pk", filter=Q(winner="tie")),
            both_bad=Count("pk", filter=Q(winner="both_bad")),
        )
        .order_by("asked", "low", "high")
    )


def judged_pairs(spec: FilterSpec) -> QuerySet:
    """Of `pairs`, those with a winner or a tie; “both bad” says nothing of one clip to the other."""
    compared = pairs(spec).annotate(compared=F("low_weight") + F("high_weight") + F("tie_weight"))
    return compared.filter(compared__gt=TOLERANCE)


def decided_pairs(spec: FilterSpec) -> QuerySet:
    """Of `pairs`, those of which one clip got more weight than the other."""
    low, high = F("low_weight"), F("high_weight")
    return pairs(spec).filter(Q(low_weight__gt=high + TOLERANCE) | Q(high_weight__gt=low + TOLERANCE))
