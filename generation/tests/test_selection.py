"""Several clips at once, without script: the rules of one, and one toast for all."""

from __future__ import annotations

import io
import uuid
import zipfile
from typing import Any

import pytest
from django.urls import reverse

from generation.models import AudioSample, Collection, Deletion, Favorite
from generation.services import collect, make_collection
from generation.tests.factories import AudioSampleFactory, FavoriteFactory, GenerationJobFactory
from text2song.tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def samples(user: Any) -> list[AudioSample]:
    job = GenerationJobFactory(completed=True, requested_by=user)
    return [AudioSampleFactory(job=job, index=index) for index in range(3)]


def ids(samples: list[AudioSample]) -> list[str]:
    return [str(sample.pk) for sample in samples]


def toasts(answer: Any) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


def test_many_are_deleted_and_brought_back_at_once(page, samples, user):
    FavoriteFactory(user=user, sample=samples[0])
    back = "/library/?sort=title"
    answer = page.post(f"{reverse('samples-delete')}?next={back}", {"ids": ids(samples)}, follow=True)
    assert answer.redirect_chain[0][0] == back and toasts(answer) == ["3 samples were deleted."]
    assert not AudioSample.objects.visible().exists() and not Favorite.objects.exists()
    undo = reverse("deletion-undo", args=[Deletion.objects.get().pk])
    assert page.post(undo).status_code == 302
    assert AudioSample.objects.visible().count() == 3 and Favorite.objects.count() == 1


def test_one_that_is_not_theirs_refuses_all_and_curators_may(page, curator_page, samples):
    others = AudioSampleFactory(job=GenerationJobFactory(completed=True), stored=False)
    both = {"ids": ids([*samples, others])}
    answer = page.post(reverse("samples-delete"), both, follow=True)
    assert "1 of the 4 chosen samples was made by somebody else" in toasts(answer)[0]
    assert AudioSample.objects.visible().count() == 4 and not Deletion.objects.exists()
    curator_page.post(reverse("samples-delete"), both)
    assert not AudioSample.objects.visible().exists()


def test_hearts_are_set_on_all_and_those_that_are_set_stay(page, samples, user):
    FavoriteFactory(user=user, sample=samples[0], note="keep")
    for _ in range(2):
        answer = page.post(reverse("samples-heart"), {"ids": ids(samples)}, follow=True)
        assert toasts(answer)[-1] == "3 samples are among your favourites."
        assert Favorite.objects.filter(user=user).count() == 3 and Favorite.objects.filter(note="keep").exists()


def test_they_are_downloaded_in_the_order_they_are_sent(page, samples):
    answer = page.get(reverse("samples-download"), {"ids": ids(samples[::-1])})
    names = zipfile.ZipFile(io.BytesIO(b"".join(answer))).namelist()
    assert [name.split("take ")[1][0] for name in names[:3]] == ["C", "B", "A"] and names[0].endswith(".flac")
    wav = page.get(reverse("samples-download"), {"ids": ids(samples), "file_format": "wav"})
    assert zipfile.ZipFile(io.BytesIO(b"".join(wav))).namelist()[0].endswith(".wav")


@pytest.mark.parametrize("name", ["samples-delete", "samples-heart"])
def test_nothing_chosen_and_unknown_ones_are_told(page, samples, name):
    for chosen in ([], ["not-an-id"], [str(uuid.uuid4())]):
        answer = page.post(reverse(name), {"ids": chosen}, follow=True)
        assert answer.redirect_chain and len(toasts(answer)) == 1
    assert page.get(reverse("samples-download")).status_code == 400
    assert page.get(reverse(name)).status_code == 405
    assert AudioSample.objects.visible().count() == 3


# -- finding them ----------------------------------------------------------------------------------------------------


def found(page: Any, **query: Any) -> list[int]:
    answer = page.get(reverse("library"), query)
    assert answer.status_code == 200
    return [sample.index for sample in answer.context["page"]]


def test_the_orders(page, samples):
    for sample, title, duration in zip(samples, ("b", "A", ""), (3.0, 1.0, 2.0), strict=True):
        AudioSample.objects.filter(pk=sample.pk).update(title=title, duration=duration)
    samples[2].job.prompt.text = "zebra"
    samples[2].job.prompt.save()
    assert found(page) == found(page, sort="newest") == found(page, sort="oldest")[::-1] == [2, 1, 0]
    assert found(page, sort="title") == [1, 0, 2]
    assert found(page, sort="longest") == found(page, sort="shortest")[::-1] == [0, 2, 1]
    assert page.get(reverse("library"), {"sort": "loudest"}).status_code == 400


def test_people_and_collections_narrow_the_list(page, samples, user):
    AudioSampleFactory(job=GenerationJobFactory(completed=True, requested_by=UserFactory(username="otto")), index=7)
    collection = make_collection(actor=user, name="Mornings")
    collect(collection=collection, samples=samples[:1], actor=user)
    assert found(page, person="otto") == [7] and found(page, person="rita") == [2, 1, 0]
    answer = page.get(reverse("library"), {"collection": collection.pk, "sort": "title"})
    assert [sample.index for sample in answer.context["page"]] == [0]
    chips = {chip["label"]: chip["url"] for chip in answer.context["chips"]}
    assert chips == {"in “Mornings”": "?sort=title"} and answer.context["narrowed"] == 1
    Collection.objects.update(owner=UserFactory())
    assert page.get(reverse("library"), {"collection": collection.pk}).status_code == 400, "a private one of another"
    assert page.get(reverse("library"), {"person": "nobody"}).status_code == 400
