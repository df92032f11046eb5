"""What a rater sends back: seconds heard, and the vote. Both are safe to send twice."""

from __future__ import annotations

from typing import NamedTuple

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from feedback.listening_tests import coverage
from feedback.listening_tests.access import profile_of
from feedback.listening_tests.clips import shape_of
from feedback.listening_tests.coverage import Heard
from feedback.listening_tests.evidence import WANTED, evidence
from feedback.listening_tests.exceptions import AlreadyVoted, TrialNotFound, WrongState
from feedback.listening_tests.reliability import refresh_reliability
from feedback.listening_tests.services.trials import CONTEXT
from feedback.models import ListeningTest, Preference, RaterProfile, Trial
from feedback.models.judgements import set_key
from feedback.statistics.win_rate import MIN_DECIDED

WINNERS = {
    "x": Preference.Winner.A,
    "y": Preference.Winner.B,
    "tie": Preference.Winner.TIE,
    "both_bad": Preference.Winner.BOTH_BAD,
}


class SentClip(NamedTuple):
    """An open trial, and which of its clips a token stands for."""

    trial: Trial
    is_first: bool


def find_trial(*, rater: User, token: str) -> Trial:
    """The rater's own trial; raises `TrialNotFound` for any other, and for those of deleted tests."""
    own = Trial.objects.filter(rater=rater, test__deleted_at__isnull=True).select_related(*CONTEXT)
    trial = own.filter(token=token).first()
    if trial is None:
        raise TrialNotFound
    return trial


def clip_of(*, rater: User, token: str) -> SentClip:
    """What a clip's token stands for, while the trial is open; raises `TrialNotFound` before and after."""
    open_trials = Trial.objects.filter(rater=rater, voted_at__isnull=True, test__in=ListeningTest.objects.open())
    for name, is_first in (("first_token", True), ("second_token", False)):
        trial = open_trials.filter(**{name: token}).select_related(*CONTEXT).first()
        if trial is not None:
            return SentClip(trial, is_first)
    raise TrialNotFound


def note_sent(clip: SentClip) -> None:
    """Remember when the sound of a clip was first sent: nobody can have heard it before."""
    name = "first_sent_at" if clip.is_first else "second_sent_at"
    Trial.objects.filter(pk=clip.trial.pk, **{f"{name}__isnull": True}).update(**{name: timezone.now()})


def required_seconds(trial: Trial) -> float:
    """Unique seconds of each clip that must be heard before the vote."""
    return coverage.required_seconds(shape_of(trial.pair).seconds)


def report_heard(*, rater: User, token: str, first: object, second: object) -> Trial:
    """Add intervals of seconds heard of each clip; returns the trial as it is then.

    Raises `TrialNotFound`, `WrongState` or `AlreadyVoted` when it is over, `Refused` for malformed intervals and
    `CoverageImpossible` for those the clock rules out; nothing is stored then.
    """
    trial = find_trial(rater=rater, token=token)
    length = shape_of(trial.pair).seconds
    reported = Heard(coverage.parse(first, length, "heard_first"), coverage.parse(second, length, "heard_second"))
    _require_test_open(trial)
    with transaction.atomic():
        locked = Trial.objects.select_for_update().get(pk=trial.pk)
        if locked.voted_at is not None:
            raise AlreadyVoted
        heard = Heard(
            coverage.merged([*locked.heard_first, *reported.first]),
            coverage.merged([*locked.heard_second, *reported.second]),
        )
        coverage.check_possible(heard, (locked.first_sent_at, locked.second_sent_at), timezone.now())
        Trial.objects.filter(pk=trial.pk).update(heard_first=heard.first, heard_second=heard.second)
    trial.heard_first, trial.heard_second = heard.first, heard.second
    trial.first_sent_at, trial.second_sent_at = locked.first_sent_at, locked.second_sent_at
    return trial


