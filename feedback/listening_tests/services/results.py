"""What the votes of one test say: between arms, by prompt, and how far the raters can be trusted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Count, QuerySet
from django.utils.translation import gettext

from adapters.models import Adapter
from feedback.listening_tests.access import may_see_results
from feedback.listening_tests.services.trials import OUTCOMES, winner_of
from feedback.models import Arm, ListeningTest, Trial
from feedback.statistics.agreement import Alpha, Judgement, PairAgreement, pair_agreement, preference_alpha
from feedback.statistics.outcomes import Comparison
from feedback.statistics.position_bias import PositionBias, estimate
from feedback.statistics.win_rate import MIN_DECIDED, Claim, WinRate, summarise
from generation.models import BaseModel
from prompts.models import Prompt
from text2song.exceptions import Forbidden


def percent(share: float | None) -> str:
    """A share in per cent, a dash where there is none."""
    return "–" if share is None else f"{share:.0%}".replace("%", " %")


Side: TypeAlias = Arm | Adapter | BaseModel
"""What can be preferred to another: an arm of a test, or what it plays in whatever test."""


@dataclass(frozen=True, slots=True)
class Duel:
    """One against another; `rate` counts the first one's wins."""

    arm: Side
    against: Side
    rate: WinRate

    @property
    def mirrored(self) -> Duel:
        """The same votes from the other side."""
        return Duel(self.against, self.arm, self.rate.mirrored)

    @property
    def percent(self) -> str:
        """The win rate in words; a dash without votes."""
        return percent(self.rate.rate)

    @property
    def interval(self) -> str:
        return (
            gettext("%(low)s to %(high)s") % {"low": percent(self.rate.low), "high": percent(self.rate.high)}
            if self.rate.votes
            else "–"
        )

    @property
    def sentence(self) -> str:
        """What may be said, and no more."""
        rate = self.rate
        if rate.claim == Claim.TOO_FEW:
            missing = MIN_DECIDED - rate.decided
            return gettext("Too few decided votes to claim anything: %(missing)s more are needed at least.") % {
                "missing": missing
            }
        if rate.claim == Claim.UNDECIDED:
            said = gettext("Undecided.")
            if rate.is_of_one:
                said = gettext("Undecided for this one rater; of others nothing is known.")
            return f"{said} {self._needed}"
        better, worse = (self.arm, self.against) if rate.claim == Claim.BETTER else (self.against, self.arm)
        said = gettext("“%(better)s” is preferred to “%(worse)s”.")
        if rate.is_of_one:
            said = gettext("“%(better)s” is preferred to “%(worse)s” for this one rater; of others nothing is known.")
        return said % {"better": better, "worse": worse}

    @property
    def _needed(self) -> str:
        if self.rate.votes_needed is None:
            return gettext("At even votes no number would decide it.")
        return gettext("About %(votes)s more votes would decide it, if they fall as before.") % {
            "votes": self.rate.votes_needed
        }


@dataclass(frozen=True, slots=True)
class PromptRow:
    """The votes on one prompt between two arms."""

    prompt: Prompt
    arm: Arm
    against: Arm
    wins: int
    ties: int
    losses: int
    both_bad: int


@dataclass(frozen=True, slots=True)
class Results:
    """Everything a test's page tells. `left_out` votes are those of raters a curator excluded."""

    test: ListeningTest
    duels: list[Duel]
    prompts: list[PromptRow]
    bias: PositionBias
    alpha: Alpha
    agreement: PairAgreement
    votes: int
    raters: int
    both_bad: int
    left_out: int

    @property
    def both_bad_share(self) -> float | None:
        return self.both_bad / self.votes if self.votes else None

    @property
    def in_words(self) -> dict[str, str]:
        """Shares in per cent: votes for Sample 1, answers alike, both bad."""
        shares = {"first": self.bias.share, "alike": self.agreement.share, "both_bad": self.both_bad_share}
        return {name: percent(share) for name, share in shares.items()}


def results(*, actor: User | None, test: ListeningTest) -> Results:
    """Raises `Forbidden` for a rater while the test goes on: nobody should vote after others."""
    if not may_see_results(actor, test):
        raise Forbidden(gettext("Results are shown when the test is over, so that nobody votes after others."))
    trusted = trusted_votes(test.trials.counted())
    tally = _tally(trusted)
    duels = list(combinations(arms := list(test.arms.select_related("base_model", "adapter")), 2))
    comparisons = comparisons_of(trusted)
    judgements = _judgements(trusted)
    sides = Counter(dict(trusted.order_by().values_list("choice").annotate(n=Count("pk"))))
    return Results(
        test=test,
        duels=[Duel(x, y, summarise(comparisons, x.pk, y.pk, family=len(duels))) for x, y in duels],
        prompts=_prompt_rows(test, tally, arms),
        bias=estimate(sides[Trial.Choice.FIRST], sides[Trial.Choice.SECOND]),
        alpha=preference_alpha(judgements),
        agreement=pair_agreement(judgements),
        votes=sum(sides.values()),
        raters=len({judgement.rater for judgement in judgements}),
        both_bad=sides[Trial.Choice.BOTH_BAD],
        left_out=test.trials.counted().count() - sum(sides.values()),
    )


def trusted_votes(trials: QuerySet[Trial]) -> QuerySet[Trial]:
    """Without those of excluded raters."""
    return trials.exclude(rater__rater_profile__is_excluded=True)


def comparisons_of(trials: QuerySet[Trial]) -> list[Comparison]:
    """The votes between arms, by who gave them and on what; those of accounts that are gone count as one rater's."""
    keys = ("pair__arm_x", "pair__arm_y", "x_is_first", "choice", "rater", "pair__prompt")
    return [
        Comparison(x, y, OUTCOMES[winner_of(choice, x_is_first)], rater=rater, prompt=prompt)
        for x, y, x_is_first, choice, rater, prompt in trials.order_by("voted_at", "id").values_list(*keys)
    ]


Tally = Counter[tuple[UUID, UUID, UUID, str]]
"""Votes by prompt, arm x, arm y and winner."""


def _tally(trials: QuerySet[Trial]) -> Tally:
    keys = ("pair__prompt", "pair__arm_x", "pair__arm_y", "x_is_first", "choice")
    tally: Tally = Counter()
    for prompt, x, y, x_is_first, choice, count in trials.order_by().values_list(*keys).annotate(n=Count("pk")):
        tally[prompt, x, y, winner_of(choice, x_is_first)] += count
    return tally


def _prompt_rows(test: ListeningTest, tally: Tally, arms: Iterable[Arm]) -> list[PromptRow]:
    by_id = {arm.pk: arm for arm in arms}
    won: dict[tuple[UUID, UUID, UUID], Counter[str]] = defaultdict(Counter)
    for (prompt, x, y, winner), count in tally.items():
        won[prompt, x, y][winner] += count
    prompts = [item.prompt for item in test.suite.items.select_related("prompt")]
    return [
        PromptRow(prompt, x, y, counts["x"], counts["tie"], counts["y"], counts["both_bad"])
        for prompt in prompts
        for x, y in combinations(by_id.values(), 2)
        if (counts := won.get((prompt.pk, x.pk, y.pk)))
    ]


def _judgements(trials: QuerySet[Trial]) -> list[Judgement]:
    """Answers that name the clip, one per rater and pair; raters whose account is gone cannot be told apart."""
    rows = trials.filter(rater__isnull=False).order_by().values_list("rater", "pair", "choice", "x_is_first")
    return [Judgement(rater, pair, winner_of(choice, x_is_first)) for rater, pair, choice, x_is_first in rows]
