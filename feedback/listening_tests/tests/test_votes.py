"""Hearing and voting: what counts as heard, and that a vote counts once."""

from __future__ import annotations

import io
from datetime import timedelta

import numpy as np
import pytest
import soundfile
from django.db import connection
from django.db.models import Count
from django.utils import timezone

from feedback.listening_tests import clips, coverage
from feedback.listening_tests.coverage import Heard
from feedback.listening_tests.exceptions import (
    AlreadyVoted,
    CoverageImpossible,
    CoverageMissing,
    TrialNotFound,
    WrongState,
)
from feedback.listening_tests.services import lifecycle, trials, votes
from feedback.listening_tests.tests.listening import HEARD, answer, let_pass, running
from feedback.models import Preference, RaterProfile, Trial
from generation.sound import processing as audio
from text2song.exceptions import Refused
from text2song.tests.factories import UserFactory
from text2song.tests.together import at_once

pytestmark = pytest.mark.django_db
SILENT = {"stored": False}


@pytest.fixture
def trial():
    return trials.next_trial(rater=UserFactory(), test=running(prompts=2, sample=SILENT))


# -- coverage ----------------------------------------------------------------------------------------------------------


def test_intervals_are_merged_and_cut_to_the_clip():
    given = [[2, 3], [0.5, 1], [0.9, 1.5], [9, 50], [4, 4], [40, 41]]
    assert coverage.parse(given, 10.0, "heard_first") == [[0.5, 1.5], [2.0, 3.0], [9.0, 10.0]]
    assert coverage.seconds([[0.5, 1.5], [2.0, 3.0]]) == 2.0
    assert (coverage.required_seconds(30), coverage.required_seconds(5)) == (10, 4)


@pytest.mark.parametrize(
    "value",
    [None, "x", {}, 3, [1, 2], [[1]], [["a", "b"]], [[-1, 2]], [[0, float("nan")]], [[0, 10**400]], [[0, True]],
     [[0, 1]] * 501],
)  # fmt: skip
def test_anything_but_intervals_is_refused(value):
    with pytest.raises(Refused):
        coverage.parse(value, 10.0, "heard_first")


def test_hearing_cannot_outrun_the_clock():
    now = timezone.now()
    ten_ago, four_ago = now - timedelta(seconds=10), now - timedelta(seconds=4)
    coverage.check_possible(Heard([[0, 6]], [[0, 4]]), (ten_ago, four_ago), now)
    with pytest.raises(CoverageImpossible, match="only 4"):
        coverage.check_possible(Heard([], [[0, 5]]), (ten_ago, four_ago), now)
    with pytest.raises(CoverageImpossible, match="11"):
        coverage.check_possible(Heard([[0, 7.5]], [[0, 3.5]]), (ten_ago, four_ago), now)
    with pytest.raises(CoverageImpossible, match="never fetched"):
        coverage.check_possible(Heard([[0, 1]], []), (None, four_ago), now)


def test_invented_seconds_are_refused_and_not_stored(trial):
    with pytest.raises(CoverageImpossible):
        votes.vote(rater=trial.rater, token=trial.token, choice="first", heard=(HEARD, HEARD))
    let_pass(trial, 1.0)
    with pytest.raises(CoverageImpossible):
        votes.report_heard(rater=trial.rater, token=trial.token, first=[[0, 1e6]], second=[[0, 1e6]])
    trial.refresh_from_db()
    assert (trial.heard_first, trial.heard_second, trial.choice) == ([], [], "")


def test_too_little_heard_names_the_seconds_and_keeps_what_was_heard(trial):
    let_pass(trial)
    with pytest.raises(CoverageMissing) as refused:
        votes.vote(rater=trial.rater, token=trial.token, choice="first", heard=([[0, 0.9]], [[0, 0.3]]))
    assert refused.value.missing == (0.0, pytest.approx(0.5))
    assert "0.5 s more of Sample 2" in refused.value.message
    assert list(refused.value.fields) == ["heard_second"]
    trial.refresh_from_db()
    assert (trial.heard_first, trial.heard_second, trial.choice) == ([[0, 0.9]], [[0, 0.3]], "")
    votes.vote(rater=trial.rater, token=trial.token, choice="first", heard=([], [[0.3, 0.9]]))
    trial.refresh_from_db()
    assert (trial.heard_second, trial.choice) == ([[0, 0.9]], "first")


def test_the_same_seconds_heard_again_count_once(trial):
    let_pass(trial)
    for _ in range(5):
        votes.report_heard(rater=trial.rater, token=trial.token, first=[[0, 0.2]], second=[[0, 0.2]])
    with pytest.raises(CoverageMissing):
        votes.vote(rater=trial.rater, token=trial.token, choice="tie", heard=([], []))


