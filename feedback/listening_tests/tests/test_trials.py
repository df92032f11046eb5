"""What a rater is shown: sides, controls, order, one trial at a time."""

from __future__ import annotations

from collections import Counter

import pytest

from feedback.listening_tests.exceptions import WrongState
from feedback.listening_tests.services import lifecycle, trials
from feedback.listening_tests.tests.listening import answer, draft, running, voted
from feedback.models import ClipPair, Invitation, RaterProfile, Trial
from text2song.exceptions import NotFound
from text2song.tests.factories import UserFactory

pytestmark = pytest.mark.django_db


def judge_all(rater, test, choice="first", most=200):
    """Every trial the test has for this rater, in order."""
    found = []
    while len(found) < most and (trial := trials.next_trial(rater=rater, test=test)) is not None:
        progress = trials.rater_progress(rater=rater, test=test)
        assert progress.judged == len(found) < progress.total
        found.append(answer(trial, choice))
    return found


def test_one_open_trial_at_a_time_until_nothing_is_left():
    test = running(prompts=3)
    rater = UserFactory()
    first = trials.next_trial(rater=rater, test=test)
    assert trials.next_trial(rater=rater, test=test) == first
    shown = judge_all(rater, test)
    assert [trial.number for trial in shown] == [1, 2, 3]
    assert len({trial.pair_id for trial in shown}) == 3
    assert trials.rater_progress(rater=rater, test=test) == trials.RaterProgress(3, 3)


def test_each_arm_is_first_half_the_time_for_every_rater():
    test = running(prompts=6, arms=3, sample={"stored": False, "loudness_lufs": None}, votes_wanted=1000)
    for _ in range(3):
        rater = UserFactory()
        first: Counter[str] = Counter()
        shown: Counter[str] = Counter()
        order = []
        for trial in judge_all(rater, test):
            arms = [trial.pair.arm_x_id, trial.pair.arm_y_id]
            shown.update(arms)
            first[arms[0] if trial.x_is_first else arms[1]] += 1
            order.append(trial.x_is_first)
        assert sum(shown.values()) == 36
        for arm, count in shown.items():
            assert abs(first[arm] - count / 2) <= 1.5, (first, shown)
        assert len(set(order)) == 2


def test_hidden_controls_come_at_their_share_and_look_like_any_trial():
    test = running(prompts=14, gold_share=0.2, repeat_share=0.2, votes_wanted=1000)
    places = set()
    for _ in range(2):
        shown = judge_all(UserFactory(), test)
        by_number = {trial.number: trial for trial in shown}
        gold = [trial for trial in shown if trial.pair.kind == ClipPair.Kind.GOLD]
        repeats = [trial for trial in shown if trial.repeat_of_id]
        assert len([t for t in shown if not t.is_control]) == 14
        assert 3 <= len(gold) <= 5 and 3 <= len(repeats) <= 5, (len(gold), len(repeats))
        assert abs(sum(1 if trial.x_is_first else -1 for trial in gold)) <= 1, "the intact clip is not always first"
        for trial in repeats:
            original = next(t for t in shown if t.pk == trial.repeat_of_id)
            assert trial.pair_id == original.pair_id
            assert trial.x_is_first != original.x_is_first
            assert trial.number - original.number > trials.BETWEEN_REPEATS
        assert len({trial.repeat_of_id for trial in repeats}) == len(repeats)
        places.add(tuple(number for number, trial in by_number.items() if trial.is_control))
    assert len(places) == 2, "nobody can guess where controls come"


def test_overlap_is_filled_before_new_pairs_are_begun():
    test = running(prompts=4, overlap=2, sample={"stored": False})
    one = answer(trials.next_trial(rater=UserFactory(), test=test))
    other = trials.next_trial(rater=UserFactory(), test=test)
    assert other.pair_id == one.pair_id
    third = trials.next_trial(rater=UserFactory(), test=test)
    assert third.pair_id != one.pair_id, "two raters are at it or through with it"


def test_doubt_chooses_the_arms_that_are_close():
    test = running(prompts=9, arms=3, strategy="uncertainty", sample={"stored": False}, votes_wanted=1000)
    a, b, c = test.arms.all()
    crowd = [UserFactory() for _ in range(6)]
    for pair in test.pairs.filter(arm_x=a, arm_y=c)[:6]:
        for rater in crowd:
            voted(pair, winner="x", rater=rater)
    for pair in test.pairs.filter(arm_x=b, arm_y=c)[:6]:
        for rater in crowd:
            voted(pair, winner="x", rater=rater)
    asked = {frozenset(t) for t in (_arms(trials.next_trial(rater=UserFactory(), test=test)) for _ in range(3))}
    assert asked == {frozenset((a.pk, b.pk))}, "a and b both beat c; only their own order is open"


def _arms(trial):
    return trial.pair.arm_x_id, trial.pair.arm_y_id


def test_tests_that_take_no_votes_show_no_trial():
    rater = UserFactory()
    with pytest.raises(NotFound):
        trials.next_trial(rater=rater, test=draft())
    test = running(prompts=1)
    lifecycle.close_test(actor=test.created_by, test=test)
    with pytest.raises(WrongState, match="over"):
        trials.next_trial(rater=rater, test=test)
    lifecycle.delete_test(actor=test.created_by, test=test)
    with pytest.raises(NotFound):
        trials.next_trial(rater=rater, test=test)


def test_guests_judge_what_they_were_invited_to():
    test, other = running(prompts=1, sample={"stored": False}), running(prompts=1, sample={"stored": False})
    invitation = Invitation.objects.create(test=test, expires_at=test.created_at)
    guest = UserFactory()
    RaterProfile.objects.create(user=guest, kind="guest", invitation=invitation)
    assert trials.next_trial(rater=guest, test=test)
    with pytest.raises(NotFound):
        trials.next_trial(rater=guest, test=other)


def test_an_open_trial_whose_clip_was_deleted_is_replaced():
    test = running(prompts=2, sample={"stored": False})
    rater = UserFactory()
    trial = trials.next_trial(rater=rater, test=test)
    trial.pair.sample_x.deleted_at = trial.opened_at
    trial.pair.sample_x.save()
    again = trials.next_trial(rater=rater, test=test)
    assert again.pair_id != trial.pair_id
    assert Trial.objects.count() == 1
