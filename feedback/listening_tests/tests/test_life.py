"""Making a test, generating its clips, pairing them, ending it."""

from __future__ import annotations

import numpy as np
import pytest
from django.core.exceptions import ValidationError

from feedback.listening_tests import pairs
from feedback.listening_tests.exceptions import ArmsRefused, WrongState
from feedback.listening_tests.gold import damage
from feedback.listening_tests.services import creation, lifecycle, trials
from feedback.listening_tests.services.creation import ArmSpec
from feedback.listening_tests.services.results import comparisons_of, results
from feedback.listening_tests.tests.listening import answer, draft, finish_jobs, running, voted
from feedback.models import ArmJob, ClipPair, ListeningTest
from feedback.statistics.win_rate import summarise
from generation.models import AudioSample, GenerationJob
from generation.sound import processing as audio
from generation.tests.factories import BaseModelFactory
from prompts.tests.factories import PromptFactory, PromptSuiteFactory
from text2song.exceptions import Forbidden, Refused
from text2song.tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def suite():
    return PromptSuiteFactory(prompts=[PromptFactory()], frozen=True)


def make(suite, arms, **values):
    return creation.create_test(actor=UserFactory(is_staff=True), name="n", suite=suite, arms=arms, **values)


def test_equal_arms_are_refused(suite):
    model = BaseModelFactory()
    with pytest.raises(ArmsRefused, match="equal"):
        make(suite, [ArmSpec(model), ArmSpec(model)])
    assert not ListeningTest.objects.exists()


@pytest.mark.parametrize("count", [0, 1, 7])
def test_two_to_six_arms(suite, count):
    with pytest.raises(ArmsRefused, match="2 to 6"):
        make(suite, [ArmSpec(BaseModelFactory()) for _ in range(count)])


def test_an_open_suite_is_refused():
    with pytest.raises(Refused, match="Freeze it first"):
        make(PromptSuiteFactory(prompts=[PromptFactory()]), [ArmSpec(BaseModelFactory()), ArmSpec(BaseModelFactory())])


def test_a_duration_over_a_models_limit_is_refused(suite):
    with pytest.raises(ArmsRefused, match="12 s is over the 10 s limit"):
        make(suite, [ArmSpec(BaseModelFactory()), ArmSpec(BaseModelFactory())], duration=12)


@pytest.mark.parametrize(
    "values",
    [{"samples_per_prompt": 5}, {"votes_wanted": 0}, {"repeat_share": 0.9}, {"sampling": {"temperature": 9}}],
)
def test_values_out_of_range_are_refused(suite, values):
    with pytest.raises(ValidationError):
        make(suite, [ArmSpec(BaseModelFactory()), ArmSpec(BaseModelFactory())], **values)
    assert not ListeningTest.objects.exists()


def test_the_description_may_not_name_an_arm(suite):
    arms = [ArmSpec(BaseModelFactory(display_name="Grand Piano XL")), ArmSpec(BaseModelFactory())]
    with pytest.raises(Refused, match="must not name"):
        make(suite, arms, description="Is grand piano xl any good?")


def test_only_curators_make_tests(suite):
    with pytest.raises(Forbidden):
        creation.create_test(actor=UserFactory(), name="n", suite=suite, arms=[])


def test_starting_queues_one_job_for_every_arm_and_prompt_with_equal_seeds(settings):
    settings.MAX_ACTIVE_JOBS_PER_USER = 2
    test = draft(prompts=3, arms=3, samples_per_prompt=2, seed=100)
    lifecycle.start_test(actor=test.created_by, test=test)
    assert test.state == "generating"
    made = ArmJob.objects.filter(arm__test=test).select_related("job")
    assert len(made) == 9
    assert {(m.job.num_samples, m.job.duration, m.job.temperature) for m in made} == {(2, 1, 0.8)}
    seeds = {}
    for m in made:
        seeds.setdefault(m.prompt_id, set()).add(m.job.seed)
    assert sorted(next(iter(found)) for found in seeds.values() if len(found) == 1) == [100, 102, 104]
    assert not GenerationJob.objects.filter(requested_by__isnull=False).exists(), "they count against nobody's quota"
    with pytest.raises(WrongState, match="generating cannot be started"):
        lifecycle.start_test(actor=test.created_by, test=test)
    assert ArmJob.objects.count() == 9


