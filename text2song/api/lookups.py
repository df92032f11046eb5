"""Finding what an address names."""

from __future__ import annotations

import uuid
from typing import Any

from rest_framework import serializers

from text2song.api.serializers import shown


class UUIDLookup:
    """A malformed id in the address is wrong input (400), not an unknown thing (404)."""

    def get_object(self) -> Any:
        given = self.kwargs["pk"]  # type: ignore[attr-defined]
        try:
            uuid.UUID(given)
        except ValueError as error:
            raise serializers.ValidationError({"id": [f"“{shown(given)}” is not a UUID."]}) from error
        return super().get_object()  # type: ignore[misc]
