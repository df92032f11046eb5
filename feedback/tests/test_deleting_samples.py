"""Feedback goes with its samples, all or none; what a listening test stands on stays."""

from __future__ import annotations

import pytest

from feedback.models import Note, Preference, Ranking, Rating, SampleTag, Trial
from feedback.services import rank
from feedback.tests.factories import (
    ArmFactory,
    ClipPairFactory,
    ListeningTestFactory,
    NoteFactory,
    PreferenceFactory,
    RatingFactory,
    SampleTagFactory,
    TrialFactory,
)
from generation.models import AudioSample, Favorite
from generation.services import cancel_job, delete_job, delete_sample
from generation.signals import samples_deleted
from generation.tests.factories import AudioSampleFactory, FavoriteFactory, GenerationJobFactory
from text2song.tests.clients import caller
from text2song.tests.factories import UserFactory

pytestmark = pytest.mark.django_db
KINDS = (Rating, SampleTag, Note, Preference, Ranking)


@pytest.fixture
def judged(user):
    """A job with feedback of every kind on its three samples, and a rating elsewhere."""
    job = GenerationJobFactory(completed=True, requested_by=user)
    samples = [AudioSampleFactory(job=job, stored=False) for _ in range(3)]
    RatingFactory(sample=samples[0])
    SampleTagFactory(sample=samples[0])
    NoteFactory(sample=samples[0])
    PreferenceFactory(sample_a=samples[0], sample_b=samples[1])
    rank(samples=samples, rater=UserFactory())
    RatingFactory()
    return job


def counts():
    return [kind.objects.count() for kind in KINDS]


def test_a_job_takes_all_feedback_along(judged, user):
    assert counts() == [2, 1, 1, 4, 1]
    delete_job(job=judged, actor=user)
    assert counts() == [1, 0, 0, 0, 0]
    assert caller(user).get(f"/api/v1/jobs/{judged.pk}/").status_code == 404


def test_the_api_deletes_the_same_way(judged, user):
    assert caller(user).delete(f"/api/v1/jobs/{judged.pk}/").status_code == 204
    assert counts() == [1, 0, 0, 0, 0]


def test_a_sample_takes_its_own_feedback_and_every_ranking_it_stands_in(judged, user):
    delete_sample(sample=judged.samples.get(index=2), actor=user)
    assert counts() == [2, 1, 1, 1, 0]
    delete_sample(sample=judged.samples.get(index=0), actor=user)
    assert counts() == [1, 0, 0, 0, 0]


def test_a_failure_half_way_changes_nothing(judged, user):
    FavoriteFactory(sample=judged.samples.first())

    def fail(**kwargs):
        raise RuntimeError("out of disk")

    samples_deleted.connect(fail)
    try:
        with pytest.raises(RuntimeError):
            delete_job(job=judged, actor=user)
    finally:
        samples_deleted.disconnect(fail)
    judged.refresh_from_db()
    assert judged.deleted_at is None
    assert counts() == [2, 1, 1, 4, 1]
    assert Favorite.objects.count() == 1


def test_cancelling_takes_the_feedback_on_partial_samples_along(user):
    job = GenerationJobFactory(running=True, requested_by=user)
    samples = [AudioSampleFactory(job=job) for _ in range(2)]
    RatingFactory(sample=samples[0])
    rank(samples=samples, rater=user)
    cancel_job(job=job, actor=user)
    assert counts() == [0, 0, 0, 0, 0]
    assert not AudioSample.objects.exists()


def test_votes_of_a_test_stay_with_their_samples(user, curator):
    job = GenerationJobFactory(completed=True)
    samples = [AudioSampleFactory(job=job, stored=False) for _ in range(2)]
    test = ListeningTestFactory(state="completed")
    arms = [ArmFactory(test=test) for _ in range(2)]
    pair = ClipPairFactory(
        test=test, sample_x=samples[0], sample_y=samples[1], prompt=job.prompt, arm_x=arms[0], arm_y=arms[1]
    )
    trial = TrialFactory(pair=pair, rater=user)
    vote = PreferenceFactory(sample_a=samples[0], sample_b=samples[1], rater=user, source="trial", trial=trial)
    PreferenceFactory(sample_a=samples[0], sample_b=samples[1])
    RatingFactory(sample=samples[0], rater=user)
    delete_job(job=job, actor=curator)
    assert list(Preference.objects.all()) == [vote]
    assert Trial.objects.count() == 1 and not Rating.objects.exists()
    assert AudioSample.objects.filter(job=job).count() == 2, "hidden, and still stored"
    assert caller(user).get("/api/v1/preferences/").json()["count"] == 0
