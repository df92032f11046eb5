"""A round goes from step to step, once for each, and says why where it does not."""

from __future__ import annotations

import pytest
from django.utils import timezone

from adapters.models import Adapter
from adapters.services import make_default
from adapters.tests.factories import AdapterFactory
from datasets_app.models import Dataset
from datasets_app.tests.factories import heard
from feedback.listening_tests.pairs import collect_pairs
from feedback.listening_tests.tests.listening import finish_jobs, voted
from feedback.models import ArmJob, ListeningTest
from generation.models import AudioSample, GenerationJob
from prompts.models import Prompt, PromptSuite
from prompts.tests.factories import PromptFactory, PromptSuiteFactory
from text2song.exceptions import Refused
from training.models import Experiment, Promotion, Round, TasteFit, TrainingRun
from training.rounds import steps
from training.rounds.exceptions import NotNow, RoundIsOver, RoundUnderWay, TooFewPrompts
from training.rounds.progress import advance, sweep
from training.rounds.services import cancel_round, give_more_votes, go_on, pause_round, start_round
from training.rounds.tests.factories import (
    at,
    base,
    begun,
    built,
    clips,
    end,
    fitted,
    judge,
    make_clips,
    own_prompts,
    taste_of,
    trained,
)

pytestmark = pytest.mark.django_db


def heard_all(round_: Round) -> None:
    """Workers have heard its clips, and a taste is sure of any two of them."""
    for place, clip in enumerate(clips(round_)):
        heard(clip, 3.0 * (place % 4))


# -- beginning -------------------------------------------------------------------------------------------------------


def test_a_round_holds_prompts_out_and_sends_jobs_for_the_others(user):
    round_ = begun(user)
    assert at(round_, "making").prompts.count() == 4
    held = set(round_.suite.prompts.values_list("text_key", flat=True))
    assert round_.suite.is_frozen and len(held) == 6
    assert not held & set(round_.prompts.values_list("text_key", flat=True))
    jobs = list(round_.jobs.all())
    assert {job.prompt_id for job in jobs} == set(round_.prompts.values_list("pk", flat=True)) and len(jobs) == 4
    assert {(job.requested_by, job.num_samples, job.adapter) for job in jobs} == {(user, 2, None)}


def test_it_goes_on_from_the_default_whose_clips_are_judged(user):
    default = AdapterFactory(base_model=base(), is_default=True)
    round_ = begun(user)
    assert round_.goes_on_from == default and {job.adapter for job in round_.jobs.all()} == {default}


def test_prompts_can_be_drawn_from_the_templates(user):
    base()
    round_ = start_round(actor=user, drawn=5, votes_wanted=5, clips_per_prompt=2)
    assert round_.prompts.count() == 5 and round_.suite.items.count() == 12
    assert Prompt.objects.filter(author=user).count() == 17
    assert len(set(Prompt.objects.values_list("text_key", flat=True))) == 17


def test_more_can_be_drawn_than_there_are_templates(user):
    base()
    suite = PromptSuiteFactory(prompts=[PromptFactory() for _ in range(3)], frozen=True)
    round_ = start_round(actor=user, drawn=60, suite=suite, votes_wanted=10, clips_per_prompt=2)
    assert round_.prompts.count() == 60 == len(set(round_.prompts.values_list("text_key", flat=True)))


def test_texts_of_suites_are_never_taught(user):
    base()
    prompts = own_prompts(user, 6)
    suite = PromptSuiteFactory(prompts=[PromptFactory(text=p.text) for p in prompts[:3]], frozen=True)
    round_ = start_round(actor=user, prompts=prompts, suite=suite, votes_wanted=3, clips_per_prompt=2)
    assert set(round_.prompts.all()) == set(prompts[3:]) and round_.suite == suite


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"votes_wanted": 5}, "give 4 pairs, fewer than 5 votes"),
        ({"max_clips": 55}, "It needs 56 clips: 8 to judge and 48 for the blind test"),
        ({"prompts": []}, "no prompt"),
    ],
)
def test_what_cannot_come_to_an_end_is_not_begun(user, values, words):
    with pytest.raises(Refused, match=words):
        begun(user, **values)
    assert not Round.objects.exists() and not GenerationJob.objects.exists() and not PromptSuite.objects.exists()