def test_without_script_both_clips_must_have_been_sent_long_enough_ago(trial):
    def vote():
        return votes.vote(rater=trial.rater, token=trial.token, choice="second")

    with pytest.raises(CoverageMissing, match="Sample 1 and"):
        vote()
    Trial.objects.update(first_sent_at=timezone.now() - timedelta(seconds=60))
    with pytest.raises(CoverageMissing) as refused:
        vote()
    assert refused.value.missing == (0.0, pytest.approx(0.8))
    let_pass(trial, 1.0)
    with pytest.raises(CoverageMissing):
        vote()  # one second is too short for 0.8 s of each
    let_pass(trial, 2.0)
    vote()
    preference = Preference.objects.get()
    assert (preference.heard_a, preference.heard_b) == (None, None), "not known is not zero"


# -- votes -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("choice", ["first", "second", "tie", "both_bad"])
@pytest.mark.parametrize("x_is_first", [True, False])
def test_a_vote_and_its_preference_say_the_same(trial, choice, x_is_first):
    Trial.objects.update(x_is_first=x_is_first)
    let_pass(trial)
    votes.vote(rater=trial.rater, token=trial.token, choice=choice, heard=([[0, 0.9]], [[0, 1.0]]))
    preference = Preference.objects.get(trial=trial)
    a_wins = {"first": x_is_first, "second": not x_is_first}
    expected = {True: "a", False: "b"}[a_wins[choice]] if choice in a_wins else choice
    assert preference.winner == expected
    assert preference.source == "trial" and preference.rater == trial.rater
    assert (preference.sample_a, preference.sample_b) == (trial.pair.sample_x, trial.pair.sample_y)
    assert preference.shown_first == ("a" if x_is_first else "b")
    assert (preference.heard_a, preference.heard_b) == ((0.9, 1.0) if x_is_first else (1.0, 0.9))
    assert 0 <= preference.decision_seconds < 60
    assert not Preference.objects.visible().exists(), "it names its samples, so it is shown when the test is over"


def test_the_same_vote_again_is_the_same_answer_and_another_one_is_refused(trial):
    first = answer(trial, "first")
    again = answer(trial, "first")
    assert (again.pk, again.choice) == (first.pk, "first")
    with pytest.raises(AlreadyVoted):
        answer(trial, "second")
    trial.refresh_from_db()
    assert trial.choice == "first"
    assert Preference.objects.count() == 1


def test_controls_make_no_preference_and_do_not_count():
    test = running(prompts=6, gold_share=0.3, repeat_share=0.3, votes_wanted=100)
    rater = UserFactory()
    while (trial := trials.next_trial(rater=rater, test=test)) is not None:
        answer(trial, "tie")
    controls = [trial for trial in test.trials.select_related("pair") if trial.is_control]
    assert len(controls) >= 4
    assert Preference.objects.count() == test.trials.counted().count() == 6


def test_the_last_wanted_vote_completes_the_test_and_later_ones_are_refused():
    test = running(prompts=3, votes_wanted=2, sample=SILENT)
    one, other, late = (trials.next_trial(rater=UserFactory(), test=test) for _ in range(3))
    answer(one)
    test.refresh_from_db()
    assert test.state == "active"
    last = answer(other)
    test.refresh_from_db()
    assert test.state == "completed"
    with pytest.raises(WrongState):
        answer(late)
    assert answer(last).pk == last.pk, "a retry of the last vote is still the same answer"
    assert Preference.objects.visible().count() == 2


def test_foreign_and_deleted_trials_are_not_found(trial):
    let_pass(trial)
    with pytest.raises(TrialNotFound):
        votes.vote(rater=UserFactory(), token=trial.token, choice="first", heard=(HEARD, HEARD))
    lifecycle.delete_test(actor=trial.test.created_by, test=trial.test)
    with pytest.raises(TrialNotFound):
        answer(trial)


def test_a_declared_program_needs_no_ears(trial):
    RaterProfile.objects.filter(user=trial.rater).update(kind="synthetic")
    trial.rater.refresh_from_db()
    assert votes.vote(rater=trial.rater, token=trial.token, choice="first").choice == "first"


def test_many_raters_on_one_pair_are_all_kept():
    test = running(prompts=1, votes_wanted=100, sample=SILENT)
    for choice in ("first", "second", "tie") * 3:
        answer(trials.next_trial(rater=UserFactory(), test=test), choice)
    assert Preference.objects.count() == Trial.objects.voted().count() == 9
    assert test.pairs.count() == 1


