"""Deletions at once, that are undone for a while: rows that went along are kept aside, and come back as they were."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from typing import cast

from django.contrib.auth.models import User
from django.core import serializers
from django.db import IntegrityError, models, transaction
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from generation.exceptions import DeletionIsFinal
from generation.models import AudioSample, Deletion, Favorite
from generation.services.access import require_owner
from generation.signals import samples_deleted, samples_leaving
from text2song.exceptions import Forbidden

MAY_DELETE = gettext_lazy("Only the person who made a sample, or a curator, can delete it.")


def delete_samples(*, samples: Sequence[AudioSample], actor: User) -> Deletion:
    """Hide samples, all or none; hearts and feedback on them go too. What was done can be undone for a while."""
    for sample in samples:
        require_owner(sample.job.requested_by_id, actor, str(MAY_DELETE))
    chosen = AudioSample.objects.filter(pk__in=[sample.pk for sample in samples])
    with transaction.atomic():
        # Locked and asked again: of two who delete the same clip, one keeps what went along.
        there = list(chosen.filter(deleted_at=None).select_for_update(of=("self",)))
        leaving = AudioSample.objects.filter(pk__in=[sample.pk for sample in there])
        deletion = Deletion.objects.create(actor=actor, removed=rows_with(leaving))
        deletion.samples.set(there)
        remove_with(leaving)
        now = timezone.now()
        leaving.update(deleted_at=now)
    for sample in samples:
        sample.deleted_at = now
    return deletion


def remove_with(samples: models.QuerySet[AudioSample]) -> None:
    """Remove hearts and feedback on `samples`, in the transaction that hides them."""
    Favorite.objects.filter(sample__in=samples.order_by().values("pk")).delete()
    samples_deleted.send(AudioSample, samples=samples)


def undo_deletion(*, deletion: Deletion, actor: User) -> None:
    """Bring back everything. Raises `Forbidden` to others, `DeletionIsFinal` when it is too late."""
    if deletion.actor_id != actor.pk:
        raise Forbidden(gettext("Only the person who deleted something can undo it."))
    with transaction.atomic():
        current = Deletion.objects.select_for_update().filter(pk=deletion.pk).first()
        if current is None or current.created_at <= timezone.now() - Deletion.GRACE:
            raise DeletionIsFinal
        current.samples.update(deleted_at=None)
        if current.job is not None:
            current.job.deleted_at = None
            current.job.save(update_fields=["deleted_at"])
        for row in serializers.deserialize("json", json.dumps(current.removed)):
            _put_back(row.object)
        current.delete()


def purge_deletions() -> int:
    """Remove for good what was deleted longer ago than `Deletion.GRACE`; returns how many deletions."""
    due = Deletion.objects.filter(created_at__lte=timezone.now() - Deletion.GRACE)
    count = due.count()
    due.delete()
    return count


def rows_with(samples: models.QuerySet[AudioSample]) -> list[dict[str, object]]:
    """What `remove_with` would remove, as `Deletion.removed` keeps it."""
    rows: list[models.Model] = list(Favorite.objects.filter(sample__in=samples.order_by().values("pk")))
    for _, others in samples_leaving.send(AudioSample, samples=samples):
        rows += cast(list[models.Model], others)
    stored: list[dict[str, object]] = json.loads(serializers.serialize("json", rows))
    return stored


def _put_back(row: models.Model) -> None:
    """Its id and times as they were. An answer given anew meanwhile stands; an account removed meanwhile stays so."""
    for field in row._meta.concrete_fields:
        if not isinstance(field, models.ForeignKey) or getattr(row, field.attname) is None:
            continue
        if not field.related_model._base_manager.filter(pk=getattr(row, field.attname)).exists():
            if not field.null:
                return
            setattr(row, field.attname, None)
    with contextlib.suppress(IntegrityError), transaction.atomic():
        row.save_base(raw=True, force_insert=True)