def test_a_start_that_fails_stores_nothing(settings):
    test = draft(prompts=2)
    last = test.arms.last().base_model
    last.folder.joinpath("config.json").unlink()
    with pytest.raises(Exception, match="not on this machine"):
        lifecycle.start_test(actor=test.created_by, test=test)
    test.refresh_from_db()
    assert test.state == "draft"
    assert not GenerationJob.objects.exists()


def test_pairs_open_as_jobs_complete():
    test = draft(prompts=2, samples_per_prompt=2)
    lifecycle.start_test(actor=test.created_by, test=test)
    assert pairs.progress(test).words == "0/4 pairs generated"
    first_prompt = ArmJob.objects.filter(arm__test=test).first().prompt_id
    waiting = list(ArmJob.objects.exclude(prompt=first_prompt).values_list("job", flat=True))
    GenerationJob.objects.filter(pk__in=waiting).update(state="running")
    finish_jobs(test)
    assert pairs.collect_pairs(test) == 2
    assert pairs.collect_pairs(test) == 0
    assert (pairs.progress(test).words, test.state) == ("2/4 pairs generated", "generating")
    assert trials.next_trial(rater=UserFactory(), test=test) is not None, "the first pairs can be judged already"
    GenerationJob.objects.filter(pk__in=waiting).update(state="queued")
    finish_jobs(test)
    pairs.collect_pairs(test)
    assert (pairs.progress(test).words, test.state) == ("4/4 pairs generated", "active")
    for pair in test.pairs.all():
        assert pair.sample_x.job.arm_job.arm_id == pair.arm_x_id
        assert pair.sample_y.job.arm_job.arm_id == pair.arm_y_id
        assert pair.sample_x.seed == pair.sample_y.seed
        assert pair.sample_x.job.prompt_id == pair.sample_y.job.prompt_id == pair.prompt_id


def test_failed_jobs_are_named_and_can_be_retried():
    test = draft(prompts=2)
    lifecycle.start_test(actor=test.created_by, test=test)
    bad = ArmJob.objects.filter(arm__test=test).first().job
    assert bad.claim("host:1:1") and bad.fail("Out of memory.")
    finish_jobs(test)
    pairs.collect_pairs(test)
    assert test.state == "active", "what is there can be judged"
    assert [job.error for job in lifecycle.failed_jobs(test)] == ["Out of memory."]
    assert lifecycle.retry_failed(actor=test.created_by, test=test) == 1
    assert test.state == "generating"
    finish_jobs(test)
    pairs.collect_pairs(test)
    assert (test.state, pairs.progress(test).words) == ("active", "2/2 pairs generated")


def test_clips_of_an_open_test_are_hidden_until_it_is_over():
    test = running(prompts=1)
    assert not AudioSample.objects.visible().exists()
    lifecycle.close_test(actor=test.created_by, test=test)
    assert AudioSample.objects.visible().count() == 2


def test_closing_cancels_what_is_still_to_be_made_and_reopening_takes_more_votes():
    test = draft(prompts=2)
    lifecycle.start_test(actor=test.created_by, test=test)
    lifecycle.close_test(actor=test.created_by, test=test)
    assert set(GenerationJob.objects.values_list("state", flat=True)) == {"cancelled"}
    with pytest.raises(WrongState, match="no pair"):
        lifecycle.reopen_test(actor=test.created_by, test=test)
    test = running(prompts=1, votes_wanted=1)
    answer(trials.next_trial(rater=UserFactory(), test=test))
    test.refresh_from_db()
    assert test.state == "completed" and test.finished_at
    with pytest.raises(Refused, match="It has 1 votes"):
        lifecycle.reopen_test(actor=test.created_by, test=test)
    test.refresh_from_db()
    lifecycle.reopen_test(actor=test.created_by, test=test, votes_wanted=2)
    assert test.state == "active" and test.finished_at is None


def test_deleting_ends_and_hides_it():
    test = running(prompts=1)
    lifecycle.delete_test(actor=test.created_by, test=test)
    assert not ListeningTest.objects.visible().exists()
    assert ListeningTest.objects.get().state == "completed"


