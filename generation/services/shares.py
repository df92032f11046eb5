"""Links for people without an account: made, used and revoked."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.models import User
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from generation.models import AudioSample, Collection, ShareLink
from generation.querysets import AudioSampleQuerySet
from generation.services.access import require_owner
from generation.services.collections import collection_samples
from text2song.exceptions import Refused

DAYS = (1, 7, 30)
DEFAULT_DAYS = 30


def share(*, target: AudioSample | Collection, actor: User, days: int | None = DEFAULT_DAYS) -> ShareLink:
    """A new link to a clip or a collection for 1, 7 or 30 days, or for ever (None). Its owner and curators may."""
    if days is not None and days not in DAYS:
        message = _("A link is good for 1, 7 or 30 days, or for ever.")
        raise Refused(message, fields={"days": [message]})
    owner = target.job.requested_by_id if isinstance(target, AudioSample) else target.owner_id
    require_owner(owner, actor, _("Only the person who made it, or a curator, can share it."))
    kind = "sample" if isinstance(target, AudioSample) else "collection"
    expires = None if days is None else timezone.now() + timedelta(days=days)
    return ShareLink.objects.create(created_by=actor, expires_at=expires, **{kind: target})


def revoke_link(*, link: ShareLink, actor: User) -> None:
    """End a link at once; again changes nothing."""
    require_owner(link.created_by_id, actor, _("Only the person who made a link, or a curator, can revoke it."))
    ShareLink.objects.filter(pk=link.pk, revoked_at=None).update(revoked_at=timezone.now())
    link.refresh_from_db()


def revoke_links(*, actor: User) -> int:
    """End every link of `actor`'s; returns how many there were."""
    return ShareLink.objects.filter(created_by=actor, revoked_at=None).update(revoked_at=timezone.now())


def note_opening(*, link: ShareLink) -> None:
    """Count that its page was opened."""
    ShareLink.objects.filter(pk=link.pk).update(opened=F("opened") + 1, last_opened_at=timezone.now())


def shared_samples(link: ShareLink) -> list[AudioSample]:
    """What the link plays, in order: its clip, or those of its collection that its maker may share one by one."""
    if link.sample_id is not None:
        return list(AudioSample.objects.visible().filter(pk=link.sample_id))
    if link.collection is None:
        return []
    return list(shareable(collection_samples(link.collection), link.created_by))


def shareable(samples: AudioSampleQuerySet, actor: User) -> AudioSampleQuerySet:
    """Those that `actor` may share: all for curators, for others what they made."""
    return samples if actor.is_staff else samples.filter(job__requested_by=actor)
