"""Evidence on raters, results and the leaderboard, from votes whose answer is known."""

from __future__ import annotations

import time

import pytest
from django.utils import timezone

from feedback.listening_tests.access import profile_of
from feedback.listening_tests.reliability import refresh_outdated, refresh_reliability
from feedback.listening_tests.services import lifecycle, trials
from feedback.listening_tests.services.results import results
from feedback.listening_tests.services.standings import standings
from feedback.listening_tests.tests.listening import answer, running, voted
from feedback.models import Arm, ClipPair, RaterProfile, Trial
from feedback.statistics.win_rate import Claim
from text2song.exceptions import Forbidden
from text2song.tests.factories import UserFactory

pytestmark = pytest.mark.django_db
SILENT = {"stored": False}


@pytest.fixture
def test_():
    return running(prompts=8, gold_share=0.2, repeat_share=0.2, votes_wanted=10_000)


def judge(test, pick):
    """A rater who answers every trial by `pick(trial)`, one of x, y, tie, both_bad, first, second."""
    rater = UserFactory()
    while (trial := trials.next_trial(rater=rater, test=test)) is not None:
        said = pick(trial)
        side = {"x": "first" if trial.x_is_first else "second", "y": "second" if trial.x_is_first else "first"}
        answer(trial, side.get(said, said))
    return profile_of(rater)


def test_who_listens_is_trusted_and_who_presses_one_button_is_not(test_):
    careful = [judge(test_, lambda trial: "x") for _ in range(4)]  # always more than the other two
    lazy = judge(test_, lambda trial: "first")
    wrong = judge(test_, lambda trial: "y")
    refresh_outdated()
    for profile in (*careful, lazy, wrong):
        profile.refresh_from_db()
        assert 0 <= profile.weight <= 1 and profile.computed_at and profile.rests_on
    assert min(profile.weight for profile in careful) > 0.7
    assert lazy.weight < 0.4 and wrong.weight < 0.1
    evidence = careful[0].evidence
    gold = Trial.objects.filter(rater=careful[0].user, pair__kind="gold").count()
    repeats = Trial.objects.filter(rater=careful[0].user, repeat_of__isnull=False).count()
    assert gold and repeats
    assert (evidence["gold"], evidence["gold_right"]) == (gold, gold)
    assert (evidence["repeats"], evidence["repeats_same"]) == (repeats, repeats)
    assert (evidence["comparisons"], evidence["agreements"]) == (8, 8)
    assert abs(evidence["first_chosen"] - evidence["second_chosen"]) <= 4, "sides are counterbalanced"
    lazy_repeats = lazy.evidence
    assert lazy_repeats["repeats_same"] == 0 and lazy_repeats["second_chosen"] == 0 and lazy_repeats["is_biased"]


def test_a_vote_weighs_its_rater_at_once_and_the_sweep_the_others(test_):
    one = judge(test_, lambda trial: "x")
    assert one.computed_at is not None
    before = RaterProfile.objects.get(pk=one.pk).evidence["comparisons"]
    judge(test_, lambda trial: "x")
    assert RaterProfile.objects.get(pk=one.pk).evidence["comparisons"] == before == 0
    assert refresh_outdated() >= 1
    assert RaterProfile.objects.get(pk=one.pk).evidence["comparisons"] == 8
    assert refresh_outdated() == 0


def test_nothing_answered_is_a_middling_weight(user):
    assert refresh_reliability(user).weight == pytest.approx(0.5)


# -- results -----------------------------------------------------------------------------------------------------------


def test_results_count_ties_half_and_both_bad_apart():
    test = running(prompts=2, sample=SILENT)
    pair, other = test.pairs.all()
    for winner, count in (("x", 9), ("y", 3), ("tie", 4), ("both_bad", 2)):
        for number in range(count):
            voted(pair, winner=winner, x_is_first=bool(number % 2))
    voted(other, winner="y")
    found = results(actor=test.created_by, test=test)
    (duel,) = found.duels
    rate = duel.rate
    assert (rate.wins, rate.losses, rate.ties, rate.both_bad) == (9, 4, 4, 2)
    assert rate.rate == pytest.approx(11 / 17)
    assert rate.low < 11 / 17 < rate.high and rate.claim == Claim.UNDECIDED and rate.votes_needed > 0
    assert rate.p_value > 0.2668, "nearly all of it is on one prompt, so the sign test would say too much"
    assert (found.votes, found.raters, found.both_bad) == (19, 19, 2)
    assert found.both_bad_share == pytest.approx(2 / 19)
    rows = {row.prompt.pk: (row.wins, row.ties, row.losses, row.both_bad) for row in found.prompts}
    assert rows == {pair.prompt_id: (9, 4, 3, 2), other.prompt_id: (0, 0, 1, 0)}
    assert (found.bias.first + found.bias.second) == 13
    assert found.agreement.compared == 18 * 17 // 2