# -- many at once ------------------------------------------------------------------------------------------------------


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_fifty_raters_at_once():
    """Each opens trials, votes on them twice as a double click does, and goes on; every vote is kept exactly once."""
    if connection.vendor != "postgresql":
        pytest.skip("run with TEST_DATABASE=postgres")
    test = running(prompts=3, gold_share=0.0, repeat_share=0.0, votes_wanted=1000, overlap=50, sample=SILENT)
    raters = [UserFactory() for _ in range(50)]
    choices = ("first", "second", "tie", "both_bad")

    def judge(rater):
        cast = {}
        while (trial := trials.next_trial(rater=rater, test=test)) is not None:
            choice = choices[(rater.pk + trial.number) % 4]
            cast[trial.pk] = (choice, trial.x_is_first, trial.pair_id)
            answer(trial, choice)
            answer(trial, choice)
        return cast

    answers = at_once(judge, raters)
    assert not [found for found in answers if isinstance(found, Exception)], answers
    stored = {
        trial.pk: (trial.rater_id, (trial.choice, trial.x_is_first, trial.pair_id)) for trial in Trial.objects.voted()
    }
    expected = {pk: (rater.pk, told) for rater, cast in zip(raters, answers, strict=True) for pk, told in cast.items()}
    assert stored == expected
    assert len(stored) == 150 == Preference.objects.count() == test.trials.counted().count()
    assert not Trial.objects.filter(voted_at__isnull=True).exists()
    for preference in Preference.objects.select_related("trial__pair"):
        trial = preference.trial
        assert preference.rater_id == trial.rater_id
        assert preference.winner == {"x": "a", "y": "b"}.get(trial.winner, trial.winner)
    assert set(Trial.objects.values_list("rater").annotate(n=Count("pk")).values_list("n", flat=True)) == {3}


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_one_rater_in_many_tabs():
    """Twenty tabs open a trial and answer differently: one trial, one vote, the others are told."""
    if connection.vendor != "postgresql":
        pytest.skip("run with TEST_DATABASE=postgres")
    test = running(prompts=1, sample=SILENT)
    rater = UserFactory()
    opened = at_once(lambda _: trials.next_trial(rater=rater, test=test), range(20))
    assert len({trial.pk for trial in opened}) == 1
    answers = at_once(lambda choice: answer(opened[0], choice), ["first", "second"] * 10)
    kept = Trial.objects.get().choice
    told = [found.choice for found in answers if not isinstance(found, Exception)]
    assert told == [kept] * 10
    assert all(isinstance(found, Trial | AlreadyVoted) for found in answers)
    assert Preference.objects.count() == 1


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_no_vote_comes_after_the_last_one_wanted():
    if connection.vendor != "postgresql":
        pytest.skip("run with TEST_DATABASE=postgres")
    test = running(prompts=1, votes_wanted=7, sample=SILENT)
    opened = [trials.next_trial(rater=UserFactory(), test=test) for _ in range(20)]
    answers = at_once(answer, opened)
    assert sum(isinstance(found, Trial) for found in answers) == 7
    assert sum(isinstance(found, WrongState) for found in answers) == 13
    assert Preference.objects.count() == test.trials.voted().count() == 7


# -- sound -------------------------------------------------------------------------------------------------------------


def test_both_clips_are_equal_in_length_size_and_loudness():
    test = running(prompts=1)
    pair = test.pairs.get()
    loud, quiet = pair.sample_x, pair.sample_y
    rng = np.random.default_rng(3)
    for sample, level, seconds in ((loud, 0.2, 3.0), (quiet, 0.05, 2.5)):
        sound = (level * rng.standard_normal((1, round(seconds * 8000)))).astype(np.float32)
        with sample.audio_file.open("wb") as file:
            file.write(audio.encode_flac(sound, 8000))
        sample.loudness_lufs, sample.duration = audio.loudness(sound, 8000), seconds
        sample.save()
    trial = trials.next_trial(rater=UserFactory(), test=test)
    heard = [clips.trial_wav(trial, first=first) for first in (True, False)]
    assert len(heard[0]) == len(heard[1]) == clips.HEADER_BYTES + 2 * round(2.5 * 8000)
    assert heard[0] != heard[1]
    read = [soundfile.read(io.BytesIO(wav), dtype="float32", always_2d=True) for wav in heard]
    levels = [audio.loudness(samples.T, rate) for samples, rate in read]
    assert levels[0] == pytest.approx(levels[1], abs=0.3)
    assert levels[0] == pytest.approx(quiet.loudness_lufs, abs=0.3), "the louder one is turned down"


def test_clips_of_different_models_get_one_rate_and_channels():
    test = running(prompts=1)
    pair = test.pairs.get()
    stereo = np.stack([np.sin(np.arange(16000) / 9), np.sin(np.arange(16000) / 7)]).astype(np.float32) * 0.2
    with pair.sample_y.audio_file.open("wb") as file:
        file.write(audio.encode_flac(stereo, 16000))
    pair.sample_y.sample_rate, pair.sample_y.channels = 16000, 2
    pair.sample_y.save()
    trial = trials.next_trial(rater=UserFactory(), test=test)
    infos = [soundfile.info(io.BytesIO(clips.trial_wav(trial, first=first))) for first in (True, False)]
    assert [(info.samplerate, info.channels, info.frames) for info in infos] == [(16000, 2, 16000)] * 2
