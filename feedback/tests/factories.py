"""Feedback and listening tests with sensible contents."""

from __future__ import annotations

import factory
from django.utils import timezone

from feedback.models import (
    Arm,
    ClipPair,
    Criterion,
    ListeningTest,
    Note,
    Preference,
    RaterProfile,
    Rating,
    SampleTag,
    Tag,
    Trial,
)
from generation.tests.factories import AudioSampleFactory, BaseModelFactory
from prompts.tests.factories import PromptSuiteFactory
from text2song.tests.factories import UserFactory


class CriterionFactory(factory.django.DjangoModelFactory):
    """One of the criteria every studio has; `CriterionFactory(slug="groove")` makes a new one."""

    class Meta:
        model = Criterion
        django_get_or_create = ("slug",)

    slug = "overall"
    name = factory.LazyAttribute(lambda o: o.slug.replace("_", " ").capitalize())
    question = "How much do you like it?"


class RatingFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Rating

    rater = factory.SubFactory(UserFactory)
    sample = factory.SubFactory(AudioSampleFactory)
    criterion = factory.SubFactory(CriterionFactory)
    score = 4


class PreferenceFactory(factory.django.DjangoModelFactory):
    """A direct choice between two samples of one job."""

    class Meta:
        model = Preference

    rater = factory.SubFactory(UserFactory)
    sample_a = factory.SubFactory(AudioSampleFactory, index=0)
    sample_b = factory.LazyAttribute(lambda o: AudioSampleFactory(job=o.sample_a.job, index=o.sample_a.index + 1))
    winner = Preference.Winner.A


class TagFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Tag
        django_get_or_create = ("name",)

    name = "catchy"
    sign = Tag.Sign.GOOD


class SampleTagFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = SampleTag

    rater = factory.SubFactory(UserFactory)
    sample = factory.SubFactory(AudioSampleFactory)
    tag = factory.SubFactory(TagFactory)


class NoteFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Note

    rater = factory.SubFactory(UserFactory)
    sample = factory.SubFactory(AudioSampleFactory)
    text = "The second half is better."


class RaterProfileFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = RaterProfile

    user = factory.SubFactory(UserFactory)


class ListeningTestFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = ListeningTest

    name = "Base against nothing"
    suite = factory.SubFactory(PromptSuiteFactory)
    created_by = factory.SubFactory(UserFactory, is_staff=True)


class ArmFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Arm

    test = factory.SubFactory(ListeningTestFactory)
    position = factory.Sequence(lambda n: n)
    base_model = factory.SubFactory(BaseModelFactory)


class ClipPairFactory(factory.django.DjangoModelFactory):
    """A regular pair of two samples of one prompt."""

    class Meta:
        model = ClipPair

    test = factory.SubFactory(ListeningTestFactory)
    sample_x = factory.SubFactory(AudioSampleFactory)
    sample_y = factory.LazyAttribute(lambda o: AudioSampleFactory(job__prompt=o.sample_x.job.prompt))
    prompt = factory.LazyAttribute(lambda o: o.sample_x.job.prompt)
    index = 0
    arm_x = factory.LazyAttribute(lambda o: ArmFactory(test=o.test, base_model=o.sample_x.job.base_model))
    arm_y = factory.LazyAttribute(lambda o: ArmFactory(test=o.test, base_model=o.sample_y.job.base_model))


class TrialFactory(factory.django.DjangoModelFactory):
    """An open trial; the pair's first clip is shown first."""

    class Meta:
        model = Trial

    pair = factory.SubFactory(ClipPairFactory)
    test = factory.LazyAttribute(lambda o: o.pair.test)
    rater = factory.SubFactory(UserFactory)
    number = 1
    x_is_first = True
    opened_at = factory.LazyFunction(timezone.now)