def test_controls_and_excluded_raters_are_left_out():
    test = running(prompts=2, gold_share=0.3, sample={})
    pair = test.pairs.filter(kind=ClipPair.Kind.REGULAR).first()
    gold = test.pairs.filter(kind=ClipPair.Kind.GOLD).first()
    kept, cheat = UserFactory(), UserFactory()
    first = voted(pair, winner="x", rater=kept)
    voted(pair, winner="y", rater=kept, repeat_of=first)
    voted(gold, winner="x", rater=kept)
    voted(pair, winner="y", rater=cheat)
    RaterProfile.objects.create(user=cheat, is_excluded=True)
    found = results(actor=test.created_by, test=test)
    assert (found.votes, found.left_out, found.duels[0].rate.wins, found.duels[0].rate.losses) == (1, 1, 1, 0)


def test_raters_see_results_when_the_test_is_over(user):
    test = running(prompts=1, sample=SILENT)
    with pytest.raises(Forbidden):
        results(actor=user, test=test)
    lifecycle.close_test(actor=test.created_by, test=test)
    assert results(actor=user, test=test).votes == 0


# -- leaderboard -------------------------------------------------------------------------------------------------------


def test_the_leaderboard_puts_arms_of_all_tests_in_order(user, curator):
    test = running(prompts=4, arms=3, sample=SILENT)
    strong, middle, weak = test.arms.all()
    better = {(strong.pk, middle.pk): "x", (strong.pk, weak.pk): "x", (middle.pk, weak.pk): "x"}
    for pair in test.pairs.all():
        for number in range(6):
            voted(pair, winner="y" if number == 5 else better[pair.arm_x_id, pair.arm_y_id], x_is_first=number % 2 == 0)
    board = standings(actor=curator)
    assert [row.base_model for row in board.rows] == [strong.base_model, middle.base_model, weak.base_model]
    assert board.votes == 72 and board.is_connected
    for row in board.rows:
        assert row.standing.low < row.standing.strength < row.standing.high
    assert standings(actor=user).rows == [], "nobody votes after others"
    lifecycle.close_test(actor=curator, test=test)
    assert [row.name for row in standings(actor=user).rows] == [row.name for row in board.rows]


def test_a_kept_leaderboard_is_not_that_of_another_rater(curator):
    """One is left out instead of another: as many votes, the newest at the same time."""
    test = running(prompts=1, sample=SILENT)
    (pair,) = test.pairs.all()
    one, other, third = (UserFactory() for _ in range(3))
    voted(pair, winner="x", rater=one)
    voted(pair, winner="y", rater=other)
    voted(pair, winner="x", rater=third)
    lifecycle.close_test(actor=curator, test=test)

    def wins_without(rater):
        RaterProfile.objects.update(is_excluded=False)
        RaterProfile.objects.update_or_create(user=rater, defaults={"is_excluded": True})
        return {row.base_model: row.standing.wins for row in standings(actor=curator).rows}[pair.arm_x.base_model]

    assert [wins_without(one), wins_without(other), wins_without(one)] == [1, 2, 1]


def test_five_thousand_votes_are_ranked_in_a_moment(curator, record_property):
    test = running(prompts=5, arms=4, sample=SILENT)
    pairs = list(test.pairs.all())
    raters = [UserFactory(password="!") for _ in range(170)]
    now = timezone.now()
    order = {arm.pk: arm.position for arm in Arm.objects.filter(test=test)}
    Trial.objects.bulk_create(
        Trial(
            test=test,
            pair=pair,
            rater=rater,
            number=number,
            x_is_first=(number + rater.pk) % 2 == 0,
            choice="first" if (number * 7 + rater.pk * 3) % 10 < 4 + order[pair.arm_x_id] else "second",
            opened_at=now,
            voted_at=now,
        )
        for rater in raters
        for number, pair in enumerate(pairs, 1)
    )
    started = time.process_time()
    board = standings(actor=curator)
    taken = time.process_time() - started
    record_property("seconds", round(taken, 2))
    assert board.votes == 170 * 30
    started = time.process_time()
    assert standings(actor=curator) == board
    again = time.process_time() - started
    print(f"5100 votes: {taken:.2f} s CPU, again {again:.3f} s")
    assert again < taken
