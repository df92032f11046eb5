"""Collections by their services: names, owners, order."""

from __future__ import annotations

import pytest

from generation.exceptions import CollectionIsFull, CollectionNameTaken
from generation.models import Collection
from generation.services import (
    change_collection,
    collect,
    delete_collection,
    make_collection,
    reorder,
    take_out,
    undo_deletion,
)
from generation.services import collections as services
from generation.tests.factories import AudioSampleFactory, GenerationJobFactory
from text2song.exceptions import Forbidden, Refused
from text2song.tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def samples():
    job = GenerationJobFactory(completed=True)
    return [AudioSampleFactory(job=job, stored=False) for _ in range(3)]


@pytest.fixture
def mornings(user):
    return make_collection(actor=user, name=" Mornings ")


def order(collection):
    return list(collection.items.values_list("sample_id", flat=True))


def test_a_name_is_needed_and_once_for_an_owner(mornings, user):
    assert mornings.name == "Mornings"
    for name in ("", "  ", "x" * 101):
        with pytest.raises(Refused):
            make_collection(actor=user, name=name)
    with pytest.raises(CollectionNameTaken):
        make_collection(actor=user, name="Mornings")
    make_collection(actor=UserFactory(), name="Mornings")


def test_clips_stand_once_in_the_order_that_is_given(mornings, samples, user):
    assert collect(collection=mornings, samples=samples[:2], actor=user) == 2
    assert collect(collection=mornings, samples=samples, actor=user) == 1
    a, b, c = (sample.pk for sample in samples)
    assert order(mornings) == [a, b, c]
    reorder(collection=mornings, order=[c, a], actor=user)
    assert order(mornings) == [c, b, a], "what is not named keeps its place"
    reorder(collection=mornings, order=[a, b, c], actor=user)
    assert order(mornings) == [a, b, c]
    gone = take_out(collection=mornings, samples=samples[:2], actor=user)
    assert order(mornings) == [c]
    undo_deletion(deletion=gone, actor=user)
    assert order(mornings) == [a, b, c]


def test_it_has_a_limit_that_is_told(mornings, samples, user, monkeypatch):
    monkeypatch.setattr(services, "MOST_CLIPS", 2)
    with pytest.raises(CollectionIsFull, match="2"):
        collect(collection=mornings, samples=samples, actor=user)
    assert order(mornings) == []


def test_others_change_nothing_and_see_what_is_shared(mornings, samples, user):
    other = UserFactory()
    for change in (
        lambda: change_collection(collection=mornings, actor=other, name="Mine"),
        lambda: delete_collection(collection=mornings, actor=other),
        lambda: collect(collection=mornings, samples=samples, actor=other),
        lambda: take_out(collection=mornings, samples=samples[:1], actor=other),
        lambda: reorder(collection=mornings, order=[], actor=other),
    ):
        with pytest.raises(Forbidden):
            change()
    assert not Collection.objects.visible_to(other).exists()
    change_collection(collection=mornings, actor=user, is_shared=True)
    assert Collection.objects.visible_to(other).get() == mornings
