"""What a round has come to, to be read: its steps, what its taste understood, and whether it agrees with new votes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.utils.translation import gettext

from feedback.judgements.performance import duel_between
from feedback.listening_tests.services.results import Duel, percent
from feedback.listening_tests.services.trials import rater_progress
from feedback.models import ListeningTest, Preference
from feedback.statistics.proportions import wilson_interval
from generation.models import AudioSample, ClipScore
from training.models import Round
from training.quality.guards import Guards
from training.rounds.models import clips_of_test
from training.rounds.pairs import answers, clips_of, is_by_lot, votes_given

Step, State = Round.Step, Round.State
JUDGED_BY_EAR = (Step.MAKING, Step.JUDGING)
"""Steps at which nothing is told that a taste says: its owner is about to judge."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One step in words: `state` is done, now, later or left (by a round that is over)."""

    step: str
    label: str
    state: str


def stages(round_: Round) -> list[Stage]:
    """All steps in order."""
    order = Step.values
    here = order.index(round_.step)
    now = "now" if round_.is_unfinished else "done" if round_.state == State.COMPLETED else "left"

    def state(place: int) -> str:
        if place == here:
            return now
        return "done" if place < here else "later" if round_.is_unfinished else "left"

    return [Stage(step, label, state(place)) for place, (step, label) in enumerate(Step.choices)]


# -- how far it is -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HowFar:
    """`done` of `total` of the step under way."""

    done: int
    total: int
    noun: str

    @property
    def words(self) -> str:
        return f"{self.done} of {self.total} {self.noun}"

    @property
    def is_short(self) -> bool:
        return self.done < self.total

    @property
    def percent(self) -> int:
        return int(100 * min(1.0, self.done / self.total)) if self.total else 0


def how_far(round_: Round) -> HowFar | None:
    """Clips, votes, training steps or trials; None where nothing is counted."""
    if round_.step == Step.MAKING:
        return HowFar(clips_of(round_).count(), round_.clips_wanted, "clips")
    if round_.step == Step.JUDGING:
        return votes(round_)
    if round_.step == Step.TRAINING and round_.run and round_.run.total_steps:
        return HowFar(round_.run.step, round_.run.total_steps, "steps")
    if round_.step == Step.TESTING and round_.promotion and round_.owner:
        return _how_far_tested(round_.promotion.test, round_.owner)
    return None


def votes(round_: Round) -> HowFar:
    """Votes given on its pairs."""
    return HowFar(votes_given(round_), round_.votes_wanted, "votes")


def _how_far_tested(test: ListeningTest, owner: User) -> HowFar | None:
    """Clips made for the test; once all are there, what its owner has judged of it."""
    if test.state == ListeningTest.State.GENERATING:
        made = AudioSample.objects.filter(job__arm_job__arm__test=test, deleted_at__isnull=True).count()
        return HowFar(made, clips_of_test(test.suite), gettext("clips for the blind test"))
    if test.state == ListeningTest.State.ACTIVE:
        progress = rater_progress(rater=owner, test=test)
        return HowFar(progress.judged, progress.total, "trials")
    return None


# -- what it understood ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Understood:
    """The clips that the taste likes most and least, and how far it can be relied on. Shares are in words; `why_deaf`
    says why it scores no new clips."""

    is_usable: bool
    why_deaf: str
    votes: int
    accuracy: str
    interval: str
    votes_wanted: int
    liked: list[AudioSample]
    disliked: list[AudioSample]


def understood(round_: Round, most: int = 3) -> Understood | None:
    """What the round's taste makes of its clips; None before it is fitted."""
    taste = round_.taste
    if taste is None or round_.step in JUDGED_BY_EAR:
        return None
    scores = ClipScore.objects.filter(taste=taste, sample__in=clips_of(round_).order_by().values("pk"))
    by_score = scores.order_by("-score", "sample").values_list("sample__job__prompt__text", "sample")
    liked = _of_different_prompts(by_score)[:most]
    disliked = [pk for pk in _of_different_prompts(by_score.reverse()) if pk not in liked][:most]
    share = taste.accuracy
    return Understood(
        is_usable=taste.is_usable,
        why_deaf=taste.why_deaf,
        votes=taste.votes,
        accuracy=percent(share.get("value")),
        interval=f"{percent(share.get('low'))} to {percent(share.get('high'))}",
        votes_wanted=int(taste.report.get("votes_wanted") or 0),
        liked=_heard(liked),
        disliked=_heard(disliked),
    )


def _of_different_prompts(clips: Iterable[tuple[str, UUID]]) -> list[UUID]:
    """The first clip of each prompt's text: three of one would tell more of the prompt than of the taste."""
    first: dict[str, UUID] = {}
    for text, clip in clips:
        first.setdefault(text, clip)
    return list(first.values())


