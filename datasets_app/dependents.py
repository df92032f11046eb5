"""Who uses a dataset. Apps that come later register here what would break without it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from datasets_app.models import Dataset

Users: TypeAlias = Callable[[Dataset], Iterable[str]]
_sources: list[Users] = []


def uses_datasets(users: Users) -> Users:
    """Register a function that names what uses a dataset, as in “the adapter warm-keys@1.0.0” (decorator)."""
    _sources.append(users)
    return users


def users_of(dataset: Dataset) -> list[str]:
    """Everything that uses it, in words."""
    return [name for users in _sources for name in users(dataset)]
