"""What the registry asks of the base model an adapter was made for. The models are known to an app above this one."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Protocol


class Base(Protocol):
    """A base model. `revision` is what its files here are; empty where none are."""

    pk: uuid.UUID
    key: str
    display_name: str
    location: str
    revision: str

    def tensor_shapes(self) -> Mapping[str, Sequence[int]]:
        """Name and shape of every weight. Raises a `DomainError` where its files are missing or broken."""

    def why_unheard(self, kinds: Sequence[str]) -> str:
        """Why new clips will lack one of these kinds of features, and what helps; empty where they will have them all.

        Words to stand after a taste's name.
        """

    def other_called(self, name: str) -> Base | None:
        """Another known model of this key or hub id, if `name` is one's and not this model's own."""
