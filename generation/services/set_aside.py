"""What becomes of samples that a taste has set aside: some are kept after all, the others go in the end."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from generation.exceptions import NotSetAside
from generation.models import AudioSample
from generation.needed import unneeded
from generation.services.access import require_owner
from generation.services.samples import hide_sample


def keep_sample(*, sample: AudioSample, actor: User) -> None:
    """Keep a sample after all. Raises `Forbidden`, and `NotSetAside` for one that is kept already."""
    require_owner(
        sample.job.requested_by_id, actor, gettext("Only the person who made a sample, or a curator, can keep it.")
    )
    if not AudioSample.objects.set_aside().filter(pk=sample.pk).update(set_aside_at=None):
        raise NotSetAside
    sample.set_aside_at = None


def forget_set_aside() -> int:
    """Delete what was set aside more than `SET_ASIDE_DAYS` ago and nobody needs; returns how many.

    0 days delete nothing.
    """
    if settings.SET_ASIDE_DAYS <= 0:
        return 0
    before = timezone.now() - timedelta(days=settings.SET_ASIDE_DAYS)
    due = AudioSample.objects.undeleted().set_aside().filter(set_aside_at__lt=before)
    return sum(_forget(sample) for sample in list(unneeded(due)))


def _forget(sample: AudioSample) -> bool:
    """Asked once more in the transaction: somebody may have judged it, or kept it, a moment ago."""
    with transaction.atomic():
        alone = AudioSample.objects.undeleted().set_aside().filter(pk=sample.pk).select_for_update(of=("self",))
        if not alone.exists() or not unneeded(AudioSample.objects.filter(pk=sample.pk)).exists():
            return False
        hide_sample(sample)
    return True
