"""What a rater judges next: a pair, as which sample each clip is shown, and now and then a hidden control."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import numpy as np
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Count, Q
from django.utils import timezone
from django.utils.translation import gettext

from feedback.listening_tests.access import profile_of
from feedback.listening_tests.exceptions import WrongState
from feedback.listening_tests.pairs import collect_pairs
from feedback.models import ClipPair, ListeningTest, Trial
from feedback.statistics.assignment import Candidate, Strategy, choose
from feedback.statistics.outcomes import Comparison, Outcome
from text2song.exceptions import Conflict, NotFound

BETWEEN_REPEATS = 3
"""At least so many trials lie between a pair and its hidden repeat."""
ATTEMPTS = 5
ABANDONED_AFTER = timedelta(hours=1)
OUTCOMES = {"x": Outcome.A, "y": Outcome.B, "tie": Outcome.TIE, "both_bad": Outcome.BOTH_BAD}
CONTEXT = ("test", "pair__prompt", "pair__sample_x", "pair__sample_y")


@dataclass(frozen=True, slots=True)
class Plan:
    """What the next trial of a rater shows."""

    pair_id: UUID
    x_is_first: bool
    repeat_of: Trial | None = None


@dataclass(frozen=True, slots=True)
class RaterProgress:
    """A rater's way through a test; `total` is what they will have judged if they go on to the end."""

    judged: int
    total: int


def next_trial(*, rater: User, test: ListeningTest) -> Trial | None:
    """The rater's open trial, or a new one; None when nothing is left for them.

    Raises `NotFound` for a test not open to this rater, `WrongState` for one that is over or not started.
    """
    require_open(rater=rater, test=test)
    profile_of(rater)
    if test.state == ListeningTest.State.GENERATING:
        collect_pairs(test)
    for _ in range(ATTEMPTS):
        if (trial := _open_trial(rater, test)) is not None:
            return trial
        try:
            with transaction.atomic():
                made = _make_trial(rater, test)
        except IntegrityError:
            continue  # the same rater asked twice at once: one of the two made it
        if made is None:  # nothing is left, unless the last one was opened by another tab a moment ago
            return _open_trial(rater, test)
    if (trial := _open_trial(rater, test)) is not None:
        return trial
    raise Conflict(gettext("The next trial could not be opened. Try again."))


def require_open(*, rater: User, test: ListeningTest) -> None:
    """Raise `NotFound` or `WrongState` unless this rater may judge in this test now."""
    if ListeningTest.objects.open_to(rater).filter(pk=test.pk).exists():
        return
    if not ListeningTest.objects.visible_to(rater).filter(pk=test.pk).exists():
        raise NotFound(gettext("There is no such listening test, or it is not open to you."))
    test.refresh_from_db()
    if test.state == ListeningTest.State.DRAFT:
        raise WrongState(gettext("This test has not been started."))
    raise WrongState(gettext("This test is over. Thank you for listening."))


def rater_progress(*, rater: User, test: ListeningTest) -> RaterProgress:
    """Counts of trials, controls among them: a rater cannot tell which they are."""
    mine = test.trials.filter(rater=rater).voted()
    judged, regular = mine.count(), mine.counted().count()
    pairs = Counter(test.pairs.playable().values_list("kind", flat=True))
    wanted = max(0, test.votes_wanted - test.trials.counted().count())
    reachable = min(pairs[ClipPair.Kind.REGULAR], regular + wanted)
    total = reachable
    for _ in range(20):  # controls ask for controls of their own, ever fewer
        gold = min(due(test, rater, "gold", total + 1), pairs[ClipPair.Kind.GOLD])
        repeats = min(due(test, rater, "repeat", total + 1), max(0, reachable - BETWEEN_REPEATS))
        if total == reachable + gold + repeats:
            break
        total = reachable + gold + repeats
    return RaterProgress(judged, max(judged, total))


def seconds_of_trial(test: ListeningTest) -> int:
    """About how long a trial takes: both clips once, and a moment to answer."""
    return 2 * test.duration + 5


def trials_of_newcomer(test: ListeningTest) -> int:
    """About how many trials wait for somebody who has not begun; 0 without clips, or when all votes are in."""
    regular = test.pairs.playable().filter(kind=ClipPair.Kind.REGULAR).count()
    reachable = min(regular, max(0, test.votes_wanted - test.trials.counted().count()))
    return round(reachable / (1 - test.gold_share - test.repeat_share))


def minutes_of(test: ListeningTest, trials: int) -> int:
    """About how many minutes so many trials take, at least one."""
    return max(1, round(trials * seconds_of_trial(test) / 60))


def _open_trial(rater: User, test: ListeningTest) -> Trial | None:
    """The open trial; one whose clips were deleted meanwhile is dropped."""
    trial = Trial.objects.filter(rater=rater, test=test, voted_at__isnull=True).select_related(*CONTEXT).first()
    if trial is not None and not test.pairs.playable().filter(pk=trial.pair_id).exists():
        Trial.objects.filter(pk=trial.pk, voted_at__isnull=True).delete()
        return None
    return trial


