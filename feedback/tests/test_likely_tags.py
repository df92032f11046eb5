"""Which tags are offered first: a fixed order, then what the rater uses, then what all use; never by this clip."""

from __future__ import annotations

import pytest

from feedback.models import Tag
from feedback.pages.panel import Panel
from feedback.tests.factories import RatingFactory, SampleTagFactory, TagFactory
from generation.models import AudioSample
from generation.tests.factories import AudioSampleFactory, GenerationJobFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def sample():
    return AudioSampleFactory(stored=False)


def used(name, times, **values):
    for _ in range(times):
        clip = AudioSampleFactory(job=GenerationJobFactory(completed=True), stored=False)
        SampleTagFactory(tag=Tag.objects.get(name=name), **{"sample": clip, **values})


def judge_all(user):
    for clip in AudioSample.objects.all():
        RatingFactory(sample=clip, rater=user)


def rows(sample, user):
    return {sign: [chip.tag.name for chip in chips] for sign, chips in Panel(sample, user).tags.rows}


def test_before_anybody_used_one_the_order_is_fixed(sample, user):
    assert rows(sample, user) == {
        "good": ["catchy", "groovy", "creative", "good_melody", "good_rhythm", "matches_prompt"],
        "bad": ["boring", "noisy", "repetitive", "off_key", "muddy", "mismatch_prompt"],
    }


def test_ones_own_come_before_everybodys(sample, user):
    used("polished", 3)
    used("emotional", 1, rater=user)
    used("harsh", 1)
    judge_all(user)
    assert rows(sample, user)["good"][:3] == ["emotional", "polished", "catchy"]
    assert rows(sample, user)["bad"][:2] == ["harsh", "boring"]


def test_what_others_said_of_clips_that_are_yet_to_be_judged_is_not_told(sample, user, curator):
    used("polished", 3)
    assert rows(sample, user)["good"][0] == "catchy"
    assert rows(sample, curator)["good"][0] == "polished", "curators see all answers"


def test_what_was_said_of_this_clip_changes_nothing(sample, user):
    RatingFactory(sample=sample, rater=user)
    before = [tag.name for tag in Panel(sample, user).offered]
    for _ in range(3):
        used("polished", 1, sample=sample)
    used("harsh", 1, sample=sample, rater=user, start=0.0, end=0.5)
    assert [tag.name for tag in Panel(sample, user).offered] == before


def test_a_word_of_somebody_else_is_not_offered_and_ones_own_is(sample, user):
    SampleTagFactory(tag=TagFactory(name="their_word", sign="good"), sample=sample)
    SampleTagFactory(tag=TagFactory(name="my_word", sign="good"), rater=user, sample=AudioSampleFactory(stored=False))
    offered = [tag.name for tag in Panel(sample, user).offered]
    assert "their_word" not in offered and offered[0] == "my_word"


def test_what_is_ticked_is_shown_however_unlikely(sample, user):
    used("silent_gap", 1, sample=sample, rater=user)
    assert rows(sample, user)["bad"][-1] == "silent_gap"
    chips = dict(Panel(sample, user).tags.rows)["bad"]
    assert [chip.is_ticked for chip in chips] == [False] * 6 + [True]
