"""A deletion is undone for a while: everything comes back as it was, and only to who deleted it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import serializers
from django.utils import timezone

from feedback.models import Note, Preference, Ranking, RankingPlace, Rating, SampleTag
from feedback.services import rank
from feedback.tests.factories import NoteFactory, PreferenceFactory, RatingFactory, SampleTagFactory
from generation.exceptions import DeletionIsFinal
from generation.models import AudioSample, CollectionItem, Deletion, Favorite
from generation.services import (
    collect,
    delete_job,
    delete_sample,
    delete_samples,
    make_collection,
    purge_deletions,
    undo_deletion,
)
from generation.tests.factories import AudioSampleFactory, FavoriteFactory, GenerationJobFactory
from text2song.exceptions import Forbidden
from text2song.tests.factories import UserFactory

pytestmark = pytest.mark.django_db
KINDS = (Favorite, Rating, SampleTag, Note, Ranking, RankingPlace, Preference, CollectionItem)


def everything() -> list[str]:
    return [serializers.serialize("json", kind.objects.order_by("pk")) for kind in KINDS]


@pytest.fixture
def judged(user):
    """A job of three samples with everything that can be on them."""
    job = GenerationJobFactory(completed=True, requested_by=user)
    samples = [AudioSampleFactory(job=job, stored=False) for _ in range(3)]
    FavoriteFactory(sample=samples[0], note="keep")
    RatingFactory(sample=samples[0])
    SampleTagFactory(sample=samples[0])
    NoteFactory(sample=samples[0])
    PreferenceFactory(sample_a=samples[0], sample_b=samples[1])
    rank(samples=samples, rater=UserFactory())
    collect(collection=make_collection(actor=user, name="Mornings"), samples=samples, actor=user)
    return job


@pytest.mark.parametrize("what", ["one", "some", "job"])
def test_everything_comes_back_with_its_ids_and_times(judged, user, what):
    before = everything()
    samples = list(judged.samples.order_by("index"))
    if what == "job":
        deletion = delete_job(job=judged, actor=user)
    else:
        deletion = delete_samples(samples=samples[: 1 if what == "one" else 2], actor=user)
    assert not Favorite.objects.exists() and not Rating.objects.exists() and not Ranking.objects.exists()
    undo_deletion(deletion=deletion, actor=user)
    assert everything() == before
    assert AudioSample.objects.visible().count() == 3
    assert not Deletion.objects.exists()


def test_an_answer_given_anew_meanwhile_stands(judged, user):
    samples = list(judged.samples.order_by("index"))
    voice = Preference.objects.filter(ranking__isnull=False, sample_a__in=samples[:2], sample_b__in=samples[:2]).get()
    deletion = delete_sample(sample=samples[2], actor=user)
    anew = PreferenceFactory(sample_a=samples[0], sample_b=samples[1], rater=voice.rater, winner="tie")
    undo_deletion(deletion=deletion, actor=user)
    assert Preference.objects.get(rater=voice.rater, pair_key=voice.pair_key).pk == anew.pk


def test_an_account_removed_meanwhile_stays_removed(judged, user):
    note, heart = Note.objects.get(), Favorite.objects.get()
    deletion = delete_job(job=judged, actor=user)
    note.rater.delete()
    heart.user.delete()
    undo_deletion(deletion=deletion, actor=user)
    assert Note.objects.get().rater is None
    assert not Favorite.objects.exists()


def test_others_cannot_undo_it_and_nobody_can_when_it_is_too_late(judged, user):
    deletion = delete_sample(sample=judged.samples.first(), actor=user)
    with pytest.raises(Forbidden):
        undo_deletion(deletion=deletion, actor=UserFactory(is_staff=True))
    Deletion.objects.update(created_at=timezone.now() - Deletion.GRACE - timedelta(seconds=1))
    with pytest.raises(DeletionIsFinal):
        undo_deletion(deletion=deletion, actor=user)
    assert AudioSample.objects.visible().count() == 2


def test_what_is_old_is_purged(judged, user):
    old = delete_sample(sample=judged.samples.first(), actor=user)
    Deletion.objects.update(created_at=timezone.now() - Deletion.GRACE)
    young = delete_sample(sample=judged.samples.last(), actor=user)
    assert purge_deletions() == 1
    assert list(Deletion.objects.all()) == [young] and old != young


def test_of_several_one_that_is_not_theirs_refuses_all(judged):
    stranger = UserFactory()
    own = AudioSampleFactory(job=GenerationJobFactory(completed=True, requested_by=stranger), stored=False)
    with pytest.raises(Forbidden):
        delete_samples(samples=[own, judged.samples.first()], actor=stranger)
    assert AudioSample.objects.visible().count() == 4


def test_the_page_undoes_for_who_deleted(client, judged, user):
    client.force_login(user)
    page = client.post(f"/samples/{judged.samples.first().pk}/delete/", follow=True)
    deletion = Deletion.objects.get()
    assert f'action="/deletions/{deletion.pk}/undo/"' in page.text and ">Undo</button>" in page.text
    client.force_login(UserFactory())
    assert client.post(f"/deletions/{deletion.pk}/undo/").status_code == 404
    client.force_login(user)
    assert client.post(f"/deletions/{deletion.pk}/undo/").status_code == 302
    assert AudioSample.objects.visible().count() == 3
    assert client.post(f"/deletions/{deletion.pk}/undo/").status_code == 404