def _heard(ids: list[UUID]) -> list[AudioSample]:
    found = AudioSample.objects.visible().with_context().in_bulk(ids)
    return [found[pk] for pk in ids if pk in found]


# -- whether the taste agrees ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Surprise:
    """A pair on which the taste was sure and the person said the opposite."""

    preferred: AudioSample
    scored_higher: AudioSample


@dataclass(frozen=True, slots=True)
class Agreement:
    """How many of the round's decided votes the taste from before foretold: `right` of `total`."""

    right: int
    total: int
    surprises: list[Surprise]

    @property
    def share(self) -> str:
        return percent(self.right / self.total)

    @property
    def interval(self) -> str:
        """95 %, by Wilson."""
        return " to ".join(percent(end) for end in wilson_interval(self.right, self.total))

    @property
    def is_lost(self) -> bool:
        """Whether it foretells no better than chance."""
        return wilson_interval(self.right, self.total)[0] <= 0.5


def agreement(round_: Round, most: int = 3) -> Agreement | None:
    """Whether the taste that was there when the round began agrees with the votes given since.

    Counted are votes on pairs in whose choice no taste had a say: those of the round that came by lot, and once the
    test is over those in it. What surprised it may be any. None without such a taste or counted votes that it scored,
    and while the owner judges.
    """
    taste = round_.earlier_taste
    if taste is None or round_.step in JUDGED_BY_EAR:
        return None
    votes = list(_decided(round_))
    clips = {clip for vote in votes for clip in (vote.won, vote.lost)}
    scores = dict(ClipScore.objects.filter(taste=taste, sample__in=clips).values_list("sample", "score"))
    leads = [(scores[v.won] - scores[v.lost], v) for v in votes if v.won in scores and v.lost in scores]
    counted = [lead for lead, vote in leads if lead and vote.counts]
    if not counted:
        return None
    surprised = sorted((lead, vote.won, vote.lost) for lead, vote in leads if lead < 0)[:most]
    found = AudioSample.objects.visible().with_context().in_bulk([pk for _, *pair in surprised for pk in pair])
    surprises = [Surprise(found[won], found[lost]) for _, won, lost in surprised if won in found and lost in found]
    return Agreement(sum(lead > 0 for lead in counted), len(counted), surprises)


@dataclass(frozen=True, slots=True)
class _Decided:
    """`counts` when nobody's taste chose what was asked."""

    won: UUID
    lost: UUID
    counts: bool


def _decided(round_: Round) -> Iterable[_Decided]:
    """The owner's votes that prefer one clip."""
    columns = ("sample_a", "sample_b", "winner", "pair_key")
    for a, b, winner, key in answers(round_).filter(winner__in=("a", "b")).values_list(*columns):
        yield _Decided(*((a, b) if winner == "a" else (b, a)), counts=is_by_lot(key))
    promotion = round_.promotion
    if promotion and not promotion.is_open:
        in_test = Preference.objects.filter(trial__pair__test=promotion.test_id, rater=round_.owner_id)
        for a, b, winner, _ in in_test.filter(winner__in=("a", "b")).order_by().values_list(*columns):
            yield _Decided(*((a, b) if winner == "a" else (b, a)), counts=True)


# -- rounds over time ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Told:
    """A round in the history: votes against the base model alone, guards of its test, and agreement."""

    round: Round
    against_base: Duel | None
    guards: Guards | None
    agreement: Agreement | None

    @property
    def guard_words(self) -> str:
        if self.guards is None:
            return "–"
        return "hold" if self.guards.hold else " ".join(self.guards.problems)


def told(round_: Round, reader: User) -> Told:
    """What came of a round, as `reader` may know it: nothing of a test that goes on."""
    promotion = round_.promotion
    is_over = promotion is not None and not promotion.is_open
    duel = duel_between(round_.adapter, round_.base_model, reader) if is_over and round_.adapter else None
    return Told(
        round=round_,
        against_base=duel if duel and duel.rate.votes else None,
        guards=Guards.from_mapping(promotion.guards) if promotion and is_over and promotion.guards else None,
        agreement=agreement(round_, most=0),
    )


def to_mapping(round_: Round) -> dict[str, Any]:
    """What the API tells of the taste: shares as numbers, null where there is none."""
    taste, agreed = round_.taste, agreement(round_, most=0)
    shown = taste if round_.step not in JUDGED_BY_EAR else None
    return {
        "is_usable": shown.may_pick if shown else None,
        "accuracy": shown.accuracy if shown else None,
        "agreement": {"right": agreed.right, "total": agreed.total} if agreed else None,
    }