def test_only_names_and_votes_wanted_can_be_changed():
    test = running(prompts=1)
    creation.update_test(actor=test.created_by, test=test, name="Other", votes_wanted=7)
    test.refresh_from_db()
    assert (test.name, test.votes_wanted) == ("Other", 7)
    with pytest.raises(WrongState):
        creation.update_test(actor=test.created_by, test=test, duration=5)


def test_gold_pairs_are_made_of_all_arms_and_only_once():
    test = running(prompts=8, gold_share=0.3)
    gold = test.pairs.filter(kind=ClipPair.Kind.GOLD)
    assert gold.count() == pairs.gold_wanted(test) == 4
    assert sorted(arm.position for arm in {pair.arm_x for pair in gold}) == [0, 1]
    pairs.collect_pairs(test)
    assert gold.count() == 4
    assert all(pair.gold_file.size > 1000 for pair in gold)


def test_damage_is_plain_to_hear_and_no_quieter():
    rate = 8000
    rng = np.random.default_rng(1)
    clip = (0.1 * rng.standard_normal((1, 3 * rate))).astype(np.float32)
    broken = damage(clip, rate, seed=5)
    assert broken.shape == clip.shape and broken.dtype == np.float32
    assert audio.loudness(broken, rate) == pytest.approx(audio.loudness(clip, rate), abs=1.0)
    blocks = np.abs(broken[0]).reshape(-1, 80).max(axis=1)
    assert 20 <= (blocks < 1e-4).sum() <= 60, "some tenths of a second are silent"
    spectrum = np.abs(np.fft.rfft(broken[0]))
    hertz = np.fft.rfftfreq(broken.shape[1], 1 / rate)
    inside = (spectrum[(hertz > 450) & (hertz < 1500)] ** 2).mean()
    outside = (spectrum[hertz > 2200] ** 2).mean()
    assert inside > 8 * outside, "the high end is gone"
    assert np.array_equal(broken, damage(clip, rate, seed=5)), "the same clip is always damaged alike"


# -- results -----------------------------------------------------------------------------------------------------------


def test_results_tell_the_side_that_won_from_the_arm_that_won():
    """Sample 1 is named nine times of twelve, the first arm eight times."""
    test = running(prompts=12)
    sides = ["first"] * 9 + ["second"] * 3
    for number, (pair, side) in enumerate(zip(test.pairs.all(), sides, strict=True)):
        winner = "x" if number < 8 else "y"
        voted(pair, winner=winner, x_is_first=(winner == "x") == (side == "first"))
    found = results(actor=None, test=test)
    assert (found.bias.first, found.bias.second, found.bias.share) == (9, 3, 0.75)
    (duel,) = found.duels
    assert (duel.rate.wins, duel.rate.losses) == (8, 4)


def test_results_know_who_voted_and_on_what():
    test = running(prompts=12)
    raters = [UserFactory() for _ in range(3)]
    for number, pair in enumerate(test.pairs.all()):
        voted(pair, winner="x" if number % 4 else "y", rater=raters[number % 3])
    (duel,) = results(actor=None, test=test).duels
    assert (duel.rate.raters, duel.rate.wins, duel.rate.losses) == (3, 9, 3)
    compared = comparisons_of(test.trials.counted())
    assert {vote.rater for vote in compared} == {rater.pk for rater in raters}
    assert {vote.prompt for vote in compared} == set(test.suite.prompts.values_list("pk", flat=True))
    one = running(prompts=12)
    for pair in one.pairs.all():
        voted(pair, winner="x", rater=raters[0])
    (duel,) = results(actor=None, test=one).duels
    assert duel.sentence.endswith("for this one rater; of others nothing is known.")


def test_duels_of_several_arms_hold_all_at_once():
    test = running(prompts=12, arms=3)
    for pair in test.pairs.all():
        voted(pair, winner="x")
    found = results(actor=None, test=test)
    compared = comparisons_of(test.trials.counted())
    assert len(found.duels) == 3
    for duel in found.duels:
        alone = summarise(compared, duel.arm.pk, duel.against.pk)
        assert duel.rate == summarise(compared, duel.arm.pk, duel.against.pk, family=3)
        assert duel.rate.low < alone.low
