"""What request bodies have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from text2song.work import Work
from text2song.workforce import Workforce


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


class WorkSerializer(serializers.ModelSerializer):
    """Queued work, in an answer. However many there are in one, the workers are read once."""

    notice = serializers.SerializerMethodField(
        help_text="Why nobody is working on it, and what to do; empty when all is well."
    )

    def get_notice(self, work: Work) -> str:
        return self.context.setdefault("workforce", Workforce()).notice_of(work).replace("`", "")

    def to_representation(self, work: Work) -> dict[str, Any]:
        """Nobody can tell when something ends that nobody is working on."""
        told = super().to_representation(work)
        return told | {"seconds_left": None} if told["notice"] and "seconds_left" in told else told


def shown(value: str) -> str:
    """What a caller sent, as it may stand in an answer: short, and free of what cannot be encoded."""
    return value.encode("utf-8", "replace").decode()[:80]
