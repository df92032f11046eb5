"""Feedback in figures, computed in the database: of a scope of samples, or of each row of a list.

All figures are of what the reader may see, so they agree with the lists of feedback the same reader gets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Avg, Case, Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce

from feedback.models import Criterion, Note, Preference, Ranking, Rating, SampleTag, Tag
from feedback.models.judgements import HIGHEST_SCORE, LOWEST_SCORE
from feedback.querysets import samples_judged_by
from feedback.statistics.outcomes import Comparison, Outcome
from generation.models import AudioSample
from generation.querysets import AudioSampleQuerySet

TOP_TAGS = 10
OURS, THEIRS = "ours", "theirs"
MOST_SAMPLES = 100
"""Win rates are told of at most so many samples, those compared most often first."""


# -- a scope ------------------------------------------------------------------------------------------------------


def statistics(
    *, reader: User, samples: QuerySet[AudioSample] | None = None, whole_prompt: bool = False
) -> dict[str, Any]:
    """Ratings, preferences, tags and the number of rankings and notes on `samples` (None: on all).

    Clips are compared within a prompt only, so where `samples` are all of one (`whole_prompt`) there is nobody they
    could win against, and no win rate.
    """
    ids = None if samples is None else samples.order_by().values("pk")
    return {
        "samples_judged": _judged(reader, ids).count(),
        "ratings": rating_statistics(_seen(Rating, reader, ids)),
        "preferences": _preference_statistics(_seen(Preference, reader, ids), ids, whole_prompt),
        "tags": tag_statistics(_seen(SampleTag, reader, ids)),
        "rankings": _seen(Ranking, reader, ids).count(),
        "notes": _seen(Note, reader, ids).count(),
    }


def _seen(kind: Any, reader: User, ids: QuerySet | Collection[UUID] | None) -> QuerySet:
    shown = kind.objects.visible_to(reader).order_by()
    return shown if ids is None else shown.concerning(ids)


def _judged(reader: User, ids: QuerySet | Collection[UUID] | None) -> QuerySet[AudioSample]:
    """The samples among `ids` (None: the visible ones) with any feedback that `reader` sees."""
    singles = [_seen(kind, reader, ids).values("sample") for kind in (Rating, SampleTag, Note)]
    compared = _seen(Preference, reader, ids)
    judged = singles[0].union(*singles[1:], compared.values("sample_a"), compared.values("sample_b"))
    shown = AudioSample.objects.visible() if ids is None else AudioSample.objects.filter(pk__in=ids)
    return shown.order_by().filter(pk__in=judged)


def rating_statistics(ratings: QuerySet[Rating]) -> dict[str, Any]:
    """Total, mean (None without any), number and mean per criterion, and how often each star was given."""
    stars = {f"stars_{star}": Count("pk", filter=Q(score=star)) for star in range(LOWEST_SCORE, HIGHEST_SCORE + 1)}
    found = ratings.aggregate(total=Count("pk"), mean=Avg("score"), **stars)
    groups = ratings.values("criterion").annotate(count=Count("pk"), mean=Avg("score"))
    by_criterion = {row["criterion"]: row for row in groups}
    criteria = Criterion.objects.filter(pk__in=by_criterion)
    return {
        "total": found["total"],
        "mean": _rounded(found["mean"]),
        "stars": {str(star): found[f"stars_{star}"] for star in range(LOWEST_SCORE, HIGHEST_SCORE + 1)},
        "by_criterion": [
            {
                "criterion": criterion.slug,
                "name": criterion.name,
                "count": by_criterion[criterion.pk]["count"],
                "mean": _rounded(by_criterion[criterion.pk]["mean"]),
            }
            for criterion in criteria
        ],
    }


def _preference_statistics(
    preferences: QuerySet[Preference], ids: QuerySet | None, whole_prompt: bool
) -> dict[str, Any]:
    winners = {name: Count("pk", filter=Q(winner=name)) for name in Preference.Winner.values}
    found = preferences.aggregate(
        total=Count("pk"),
        pairs=Count("pair_key", distinct=True),
        prompts=Count("sample_a__job__prompt", distinct=True),
        mean_strength=Avg("strength"),
        **{f"winner_{name}": count for name, count in winners.items()},
    )
    sides = preferences.values("sample_a").union(preferences.values("sample_b"))
    return {
        "total": found["total"],
        "pairs": found["pairs"],
        "prompts": found["prompts"],
        "samples": AudioSample.objects.filter(pk__in=sides).count(),
        "mean_strength": _rounded(found["mean_strength"]),
        "winners": {name: found[f"winner_{name}"] for name in winners},
        "win_rate": None if ids is None or whole_prompt else win_rate_of(preferences, ids),
        "win_rates": win_rates(preferences, ids),
    }


def win_rate_of(preferences: QuerySet[Preference], ids: QuerySet) -> dict[str, Any] | None:
    """How samples among `ids` fare against others: preferences with exactly one of the two sides among them.

    None where no vote decided anything.
    """
    ours_a, ours_b = Q(sample_a__in=ids), Q(sample_b__in=ids)
    found = _outcomes(preferences, ours_a & ~ours_b, ours_b & ~ours_a)
    return found | {"rate": _win_rate(found)} if found["wins"] or found["losses"] else None


def comparisons_between(preferences: QuerySet[Preference], ours: QuerySet, theirs: QuerySet) -> list[Comparison]:
    """The votes on samples among `ours` (arm `OURS`) against samples among `theirs` (arm `THEIRS`)."""
    as_a, as_b = Q(sample_a__in=ours, sample_b__in=theirs), Q(sample_a__in=theirs, sample_b__in=ours)
    votes = preferences.filter(as_a | as_b).annotate(first_is_ours=Case(When(as_a, then=True), default=False))
    return [
        Comparison(*((OURS, THEIRS) if ours_first else (THEIRS, OURS)), Outcome(winner), rater=rater, prompt=prompt)
        for winner, rater, prompt, ours_first in votes.values_list(
            "winner", "rater", "sample_a__job__prompt", "first_is_ours"
        )
    ]


def _outcomes(preferences: QuerySet[Preference], as_a: Q, as_b: Q) -> dict[str, int]:
    """Of one side, which is A in preferences that are `as_a`, and B in those that are `as_b`."""
    return preferences.aggregate(
        wins=Count("pk", filter=(as_a & Q(winner="a")) | (as_b & Q(winner="b"))),
        losses=Count("pk", filter=(as_a & Q(winner="b")) | (as_b & Q(winner="a"))),
        ties=Count("pk", filter=(as_a | as_b) & Q(winner="tie")),
        both_bad=Count("pk", filter=(as_a | as_b) & Q(winner="both_bad")),
    )


def win_rates(preferences: QuerySet[Preference], ids: QuerySet | None) -> list[dict[str, Any]]:
    """Wins, losses, ties and win rate of each compared sample, the most compared first, at most `MOST_SAMPLES`."""
    samples = AudioSample.objects.filter(pk__in=preferences.values("sample_a").union(preferences.values("sample_b")))
    if ids is not None:
        samples = samples.filter(pk__in=ids)
    outcomes = {
        "wins": ("a", "b"),
        "losses": ("b", "a"),
        "ties": ("tie", "tie"),
        "both_bad": ("both_bad", "both_bad"),
    }
    decided = preferences.exclude(winner="both_bad")
    most = samples.annotate(votes=_votes(decided)).order_by("-votes", "pk").values_list("pk", flat=True)[:MOST_SAMPLES]
    counts = {name: _votes(preferences, *winners) for name, winners in outcomes.items()}
    rows = AudioSample.objects.filter(pk__in=list(most)).annotate(votes=_votes(decided), **counts)
    return [
        {"sample": sample.pk, "job": sample.job_id, "label": sample.label, "name": str(sample)}
        | (counted := {name: getattr(sample, name) for name in outcomes})
        | {"rate": _win_rate(counted)}
        for sample in rows.order_by("-votes", "pk").select_related("job")
    ]


def _votes(preferences: QuerySet[Preference], as_a: str = "", as_b: str = "") -> Any:
    """Of a sample: how many preferences it is in, or those that name `as_a` with it as A and `as_b` with it as B."""

    def side(name: str, winner: str) -> Any:
        named = {"winner": winner} if winner else {}
        mine = preferences.filter(**{name: OuterRef("pk")}, **named).values(name)
        return Coalesce(Subquery(mine.annotate(n=Count("pk")).values("n")), Value(0))

    return side("sample_a", as_a) + side("sample_b", as_b)


def _win_rate(counts: dict[str, int]) -> float | None:
    """A tie is half a win; “both bad” says nothing about which is better. None without a vote."""
    votes = counts["wins"] + counts["losses"] + counts["ties"]
    return _rounded((counts["wins"] + counts["ties"] / 2) / votes) if votes else None


def tag_statistics(uses: QuerySet[SampleTag]) -> dict[str, Any]:
    """Totals by sign, how often each tag was used, and the commonest good and bad ones."""
    found = uses.aggregate(
        total=Count("pk"), **{sign: Count("pk", filter=Q(tag__sign=sign)) for sign in Tag.Sign.values}
    )
    frequencies = list(
        uses.values(name=F("tag__name"), sign=F("tag__sign")).annotate(count=Count("pk")).order_by("-count", "name")
    )
    top = {
        f"top_{sign}": [row for row in frequencies if row["sign"] == sign][:TOP_TAGS]
        for sign in (Tag.Sign.GOOD, Tag.Sign.BAD)
    }
    return found | {"frequencies": frequencies} | top


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def mean_rating(reader: User) -> float | None:
    """Of all ratings the reader sees; None without any."""
    return Rating.objects.visible_to(reader).order_by().aggregate(mean=Avg("score"))["mean"]


# -- rows of a list ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SampleSummary:
    """A row's feedback: `mean` of `ratings` scores (None without any), votes in comparisons, tags and notes.

    `judged_by_me` is False for a reader who has yet to judge the sample; the rest is then empty for raters.
    """

    mean: float | None
    ratings: int
    wins: int
    votes: int
    tags: int
    notes: int
    judged_by_me: bool

    @property
    def is_empty(self) -> bool:
        return not (self.ratings or self.votes or self.tags or self.notes)


@dataclass(frozen=True, slots=True)
class GroupSummary:
    """The feedback on a job or a prompt: `mean` of `ratings` scores, and how many of its samples have any."""

    mean: float | None
    ratings: int
    judged: int


def summaries_of_samples(*, reader: User, ids: Iterable[UUID]) -> dict[UUID, SampleSummary]:
    """A summary for each sample, all in one query."""
    samples = AudioSample.objects.filter(pk__in=list(ids)).order_by()
    shown = {kind: kind.objects.visible_to(reader).order_by() for kind in (Rating, SampleTag, Note)}
    preferences = Preference.objects.visible_to(reader).order_by()
    rows = samples.annotate(
        mean=Subquery(_of_sample(shown[Rating]).annotate(m=Avg("score")).values("m")),
        rating_count=_number(_of_sample(shown[Rating])),
        tag_count=_number(_of_sample(shown[SampleTag])),
        note_count=_number(_of_sample(shown[Note])),
        wins=_votes(preferences, "a", "b"),
        losses=_votes(preferences, "b", "a"),
        ties=_votes(preferences, "tie", "tie"),
        judged_by_me=Exists(AudioSample.objects.filter(pk=OuterRef("pk"), pk__in=samples_judged_by(reader))),
    ).annotate(vote_count=F("wins") + F("losses") + F("ties"))
    told = ("mean", "rating_count", "wins", "vote_count", "tag_count", "note_count", "judged_by_me")
    return {pk: SampleSummary(*values) for pk, *values in rows.values_list("pk", *told)}


def _of_sample(feedback: QuerySet) -> QuerySet:
    return feedback.filter(sample=OuterRef("pk")).values("sample")


def _number(of_sample: QuerySet) -> Coalesce:
    return Coalesce(Subquery(of_sample.annotate(n=Count("pk")).values("n")), Value(0))


def summaries_of_jobs(*, reader: User, ids: Iterable[UUID]) -> dict[UUID, GroupSummary]:
    """A summary for each job, in three queries."""
    return _summaries(reader, "job", ids)


def summaries_of_prompts(*, reader: User, ids: Iterable[UUID]) -> dict[UUID, GroupSummary]:
    """A summary for each prompt, in three queries."""
    return _summaries(reader, "job__prompt", ids)


def _summaries(reader: User, path: str, ids: Iterable[UUID]) -> dict[UUID, GroupSummary]:
    wanted = list(ids)
    shown = AudioSample.objects.visible().order_by().filter(**{f"{path}__in": wanted})
    samples = dict(shown.values_list("pk", path))
    ratings = _seen(Rating, reader, samples)
    scores = {
        row["group"]: row
        for row in ratings.values(group=F(f"sample__{path}")).annotate(mean=Avg("score"), ratings=Count("pk"))
    }
    judged = Counter(samples[pk] for pk in _judged(reader, samples).values_list("pk", flat=True))
    none: dict[str, Any] = {"mean": None, "ratings": 0}
    return {pk: GroupSummary(judged=judged[pk], **{name: scores.get(pk, none)[name] for name in none}) for pk in wanted}


# -- what waits for ears --------------------------------------------------------------------------------------------


def without_feedback(samples: AudioSampleQuerySet) -> AudioSampleQuerySet:
    """Those nobody has given any feedback on. It tells that there are answers, not what they are: open to everybody."""
    return samples.filter(*_without_feedback())


def judged_by(samples: AudioSampleQuerySet, rater: User) -> AudioSampleQuerySet:
    """Those `rater` has given any feedback on."""
    return samples.filter(pk__in=samples_judged_by(rater))


def not_judged_by(samples: AudioSampleQuerySet, rater: User) -> AudioSampleQuerySet:
    """Those `rater` has yet to judge."""
    return samples.filter(*_without_feedback(rater=rater))


def not_judged_of_own(samples: AudioSampleQuerySet, rater: User) -> AudioSampleQuerySet:
    """Those that were made for `rater`, who has yet to judge them."""
    return not_judged_by(samples.filter(job__requested_by=rater), rater)


def _without_feedback(**by: User) -> list[Any]:
    """Conditions on a sample, one for each way to name it: a database joins them where NOT IN would search anew for
    every sample.
    """
    fields: dict[Any, list[str]] = {kind: ["sample"] for kind in (Rating, SampleTag, Note)}
    fields[Preference] = ["sample_a", "sample_b"]
    return [
        ~Exists(kind.objects.order_by().filter(**{name: OuterRef("pk")}, **by))
        for kind, names in fields.items()
        for name in names
    ]
