"""The database refuses what no rater can mean."""

from __future__ import annotations

import pytest
from django.db import IntegrityError
from django.utils import timezone

from feedback.judgements.starting_words import BAD_TAGS, CRITERIA, GOOD_TAGS
from feedback.models import Criterion, Preference, Tag, Trial
from feedback.tests.factories import (
    ClipPairFactory,
    NoteFactory,
    PreferenceFactory,
    RatingFactory,
    SampleTagFactory,
    TagFactory,
    TrialFactory,
)

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("score", [0, 6, 99])
def test_a_score_outside_one_to_five_is_refused(score):
    with pytest.raises(IntegrityError):
        RatingFactory(score=score)


def test_one_rating_per_rater_sample_and_criterion():
    rating = RatingFactory()
    with pytest.raises(IntegrityError):
        RatingFactory(rater=rating.rater, sample=rating.sample, score=1)


def test_a_pair_is_the_same_pair_either_way_round():
    first = PreferenceFactory()
    with pytest.raises(IntegrityError):
        PreferenceFactory(rater=first.rater, sample_a=first.sample_b, sample_b=first.sample_a)


@pytest.mark.parametrize("winner", ["", "c", "A"])
def test_an_unknown_winner_is_refused(winner):
    with pytest.raises(IntegrityError):
        PreferenceFactory(winner=winner)


def test_a_sample_is_not_preferred_to_itself():
    preference = PreferenceFactory()
    with pytest.raises(IntegrityError):
        Preference.objects.filter(pk=preference.pk).update(sample_b=preference.sample_a)


@pytest.mark.parametrize(("start", "end"), [(-1.0, 2.0), (2.0, 2.0), (3.0, 1.0), (1.0, None), (None, 1.0)])
def test_a_span_that_is_none_is_refused(start, end):
    with pytest.raises(IntegrityError):
        SampleTagFactory(start=start, end=end)


def test_a_tag_twice_on_the_whole_sample_is_refused_but_spans_are_their_own():
    use = SampleTagFactory()
    SampleTagFactory(rater=use.rater, sample=use.sample, start=0.0, end=1.0)
    with pytest.raises(IntegrityError):
        SampleTagFactory(rater=use.rater, sample=use.sample)


def test_an_empty_note_is_refused():
    with pytest.raises(IntegrityError):
        NoteFactory(text="")


def test_a_tag_is_no_synonym_of_itself():
    tag = TagFactory(name="groovy_beat")
    with pytest.raises(IntegrityError):
        Tag.objects.filter(pk=tag.pk).update(synonym_of=tag)


def test_a_rater_has_one_open_trial_in_a_test():
    trial = TrialFactory()
    other = ClipPairFactory(test=trial.test)
    with pytest.raises(IntegrityError):
        TrialFactory(pair=other, test=trial.test, rater=trial.rater, number=2)


def test_a_pair_is_shown_to_a_rater_once_but_for_repeats():
    trial = TrialFactory(choice=Trial.Choice.FIRST, voted_at=timezone.now())
    TrialFactory(pair=trial.pair, test=trial.test, rater=trial.rater, number=2, repeat_of=trial)
    with pytest.raises(IntegrityError):
        TrialFactory(
            pair=trial.pair, test=trial.test, rater=trial.rater, number=3, choice="tie", voted_at=timezone.now()
        )


def test_a_trial_without_a_choice_has_no_vote():
    with pytest.raises(IntegrityError):
        TrialFactory(voted_at=timezone.now())


def test_votes_stay_when_their_rater_goes():
    rating, preference = RatingFactory(), PreferenceFactory()
    rating.rater.delete()
    preference.rater.delete()
    rating.refresh_from_db()
    preference.refresh_from_db()
    assert rating.rater is None and preference.rater is None


def test_a_new_studio_has_criteria_and_tags():
    assert list(Criterion.objects.values_list("slug", flat=True)) == [row[0] for row in CRITERIA]
    assert Tag.objects.filter(is_curated=True, sign="good").count() == len(GOOD_TAGS)
    assert Tag.objects.filter(is_curated=True, sign="bad").count() == len(BAD_TAGS)
