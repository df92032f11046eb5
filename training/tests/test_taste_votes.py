"""From what people said to votes: which count, whose, how much, and which are left out."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from django.utils import timezone

from datasets_app.building.filters import FilterSpec
from datasets_app.tests.factories import built, clips, prefer, rated, rater, seed_with_every_split, taste
from feedback.models import Preference, RaterProfile
from feedback.services import prefer as say
from feedback.services import rate
from generation.tests.factories import BaseModelFactory
from prompts.tests.factories import PromptFactory, PromptSuiteFactory
from training.tastes.refitting import is_due
from training.tastes.votes import most_votes, spec_of, votes_in, votes_of

pytestmark = pytest.mark.django_db
ALL = FilterSpec()


def test_a_vote_is_as_sure_as_its_rater_is_reliable_and_a_tie_leads_nowhere():
    better, worse, third = clips(3)
    judge = rater(0.6)
    prefer(better, worse, judge)
    prefer(worse, third, judge, winner="tie")
    first, second = votes_of(ALL)
    assert (first.left, first.right, first.lead, first.weight) == (better.pk, worse.pk, 0.6, 1.0)
    assert (second.left, second.right, second.lead) == (worse.pk, third.pk, 0.0)
    assert first.rater == judge.username and first.prompt == better.job.prompt.text_key


def test_the_second_clip_leads_when_it_won():
    a, b = clips(2)
    prefer(a, b, rater(1.0), winner="b")
    assert votes_of(ALL)[0].lead == -1.0


def test_both_bad_says_nothing_of_one_clip_to_the_other():
    a, b = clips(2)
    prefer(a, b, winner="both_bad")
    assert votes_of(ALL) == []


def test_ratings_of_one_prompt_are_pairs_that_weigh_one_less_than_there_are_clips():
    judge = rater(0.8)
    made = rated([5, 3, 3, 1], [judge])
    said = votes_of(ALL)
    assert len(said) == 5, "the two that were rated alike are no vote"
    assert sum(vote.weight for vote in said) == pytest.approx(3)
    place = {sample.pk: score for sample, score in zip(made, [5, 3, 3, 1], strict=True)}
    assert all((place[v.left] > place[v.right]) == (v.lead > 0) and abs(v.lead) == 0.8 for v in said)


def test_there_are_never_more_votes_than_were_counted_without_reading_them():
    judge, (a, b, c) = rater(), clips(3)
    prefer(a, b, judge)
    prefer(b, c, judge, winner="tie")
    prefer(a, c, judge, winner="both_bad")
    assert most_votes(ALL) == len(votes_of(ALL)) == 2
    rated([5, 3, 1], [judge, rater()])
    assert most_votes(ALL) == len(votes_of(ALL)) == 2 + 2 * 3
    rated([4, 4, 2], [judge])
    assert (most_votes(ALL), len(votes_of(ALL))) == (11, 10)
    only = FilterSpec(raters=(judge.username,))
    assert (most_votes(only), len(votes_of(only))) == (8, 7)


def test_no_vote_is_read_while_too_few_are_new(monkeypatch):
    judge, made = rater(), clips(6)
    for better, worse in pairwise(made):
        prefer(better, worse, judge)
    followed = taste(made[0].job.base_model, filters={}, votes=3, refit_every=3)
    with monkeypatch.context() as patched:
        patched.setattr("training.tastes.refitting.votes_of", None)
        assert not is_due(followed), "two of three are new"
    prefer(made[0], made[2], judge)
    assert is_due(followed)


def test_ratings_of_different_prompts_or_raters_are_no_pair():
    rated([5], [rater()])
    first, second = clips(2)
    rate(sample=first, rater=rater(), scores={"overall": 5})
    rate(sample=second, rater=rater(), scores={"overall": 1})
    assert votes_of(ALL) == []


def test_what_a_rater_said_directly_stands_instead_of_their_ratings():
    judge, other = rater(), rater()
    a, b = rated([5, 1], [judge, other])
    prefer(b, a, judge)
    mine = [vote for vote in votes_of(ALL) if vote.rater == judge.username]
    assert [(vote.left, vote.right, vote.lead) for vote in mine] == [(b.pk, a.pk, 1.0)]
    assert len(votes_of(ALL)) == 2, "the other one's ratings are still a vote"


def test_excluded_raters_withheld_clips_and_prompts_of_suites_are_left_out():
    excluded = rater(is_excluded=True)
    a, b = clips(2)
    prefer(a, b, excluded)
    assert votes_of(ALL) == []
    RaterProfile.objects.filter(user=excluded).update(is_excluded=False)
    assert len(votes_of(ALL)) == 1
    a.job.withheld = True
    a.job.save(update_fields=["withheld"])
    assert votes_of(ALL) == []
    prompt = PromptFactory()
    c, d = clips(2, prompt=prompt)
    prefer(c, d)
    assert len(votes_of(ALL)) == 1
    PromptSuiteFactory(prompts=[prompt], frozen=True)
    assert votes_of(ALL) == []


def test_raters_and_the_base_model_choose():
    base, mine = BaseModelFactory(key="mine"), rater()
    a, b = clips(2, base_model=base)
    c, d = clips(2)
    for pair in ((a, b), (c, d)):
        prefer(*pair, mine)
        prefer(*pair, rater())
    assert len(votes_of(ALL)) == 4
    said = votes_of(spec_of({"raters": [mine.username]}, "mine"))
    assert [(vote.left, vote.rater) for vote in said] == [(a.pk, mine.username)]


def test_votes_come_in_the_order_in_which_they_were_given_with_style_and_tempo():
    then = timezone.now()
    for hours, style, tempo in ((1, "jazz", 80), (3, "", None), (2, "rock", 150)):
        a, b = clips(2, prompt=PromptFactory(style=style, tempo=tempo))
        given = prefer(a, b)
        Preference.objects.filter(pk=given.pk).update(created_at=then - timedelta(hours=hours))
    groups = [vote.groups for vote in votes_of(ALL)]
    assert groups == [(), ("style: rock", "tempo: fast"), ("style: jazz", "tempo: slow")]


def test_the_rows_of_a_dataset_that_are_trained_on_are_votes():
    made = [clips(2, seed=1000 + 10 * n) for n in range(12)]
    for better, worse in made:
        prefer(better, worse, rater(0.5))
    dataset = built("preference", seed=seed_with_every_split(made))
    said = votes_in(dataset)
    assert len(said) == dataset.train_rows < 12
    assert {(vote.left, vote.right) for vote in said} <= {(a.pk, b.pk) for a, b in made}
    assert {vote.lead for vote in said} == {0.5}


def test_an_answer_changed_is_still_one_vote(user):
    a, b = clips(2)
    say(sample_a=a, sample_b=b, winner="a", rater=user)
    say(sample_a=a, sample_b=b, winner="b", rater=user)
    assert [vote.lead > 0 for vote in votes_of(ALL)] == [False]