def test_too_few_prompts_and_open_or_small_suites_are_refused(user):
    base()
    few = own_prompts(user, 9)
    with pytest.raises(TooFewPrompts, match="Choose 10 or more prompts"):
        start_round(actor=user, prompts=few, votes_wanted=1, clips_per_prompt=2)
    for suite in (PromptSuiteFactory(prompts=few[:5]), PromptSuiteFactory(prompts=few[:2], frozen=True)):
        with pytest.raises(Refused, match="frozen suite of 3 or more"):
            start_round(actor=user, prompts=few, suite=suite, votes_wanted=1, clips_per_prompt=2)


def test_one_at_a_time(user):
    first = begun(user)
    with pytest.raises(RoundUnderWay):
        begun(user)
    cancel_round(actor=user, round_=first)
    again = begun(user)
    assert again.number == 2 and again.suite == first.suite, "rounds are judged on the same"
    assert PromptSuite.objects.count() == 1


# -- clips and votes -------------------------------------------------------------------------------------------------


def test_jobs_leave_room_in_the_queue_and_are_sent_once(user, settings):
    settings.MAX_ACTIVE_JOBS_PER_USER = 4
    round_ = begun(user)
    assert round_.jobs.count() == 2
    advance(round_.pk)
    assert round_.jobs.count() == 2, "a second look sends nothing twice"
    end(round_.jobs.first(), state="completed", finished_at=timezone.now())
    sweep()
    assert round_.jobs.count() == 3
    at(make_clips(round_), "judging")
    assert round_.jobs.count() == 4 == len({job.prompt_id for job in round_.jobs.all()})


def test_a_failed_job_is_told_and_only_that_is_sent_again(user):
    round_ = begun(user)
    lost = round_.jobs.first()
    end(lost, state="failed", error="The disk is full.", finished_at=timezone.now())
    advance(round_.pk)
    assert at(round_, "making", "failed").told == "The disk is full."
    sweep()
    at(round_, "making", "failed")
    go_on(actor=user, round_=round_)
    assert at(round_, "making").jobs.count() == 4
    assert round_.jobs.get(prompt=lost.prompt) != lost


def test_votes_bring_it_on_and_no_pair_is_asked_twice(user):
    round_ = make_clips(begun(user))
    judge(round_, votes=3)
    at(round_, "judging")
    judge(round_, votes=1)
    assert at(round_, "fitting").fit.filters == {"raters": ["rita"]}
    advance(round_.pk)
    sweep()
    assert TasteFit.objects.count() == 1


def test_both_bad_teaches_nothing_but_pairs_come_to_an_end(user):
    round_ = make_clips(begun(user, votes_wanted=3))
    judge(round_, winner="both_bad")
    assert "no pair of different clips" in at(round_, "judging", "failed").told
    go_on(actor=user, round_=round_)
    assert at(round_, "making").batches == 2, "it makes other clips"


def test_clips_that_are_equal_are_never_a_pair(user):
    round_ = make_clips(begun(user))
    AudioSample.objects.filter(job__in=round_.jobs.all()).update(sha256="0" * 64)
    advance(round_.pk)
    assert "no pair of different clips" in at(round_, "judging", "failed").told


# -- the taste -------------------------------------------------------------------------------------------------------


def test_a_fit_that_fails_is_told_and_made_again(user, judged):
    end(at(judged, "fitting").fit, state="failed", error="None of the clips can be read.", finished_at=timezone.now())
    sweep()
    assert at(judged, "fitting", "failed").told == "None of the clips can be read."
    go_on(actor=user, round_=judged)
    assert at(judged, "fitting").fit.state == "queued" and TasteFit.objects.count() == 2


def test_a_usable_taste_goes_on_by_itself_and_labels_the_pairs_nobody_judged(user):
    round_ = make_clips(begun(user, clips_per_prompt=4))
    heard_all(round_)
    fitted(judge(round_))
    round_ = at(round_, "building")
    assert round_.trains_on == "taste" and round_.dataset.kind == "preference" and round_.dataset.created_by is None
    filters = round_.dataset.filters
    assert filters["raters"] == ["rita"] and len(filters["prompts"]) == 4
    assert filters["taste"] == str(round_.taste.pk) and round_.dataset.rows_total > 4


def walked(user, prompts, *, promoted: bool) -> Round:
    """A round on these prompts to its end."""
    round_ = trained(built(fitted(judge(make_clips(begun(user, prompts=prompts))))))
    outcome = "promoted" if promoted else "declined"
    end(round_.promotion, state="decided", outcome=outcome, reason="Judged.", decided_at=timezone.now())
    if promoted:
        make_default(adapter=round_.adapter, actor=None)
    sweep()
    return at(round_, "decided", "completed")


def learned_from(round_: Round) -> set[str]:
    return set(Round.objects.get(pk=round_.pk).dataset.filters["prompts"])


