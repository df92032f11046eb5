"""What request bodies have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers


class StrictFieldsMixin:
    """Refuse body fields that are not known, so that a misspelt one is told instead of ignored."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if isinstance(data, Mapping):
            known = [name for name, field in self.fields.items() if not field.read_only]  # type: ignore[attr-defined]
            unknown = sorted(str(name) for name in set(data) - set(known))
            if unknown:
                raise serializers.ValidationError(
                    {shown(name): [f"Unknown field “{shown(name)}”. Known: {', '.join(known)}."] for name in unknown}
                )
        return super().to_internal_value(data)  # type: ignore[misc]


class StrictSerializer(StrictFieldsMixin, serializers.Serializer):
    """A request body without a model of its own."""


def shown(value: str) -> str:
    """What a caller sent, as it may stand in an answer: short, and free of what cannot be encoded."""
    return value.encode("utf-8", "replace").decode()[:80]