def _make_trial(rater: User, test: ListeningTest) -> Trial | None:
    earlier = list(test.trials.filter(rater=rater).select_related("pair").order_by("number"))
    number = earlier[-1].number + 1 if earlier else 1
    plan = _plan(rater, test, earlier, number)
    if plan is None:
        return None
    return Trial.objects.create(
        test=test,
        pair_id=plan.pair_id,
        rater=rater,
        number=number,
        repeat_of=plan.repeat_of,
        x_is_first=plan.x_is_first,
        opened_at=timezone.now(),
    )


def _plan(rater: User, test: ListeningTest, earlier: list[Trial], number: int) -> Plan | None:
    gold_shown = [trial for trial in earlier if trial.pair.kind == ClipPair.Kind.GOLD]
    if due(test, rater, "gold", number) > len(gold_shown) and (plan := _gold(test, gold_shown)):
        return plan
    repeated = {trial.repeat_of_id for trial in earlier if trial.repeat_of_id}
    if due(test, rater, "repeat", number) > len(repeated) and (plan := _repeat(test, earlier, repeated, number)):
        return plan
    return _regular(test, earlier)


def due(test: ListeningTest, rater: User, kind: str, number: int) -> int:
    """How many controls of a kind belong among a rater's first `number` trials.

    One in every stretch of `1 / share` trials, at a place drawn for this rater: a share that holds from the start,
    and a place nobody can guess.
    """
    share = test.gold_share if kind == "gold" else test.repeat_share
    if not share:
        return 0
    stretch = round(1 / share)
    whole, rest = divmod(number, stretch)
    place = random.Random(f"{test.pk}:{rater.pk}:{kind}:{whole}").randrange(stretch)
    return whole + (rest > place)


def _gold(test: ListeningTest, shown: list[Trial]) -> Plan | None:
    pairs = test.pairs.playable().filter(kind=ClipPair.Kind.GOLD)
    unseen = list(pairs.exclude(pk__in=[trial.pair_id for trial in shown]).values_list("pk", flat=True))
    if not unseen:
        return None
    intact_ahead = sum(1 if trial.x_is_first else -1 for trial in shown)
    return Plan(random.choice(unseen), _turn(intact_ahead))


def _repeat(test: ListeningTest, earlier: list[Trial], repeated: set[UUID], number: int) -> Plan | None:
    playable = set(test.pairs.playable().values_list("pk", flat=True))
    ready = [
        trial
        for trial in earlier
        if trial.voted_at and not trial.is_control and trial.pk not in repeated and trial.pair_id in playable
        if number - trial.number > BETWEEN_REPEATS
    ]
    if not ready:
        return None
    original = random.choice(ready)
    return Plan(original.pair_id, not original.x_is_first, original)


def _regular(test: ListeningTest, earlier: list[Trial]) -> Plan | None:
    strategy = Strategy(test.strategy)
    votes = comparisons(test) if strategy is Strategy.UNCERTAINTY else []
    candidates = _candidates(test, {trial.pair_id for trial in earlier})
    chosen = choose(candidates, votes, strategy=strategy, rng=np.random.default_rng(), overlap=test.overlap)
    if chosen is None:
        return None
    ahead = _times_ahead(earlier)
    assert isinstance(chosen.key, UUID), "the pair, as `_candidates` names it"
    return Plan(chosen.key, _turn(ahead[chosen.arm_a] - ahead[chosen.arm_b]))


def _candidates(test: ListeningTest, seen: set[UUID]) -> list[Candidate]:
    """All regular pairs with the raters who judged them, or are just doing so."""
    at_it = Q(trials__voted_at__isnull=False) | Q(trials__opened_at__gt=timezone.now() - ABANDONED_AFTER)
    judged = Count("trials", filter=Q(trials__repeat_of__isnull=True) & at_it)
    pairs = test.pairs.playable().filter(kind=ClipPair.Kind.REGULAR).order_by("created_at", "id")
    rows = pairs.annotate(judged=judged).values_list("pk", "arm_x", "arm_y", "prompt", "judged")
    return [Candidate(x, y, prompt, judged, pk in seen, pk) for pk, x, y, prompt, judged in rows]


def comparisons(test: ListeningTest) -> list[Comparison]:
    """The test's votes, equal ones counted together."""
    rows = test.trials.counted().order_by().values_list("pair__arm_x", "pair__arm_y", "x_is_first", "choice")
    return [
        Comparison(x, y, OUTCOMES[winner_of(choice, x_is_first)], weight=count)
        for x, y, x_is_first, choice, count in rows.annotate(n=Count("pk"))
    ]


def winner_of(choice: str, x_is_first: bool) -> str:
    """An answer in terms of the pair, as `Trial.winner`."""
    return Trial(choice=choice, x_is_first=x_is_first).winner


def _times_ahead(earlier: list[Trial]) -> Counter[Hashable]:
    """For each arm, how much more often this rater heard it first than second."""
    ahead: Counter[Hashable] = Counter()
    for trial in earlier:
        if trial.pair.kind == ClipPair.Kind.REGULAR:
            sign = 1 if trial.x_is_first else -1
            ahead[trial.pair.arm_x_id] += sign
            ahead[trial.pair.arm_y_id] -= sign
    return ahead


def _turn(ahead: int) -> bool:
    """Whether x goes first: whoever was behind so far, and by lot when they are even."""
    return random.random() < 0.5 if ahead == 0 else ahead < 0
