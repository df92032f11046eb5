"""Collections: made, changed and deleted by whom they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from generation.exceptions import CollectionIsFull, CollectionNameTaken
from generation.models import AudioSample, Collection, CollectionItem
from generation.services.access import require_owner
from text2song.exceptions import Refused

MOST_CLIPS = 500
NAME_LENGTH = 100


def make_collection(*, actor: User, name: str, is_shared: bool = False) -> Collection:
    """An empty collection of `actor`'s. Raises `Refused` for a wrong name, `CollectionNameTaken` for one in use."""
    collection = Collection(owner=actor, name=_checked(name), is_shared=is_shared)
    _store(collection)
    return collection


def change_collection(
    *, collection: Collection, actor: User, name: str | None = None, is_shared: bool | None = None
) -> None:
    """Rename it, or share it with the studio; None leaves things as they are."""
    _require(collection, actor)
    if name is not None:
        collection.name = _checked(name)
    if is_shared is not None:
        collection.is_shared = is_shared
    _store(collection)


def delete_collection(*, collection: Collection, actor: User) -> None:
    """Remove a collection; its clips stay."""
    _require(collection, actor)
    collection.delete()


def collect(*, collection: Collection, samples: Sequence[AudioSample], actor: User) -> int:
    """Add clips at its end, in the order given; those that are in it stay where they are. Returns how many came."""
    _require(collection, actor)
    with transaction.atomic():
        Collection.objects.select_for_update().get(pk=collection.pk)
        inside = set(collection.items.values_list("sample_id", flat=True))
        coming = list({sample.pk: sample for sample in samples if sample.pk not in inside}.values())
        if len(inside) + len(coming) > MOST_CLIPS:
            raise CollectionIsFull(MOST_CLIPS)
        last = collection.items.aggregate(last=Max("position"))["last"] or 0
        CollectionItem.objects.bulk_create(
            CollectionItem(collection=collection, sample=sample, position=last + place)
            for place, sample in enumerate(coming, 1)
        )
    return len(coming)


def take_out(*, collection: Collection, sample: AudioSample, actor: User) -> None:
    """Take a clip out of a collection; one that is not in it is no mistake."""
    _require(collection, actor)
    collection.items.filter(sample=sample).delete()


def reorder(*, collection: Collection, order: Sequence[UUID], actor: User) -> None:
    """Put its clips in the order of their ids in `order`; clips not named keep their order behind those."""
    _require(collection, actor)
    with transaction.atomic():
        Collection.objects.select_for_update().get(pk=collection.pk)
        place = {pk: number for number, pk in enumerate(order)}
        items = list(collection.items.order_by("position", "pk"))
        items.sort(key=lambda item: place.get(item.sample_id, len(place)))
        for number, item in enumerate(items, 1):
            item.position = number
        CollectionItem.objects.bulk_update(items, ["position"])


def _require(collection: Collection, actor: User) -> None:
    require_owner(collection.owner_id, actor, _("Only its owner, or a curator, changes a collection."))


def _checked(name: str) -> str:
    name = " ".join(name.split())
    if not 1 <= len(name) <= NAME_LENGTH:
        message = _("A name has 1 to %(most)s characters.") % {"most": NAME_LENGTH}
        raise Refused(message, fields={"name": [message]})
    return name


def _store(collection: Collection) -> None:
    try:
        with transaction.atomic():
            collection.save()
    except IntegrityError as error:
        raise CollectionNameTaken(collection.name) from error