def vote(*, rater: User, token: str, choice: str, heard: tuple[object, object] | None = None) -> Trial:
    """Store the rater's answer, once. `heard` are the intervals played of each clip, None from a page without script.

    The same answer sent again changes nothing and returns the same trial. Raises `TrialNotFound`; `AlreadyVoted` when
    another answer stands; `WrongState` when the test is over; `CoverageMissing` when too little was heard, keeping
    what was; and what `report_heard` raises.
    """
    trial = find_trial(rater=rater, token=token)
    if trial.voted_at is not None:
        return _as_before(trial, choice)
    _require_test_open(trial)
    if heard is not None:
        try:
            trial = report_heard(rater=rater, token=token, first=heard[0], second=heard[1])
        except AlreadyVoted:
            return _as_before(find_trial(rater=rater, token=token), choice)
    if profile_of(rater).kind != RaterProfile.Kind.SYNTHETIC:  # a declared program has no ears to ask about
        _check_heard(trial, reported=heard is not None)
    if not _cast(rater, trial, choice):
        return _as_before(find_trial(rater=rater, token=token), choice)
    refresh_reliability(rater)
    return trial


def _check_heard(trial: Trial, *, reported: bool) -> None:
    required = required_seconds(trial)
    if reported or trial.heard_first or trial.heard_second:
        coverage.check_enough(Heard(trial.heard_first, trial.heard_second), required)
    else:
        coverage.check_time_passed((trial.first_sent_at, trial.second_sent_at), required, timezone.now())


def _cast(rater: User, trial: Trial, choice: str) -> bool:
    """Store the vote, its preference and the test's end together; False when another request voted first.

    Votes of one test follow one another (the lock), so exactly the vote that is wanted last completes it.
    """
    with transaction.atomic():
        test = ListeningTest.objects.select_for_update(no_key=True).get(pk=trial.test_id)
        voted_at = timezone.now()
        mine = Trial.objects.filter(pk=trial.pk, voted_at__isnull=True)
        if not mine.exists():
            return False
        if not test.is_open:
            raise WrongState(gettext("This test is over. Thank you for listening."))
        mine.update(choice=choice, voted_at=voted_at)
        trial.choice, trial.voted_at = choice, voted_at
        if not trial.is_control:
            _store_preference(rater, trial)
            _complete_if_enough(rater, test)
    return True


def _store_preference(rater: User, trial: Trial) -> None:
    """The vote as a preference, in place of what the rater said openly of the pair: blind, nobody is led by names."""
    known = bool(trial.heard_first or trial.heard_second)
    heard = [coverage.seconds(part) if known else None for part in (trial.heard_first, trial.heard_second)]
    heard_a, heard_b = heard if trial.x_is_first else reversed(heard)
    pair = trial.pair
    assert pair.sample_y is not None and trial.voted_at is not None, "a control is no preference"
    key = set_key((pair.sample_x_id, pair.sample_y.pk))
    Preference.objects.voice_of(rater, [key]).withdraw()
    Preference.objects.create(
        rater_id=trial.rater_id,
        sample_a=pair.sample_x,
        sample_b=pair.sample_y,
        winner=WINNERS[trial.winner],
        source=Preference.Source.TRIAL,
        trial=trial,
        shown_first="a" if trial.x_is_first else "b",
        heard_a=heard_a,
        heard_b=heard_b,
        decision_seconds=(trial.voted_at - trial.opened_at).total_seconds(),
    )


def _complete_if_enough(rater: User, test: ListeningTest) -> None:
    """When all votes are in that were wanted; of a sealed test as soon as those of people suffice."""
    votes = test.trials.counted().count()
    by_program = profile_of(rater).kind == RaterProfile.Kind.SYNTHETIC
    suffices = test.sealed and not by_program and votes >= MIN_DECIDED and evidence(test) >= WANTED
    if suffices or votes >= test.votes_wanted:
        ListeningTest.objects.filter(pk=test.pk).update(state=ListeningTest.State.COMPLETED, finished_at=timezone.now())
        test.withhold_clips(False)


def _as_before(trial: Trial, choice: str) -> Trial:
    if trial.choice != choice:
        raise AlreadyVoted
    return trial


def _require_test_open(trial: Trial) -> None:
    if not trial.test.is_open:
        raise WrongState(gettext("This test is over. Thank you for listening."))
