"""Hearts on prompts. An app above keeps them with those on samples, and says here how they are found."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import uuid

    from django.contrib.auth.models import User

    from prompts.models import Prompt


class Hearts:
    """What is asked about them. Where nobody keeps hearts there are none."""

    def set_by(self, user: User) -> Iterable[uuid.UUID]:
        """The ids of the prompts the user's heart is on: values, or a query for them."""
        return ()

    def on(self, prompt: Prompt) -> int:
        """How many people's hearts are on it."""
        return 0

    def take_off(self, prompt: Prompt) -> None:
        """Remove all hearts from it."""


_kept = [Hearts()]


def keep_hearts(hearts: Hearts) -> None:
    """Let `hearts` answer from now on."""
    _kept[:] = [hearts]


def hearts() -> Hearts:
    return _kept[0]