def keys(*rounds: Round) -> set[str]:
    return {str(pk) for round_ in rounds for pk in round_.prompts.values_list("pk", flat=True)}


def test_it_learns_from_earlier_rounds_that_began_where_it_begins(user, curator):
    walked(curator, own_prompts(curator, 10), promoted=False)
    first = walked(user, own_prompts(user, 10), promoted=False)
    second = walked(user, [PromptFactory(author=user) for _ in range(4)], promoted=True)
    assert learned_from(first) == keys(first) and learned_from(second) == keys(first, second)
    third = walked(user, [PromptFactory(author=user) for _ in range(4)], promoted=False)
    assert third.goes_on_from == second.adapter and learned_from(third) == keys(third), "another model made those clips"
    fourth = walked(user, [PromptFactory(author=user) for _ in range(4)], promoted=False)
    assert learned_from(fourth) == keys(third, fourth)
    assert [r.number for r in Round.objects.filter(owner=user).order_by("number")] == [1, 2, 3, 4]


def test_it_learns_from_no_more_prompts_than_a_dataset_can_be_told(user, monkeypatch):
    monkeypatch.setattr(steps, "LONGEST_LIST", 9)
    walked(user, own_prompts(user, 10), promoted=False)
    second, third = (walked(user, [PromptFactory(author=user) for _ in range(4)], promoted=False) for _ in range(2))
    assert learned_from(third) == keys(second, third), "the oldest are left out"


def test_a_taste_that_labels_nothing_leaves_the_votes_and_says_so(understood):
    round_ = at(understood, "building")
    assert round_.trains_on == "votes" and "taste" not in round_.dataset.filters
    assert "votes alone" in round_.told and round_.told in round_.dataset.description


def test_a_taste_that_is_not_usable_waits_for_its_owner(user, judged):
    fitted(judged, usable=False)
    round_ = at(judged, "understood", "waiting")
    with pytest.raises(NotNow, match="cannot be relied on yet"):
        go_on(actor=user, round_=round_, trains_on="taste")
    go_on(actor=user, round_=round_)
    at(judged, "understood", "waiting")
    go_on(actor=user, round_=round_, trains_on="votes")
    assert "taste" not in at(judged, "building").dataset.filters


def test_more_votes_make_more_clips_and_the_taste_is_fitted_anew(user, judged):
    first = fitted(judged, usable=False).fit
    give_more_votes(actor=user, round_=judged, votes=10)
    round_ = at(judged, "making")
    assert round_.votes_wanted == 14 and round_.fit is None
    assert round_.batches == 2, "four further clips of each prompt give the pairs"
    assert round_.jobs.count() == 8
    judge(make_clips(round_))
    assert at(judged, "fitting").fit not in (None, first)
    assert at(judged, "fitting").fit.name == first.name


# -- dataset, adapter, test ------------------------------------------------------------------------------------------


def test_it_trains_further_and_opens_a_test_on_its_suite(user, understood):
    round_ = at(built(understood), "training")
    assert round_.run.parent == round_.goes_on_from and not round_.run.blind_test
    assert round_.run.experiment.created_by == user and round_.run.method == "dpo"
    trained(round_)
    round_ = at(understood, "testing")
    promotion = round_.promotion
    assert promotion.test.suite == round_.suite and promotion.test.votes_wanted == 24 and promotion.opened_by is None
    for _ in range(3):
        advance(round_.pk)
    counts = [kind.objects.count() for kind in (TasteFit, Dataset, Experiment, TrainingRun, Promotion, ListeningTest)]
    assert counts == [1] * 6, "nothing is made twice"


def test_a_dataset_and_a_run_that_fail_are_told_and_made_again(user, understood):
    end(at(understood, "building").dataset, state="failed", error="Too few rows.", finished_at=timezone.now())
    sweep()
    assert at(understood, "building", "failed").told == "Too few rows."
    go_on(actor=user, round_=understood)
    built(understood)
    run = at(understood, "training").run
    end(run, state="failed", error="Memory ran out.", finished_at=timezone.now())
    sweep()
    assert at(understood, "training", "failed").told == "Memory ran out."
    go_on(actor=user, round_=understood)
    assert at(understood, "training").run != run, "without a checkpoint it begins anew"
    again = at(understood, "training").run
    end(again, state="failed", error="Power went.", finished_at=timezone.now(), checkpoints={"last": "x"})
    sweep()
    go_on(actor=user, round_=understood)
    assert at(understood, "training").run == again and again.experiment.runs.get(pk=again.pk).state == "queued"


