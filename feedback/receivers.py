"""What feedback does when something else happens."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.dispatch import receiver

from feedback.services.deletion import forget_samples
from generation.signals import samples_deleted


@receiver(samples_deleted, dispatch_uid="feedback.forget_samples")
def forget(sender: Any, samples: QuerySet, **kwargs: Any) -> None:
    """Feedback goes with its samples."""
    forget_samples(samples)
