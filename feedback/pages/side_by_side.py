"""Two adapters against one another, in words."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from django.contrib.auth.models import User
from django.db.models import Avg, Count
from django.utils.translation import gettext, ngettext

from adapters.models import Adapter
from adapters.pages.listing import Measure
from feedback.judgements.performance import duel_between, ratings_of
from feedback.listening_tests.services.results import Duel
from feedback.statistics.mean_difference import is_clear, permutation_p
from feedback.statistics.win_rate import Claim


def side_by_side(*, adapters: Sequence[Adapter], reader: User) -> list[Measure]:
    """Mean rating and win rate of two adapters. Only what chance does not explain is called a difference."""
    one, other = adapters
    duel = duel_between(one, other, reader)
    return [_compared_ratings(adapters, reader), _compared_votes(duel)]


def _compared_ratings(adapters: Sequence[Adapter], reader: User) -> Measure:
    """A clip counts once in the test, by its own mean, however many rated it."""
    rated = [ratings_of(adapter, reader) for adapter in adapters]
    found = [ratings.aggregate(mean=Avg("score"), count=Count("pk")) for ratings in rated]
    words = [f"{row['mean']:.2f} ({_ratings(row['count'])})" if row["count"] else "–" for row in found]
    clips = [[mean for _, mean in ratings.values_list("sample").annotate(Avg("score"))] for ratings in rated]
    first, second = clips
    p_value = permutation_p(first, second)
    if p_value is None:
        return Measure(gettext("Mean rating"), words, verdict=gettext("Clips of both have to be rated first."))
    ahead = _higher([row["mean"] for row in found])
    clear = is_clear(p_value) and ahead == _higher([fmean(means) for means in clips])
    said = gettext("No clear difference (p = %(p)s, clip by clip).")
    if clear:
        said = gettext("A clear difference (p = %(p)s, clip by clip).")
    verdict = said % {"p": f"{p_value:.2g}"}
    return Measure(gettext("Mean rating"), words, ahead, "better" if clear else "higher", verdict)


def _compared_votes(duel: Duel) -> Measure:
    sides = (duel, duel.mirrored)
    words = [f"{side.percent} ({side.interval})" if side.rate.votes else "–" for side in sides]
    verdict = f"{_votes(duel.rate.votes)} {duel.sentence}"
    few = duel.rate.claim is Claim.TOO_FEW
    leader = None if few else _higher([side.rate.rate for side in sides])
    return Measure(gettext("Win rate"), words, leader, "better" if duel.rate.is_decided else "higher", verdict)


def _ratings(number: int) -> str:
    return ngettext("%(n)s rating", "%(n)s ratings", number) % {"n": number}


def _votes(number: int) -> str:
    if not number:
        return gettext("No votes between the two.")
    return ngettext("%(n)s vote between the two.", "%(n)s votes between the two.", number) % {"n": number}


def _higher(values: Sequence[float | None]) -> int | None:
    """The place of the higher of two values; None if there is none."""
    one, other = values
    if one is None or other is None or one == other:
        return None
    return int(other > one)