@pytest.mark.parametrize(("outcome", "word"), [("promoted", "Preferred"), ("declined", "too few")])
def test_the_decision_ends_the_round_with_its_reason(understood, outcome, word):
    trained(built(understood))
    promotion = at(understood, "testing").promotion
    end(promotion, state="decided", outcome=outcome, reason=f"{word}.", decided_at=timezone.now())
    sweep()
    round_ = at(understood, "decided", "completed")
    assert round_.told == f"{word}." and round_.finished_at
    with pytest.raises(RoundIsOver):
        pause_round(actor=round_.owner, round_=round_)


def test_a_test_that_was_withdrawn_is_opened_again(user, understood):
    trained(built(understood))
    first = at(understood, "testing").promotion
    end(first, state="decided", outcome="withdrawn", reason="The test was deleted.", decided_at=timezone.now())
    sweep()
    assert at(understood, "testing", "failed").told == "The test was deleted."
    go_on(actor=user, round_=understood)
    assert at(understood, "testing").promotion not in (None, first)


def test_clips_of_the_test_that_fail_are_told_and_made_again(user, understood):
    trained(built(understood))
    job = ArmJob.objects.first().job
    end(job, state="failed", error="The disk is full.", finished_at=timezone.now())
    sweep()
    assert "The disk is full." in at(understood, "testing", "failed").told
    go_on(actor=user, round_=understood)
    at(understood, "testing")
    job.refresh_from_db()
    assert job.state == "queued" and Promotion.objects.count() == 1


def test_the_test_ends_when_its_owner_has_judged_all_there_is(user, understood):
    trained(built(understood))
    test = at(understood, "testing").promotion.test
    finish_jobs(test)
    collect_pairs(test)
    pairs = list(test.pairs.filter(kind="regular"))
    ListeningTest.objects.filter(pk=test.pk).update(votes_wanted=len(pairs) + 5, gold_share=0.0, repeat_share=0.0)
    for pair in pairs[:-1]:
        voted(pair, winner="x", rater=user)
    sweep()
    test.refresh_from_db()
    assert test.state == "active", "one pair is left"
    voted(pairs[-1], winner="x", rater=user)
    sweep()
    test.refresh_from_db()
    assert test.state == "completed"


def test_what_the_owner_did_by_hand_is_taken(user, understood):
    from training.promotion.services import open_promotion

    built(understood)
    pause_round(actor=user, round_=understood)
    trained(understood)
    run = Round.objects.get(pk=understood.pk).run
    mine = open_promotion(adapter=run.adapter, actor=None, policy=understood.policy)
    go_on(actor=user, round_=understood)
    assert at(understood, "testing").promotion == mine


# -- once, whatever happens ------------------------------------------------------------------------------------------


def test_a_step_that_breaks_in_the_middle_stores_nothing_of_it(judged, monkeypatch):
    """As a process that is killed would leave it."""
    fit = at(judged, "fitting").fit
    end(fit, state="completed", taste=taste_of(judged))

    def broken(**values):
        Dataset.objects.create(name="half", kind="preference")
        raise RuntimeError("killed")

    whole = steps.create_dataset
    monkeypatch.setattr(steps, "create_dataset", broken)
    sweep()
    assert at(judged, "building").dataset is None and not Dataset.objects.exists()
    monkeypatch.setattr(steps, "create_dataset", whole)
    sweep()
    assert at(judged, "building").dataset and Dataset.objects.count() == 1


def test_a_round_that_breaks_keeps_no_other_from_going_on(user, curator, monkeypatch):
    one = judge(make_clips(begun(user)))
    other = judge(make_clips(begun(curator)))
    for round_ in (one, other):
        end(at(round_, "fitting").fit, state="failed", error="No.", finished_at=timezone.now())
    whole = steps.do_step
    monkeypatch.setattr(
        "training.rounds.progress.do_step",
        lambda r: (_ for _ in ()).throw(RuntimeError) if r.pk == one.pk else whole(r),
    )
    assert sweep() == 2
    at(one, "fitting")
    at(other, "fitting", "failed")


def test_without_its_owner_a_round_ends(user):
    round_ = begun(user)
    user.delete()
    sweep()
    assert "gone" in at(round_, "making", "cancelled").told


def test_a_curators_round_acts_in_their_name(curator):
    round_ = judge(make_clips(begun(curator)))
    fitted(round_)
    assert at(round_, "building").dataset.created_by == curator
    assert Adapter.objects.count() == 0 and len(clips(round_)) == 8
