"""Collections: made, filled and changed by whom they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from generation.exceptions import CollectionIsFull, CollectionNameTaken
from generation.models import AudioSample, Collection, CollectionItem
from generation.querysets import AudioSampleQuerySet
from generation.services.access import require_owner
from text2song.exceptions import Refused

MOST_CLIPS = 500
NAME_LENGTH = 100
IN_ORDER = ("collection_items__position", "collection_items__pk")


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


def reorder(*, collection: Collection, order: Sequence[UUID], actor: User) -> None:
    """Put clips in the order of their ids in `order`, into the places they have; those not named keep theirs."""
    _require(collection, actor)
    with transaction.atomic():
        Collection.objects.select_for_update().get(pk=collection.pk)
        items = list(collection.items.order_by("position", "pk"))
        named = {item.sample_id: item for item in items}
        ordered = iter([named[pk] for pk in dict.fromkeys(order) if pk in named])
        moving = set(order)
        items = [next(ordered) if item.sample_id in moving else item for item in items]
        for number, item in enumerate(items, 1):
            item.position = number
        CollectionItem.objects.bulk_update(items, ["position"])


def move(*, collection: Collection, sample: AudioSample, by: int, actor: User) -> None:
    """Move a clip one place up (`by` -1) or down (1) among those that are shown; at an end nothing changes."""
    shown = list(collection_samples(collection).values_list("pk", flat=True))
    if sample.pk not in shown:
        return
    place = shown.index(sample.pk)
    if not 0 <= place + by < len(shown):
        return
    pair = [shown[place], shown[place + by]]
    reorder(collection=collection, order=pair if by < 0 else pair[::-1], actor=actor)


def collection_samples(collection: Collection) -> AudioSampleQuerySet:
    """The clips in it that may be shown, in its order."""
    return AudioSample.objects.visible().filter(collection_items__collection=collection).order_by(*IN_ORDER)


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
