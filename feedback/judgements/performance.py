"""How an adapter fares beside its base model alone.

Figures are of the answers the reader may see, as all figures of feedback are, and as in the results of listening tests
those of excluded raters are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from django.contrib.auth.models import User
from django.db.models import Count, Q

from adapters.models import Adapter
from feedback.judgements.summaries import OURS, THEIRS, comparisons_between, rating_statistics
from feedback.listening_tests.services.results import Duel
from feedback.models import Preference, Rating
from feedback.statistics.win_rate import summarise
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


def performance(*, adapter: Adapter, reader: User) -> Performance:
    """In nine queries, however much there is. `adapter` comes with its base model."""
    base = adapter.base_model
    return Performance(_figures(adapter, reader), _figures(base, reader), duel_between(adapter, base, reader))


# -- figures of one contender ----------------------------------------------------------------------------------------


def _figures(contender: Contender, reader: User) -> Figures:
    jobs = GenerationJob.objects.visible().order_by().filter(_plays(contender))
    made = jobs.aggregate(
        generations=Count("pk", distinct=True),
        samples=Count("samples", distinct=True, filter=Q(samples__deleted_at__isnull=True)),
    )
    return Figures(contender, **made, ratings=rating_statistics(ratings_of(contender, reader)))


def _plays(contender: Contender, path: str = "") -> Q:
    """Of a job: that this made its samples; of what a job is behind: by the `path` to it."""
    if isinstance(contender, Adapter):
        return Q(**{f"{path}adapter": contender})
    return Q(**{f"{path}base_model": contender, f"{path}adapter__isnull": True})


def ratings_of(contender: Contender, reader: User) -> Any:
    return Rating.objects.visible_to(reader).trusted().order_by().filter(_plays(contender, "sample__job__"))


# -- one against another ---------------------------------------------------------------------------------------------


def duel_between(one: Contender, other: Contender, reader: User) -> Duel:
    """The votes between samples of the two, wherever they were given."""
    preferences = Preference.objects.visible_to(reader).trusted().order_by()
    ours, theirs = (AudioSample.objects.order_by().filter(_plays(side, "job__")).values("pk") for side in (one, other))
    votes = comparisons_between(preferences, ours, theirs)
    return Duel(one, other, summarise(votes, OURS, THEIRS))
