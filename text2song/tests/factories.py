"""People and workers for tests."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import factory
from django.contrib.auth import get_user_model
from django.utils import timezone

from text2song.models import WorkerPresence


class UserFactory(factory.django.DjangoModelFactory):
    """An ordinary person; `UserFactory(is_staff=True)` is a curator."""

    class Meta:
        model = get_user_model()
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"user-{n}")
    password = factory.django.Password("listen-closely")


class WorkerPresenceFactory(factory.django.DjangoModelFactory):
    """A worker that has been idle for five minutes; `hangs=True` is there and does not move.

    The first one has the name under which other factories let work be done.
    """

    class Meta:
        model = WorkerPresence

    class Params:
        hangs = factory.Trait(turned_at=factory.LazyFunction(lambda: _ago(60)))

    cluster = "generation"
    started_at = factory.LazyFunction(lambda: _ago(300))
    turned_at = factory.LazyFunction(lambda: _ago(0))
    seen_at = factory.LazyFunction(lambda: _ago(0))

    @factory.lazy_attribute
    def name(self) -> str:
        return f"host:{WorkerPresence.objects.count() + 1}:1"


def _ago(seconds: float) -> Any:
    return timezone.now() - timedelta(seconds=seconds)
