"""Finding what an address names."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from text2song.api.serializers import shown


class UUIDLookup:
    """A malformed id in the address is wrong input (400), not an unknown thing (404)."""

    kwargs: Mapping[str, Any]

    def get_object(self) -> Any:
        given = self.kwargs["pk"]
        try:
            uuid.UUID(given)
        except ValueError as error:
            raise serializers.ValidationError({"id": [f"“{shown(given)}” is not a UUID."]}) from error
        return super().get_object()  # type: ignore[misc]  # the view's
