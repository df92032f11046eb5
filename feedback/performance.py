"""How an adapter fares beside its base model alone, and two adapters against one another.

Figures are of the answers the reader may see, as all figures of feedback are, and as in the results of listening tests
those of excluded raters are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, TypeAlias

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Avg, Count, Q

from adapters.listing import Measure
from adapters.models import Adapter
from feedback.listening_tests.results import Duel
from feedback.models import Preference, Rating
from feedback.statistics.mean_difference import is_clear, permutation_p
from feedback.statistics.win_rate import Claim, summarise
from feedback.summaries import OURS, THEIRS, comparisons_between, rating_statistics
from generation.models import AudioSample, BaseModel, GenerationJob

Contender: TypeAlias = Adapter | BaseModel
"""What plays: an adapter, or a base model without any."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Jobs and samples of a contender, deleted ones left out, and the ratings of the samples."""

    contender: Contender
    generations: int
    samples: int
    ratings: dict[str, Any]

    @property
    def stars(self) -> list[tuple[str, int]]:
        """How often each star was given, five first."""
        return sorted(self.ratings["stars"].items(), reverse=True)


@dataclass(frozen=True, slots=True)
class Performance:
    """An adapter's figures and its base model's, and the votes between them."""

    adapter: Figures
    base: Figures
    duel: Duel

    @property
    def is_empty(self) -> bool:
        """Whether the adapter was neither rated nor compared with its base."""
        return not (self.adapter.ratings["total"] or self.duel.rate.votes or self.duel.rate.both_bad)

    @property
    def both(self) -> tuple[Figures, Figures]:
        return self.adapter, self.base

    @property
    def duels(self) -> tuple[Duel, Duel]:
        """The votes, from either side."""
        return self.duel, self.duel.mirrored

    @property
    def criteria(self) -> list[tuple[str, list[dict[str, Any] | None]]]:
        """Each criterion one of the two was rated on, with `mean` and `count` of both; None without."""
        rated = [{row["name"]: row for row in figures.ratings["by_criterion"]} for figures in self.both]
        names = dict.fromkeys(name for rows in sorted(rated, key=len, reverse=True) for name in rows)
        return [(name, [rows.get(name) for rows in rated]) for name in names]


def performance(*, adapter: Adapter, reader: AbstractBaseUser) -> Performance:
    """In nine queries, however much there is. `adapter` comes with its base model."""
    base = adapter.base_model
    return Performance(_figures(adapter, reader), _figures(base, reader), _duel(adapter, base, reader))


def side_by_side(*, adapters: Sequence[Adapter], reader: AbstractBaseUser) -> list[Measure]:
    """Mean rating and win rate of two adapters. Only what chance does not explain is called a difference."""
    one, other = adapters
    duel = _duel(one, other, reader)
    return [_compared_ratings(adapters, reader), _compared_votes(duel)]


# -- figures of one contender ----------------------------------------------------------------------------------------


def _figures(contender: Contender, reader: AbstractBaseUser) -> Figures:
    jobs = GenerationJob.objects.visible().order_by().filter(_plays(contender))
    made = jobs.aggregate(
        generations=Count("pk", distinct=True),
        samples=Count("samples", distinct=True, filter=Q(samples__deleted_at__isnull=True)),
    )
    return Figures(contender, **made, ratings=rating_statistics(_ratings(contender, reader)))


def _plays(contender: Contender, path: str = "") -> Q:
    """Of a job: that this made its samples; of what a job is behind: by the `path` to it."""
    if isinstance(contender, Adapter):
        return Q(**{f"{path}adapter": contender})
    return Q(**{f"{path}base_model": contender, f"{path}adapter__isnull": True})


def _ratings(contender: Contender, reader: AbstractBaseUser) -> Any:
    return Rating.objects.visible_to(reader).trusted().order_by().filter(_plays(contender, "sample__job__"))


# -- one against another ---------------------------------------------------------------------------------------------


def _duel(one: Contender, other: Contender, reader: AbstractBaseUser) -> Duel:
    """The votes between samples of the two, wherever they were given."""
    preferences = Preference.objects.visible_to(reader).trusted().order_by()
    ours, theirs = (AudioSample.objects.order_by().filter(_plays(side, "job__")).values("pk") for side in (one, other))
    votes = comparisons_between(preferences, ours, theirs)
    return Duel(one, other, summarise(votes, OURS, THEIRS))


def _compared_ratings(adapters: Sequence[Adapter], reader: AbstractBaseUser) -> Measure:
    """A clip counts once in the test, by its own mean, however many rated it."""
    rated = [_ratings(adapter, reader) for adapter in adapters]
    found = [ratings.aggregate(mean=Avg("score"), count=Count("pk")) for ratings in rated]
    words = [f"{row['mean']:.2f} ({_counted(row['count'], 'rating')})" if row["count"] else "–" for row in found]
    clips = [[mean for _, mean in ratings.values_list("sample").annotate(Avg("score"))] for ratings in rated]
    p_value = permutation_p(*clips)
    if p_value is None:
        return Measure("Mean rating", words, verdict="Clips of both have to be rated first.")
    ahead = _higher([row["mean"] for row in found])
    clear = is_clear(p_value) and ahead == _higher([fmean(means) for means in clips])
    verdict = f"{'A clear' if clear else 'No clear'} difference (p = {p_value:.2g}, clip by clip)."
    return Measure("Mean rating", words, ahead, "better" if clear else "higher", verdict)


def _compared_votes(duel: Duel) -> Measure:
    sides = (duel, duel.mirrored)
    words = [f"{side.percent} ({side.interval})" if side.rate.votes else "–" for side in sides]
    verdict = f"{_counted(duel.rate.votes, 'vote')} between the two. {duel.sentence}"
    few = duel.rate.claim is Claim.TOO_FEW
    leader = None if few else _higher([side.rate.rate for side in sides])
    return Measure("Win rate", words, leader, "better" if duel.rate.is_decided else "higher", verdict)


def _counted(number: int, noun: str) -> str:
    """As in "1 vote", "No votes"."""
    return f"{number or 'No'} {noun}{'' if number == 1 else 's'}"


def _higher(values: Sequence[float | None]) -> int | None:
    """The place of the higher of two values; None if there is none."""
    one, other = values
    if one is None or other is None or one == other:
        return None
    return int(other > one)
