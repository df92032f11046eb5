"""What request bodies have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from rest_framework import serializers

from text2song.api import fields as strict
from text2song.work import Work
from text2song.workforce import Workforce


class StrictFieldsMixin:
    """Refuse body fields that are not known, so that a misspelt one is told instead of ignored.

    What is made from a model's field takes values for what they are (`text2song.api.fields`).
    """

    serializer_field_mapping = {
        model_field: strict.STRICT.get(made, made)
        for model_field, made in serializers.ModelSerializer.serializer_field_mapping.items()
    }
    fields: Any
    schema_rules: ClassVar[dict[str, Any]] = {}
    """What the OpenAPI schema says of the fields together."""
    serializer_choice_field = strict.ChoiceField
    serializer_related_field = strict.RelatedField

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if isinstance(data, Mapping):
            known = [name for name, field in self.fields.items() if not field.read_only]
            unknown = sorted(str(name) for name in set(data) - set(known))
            if unknown:
                raise serializers.ValidationError(
                    {shown(name): [f"Unknown field “{shown(name)}”. Known: {', '.join(known)}."] for name in unknown}
                )
        return super().to_internal_value(data)  # type: ignore[misc]  # the serializer's


class ReplaceableSerializer(StrictFieldsMixin, serializers.ModelSerializer):
    """A row that `PUT` replaces as a whole."""

    @property
    def replacing_data(self) -> dict[str, Any]:
        """What was sent, and for every field that was left out what a new row would have."""
        new = self.Meta.model()
        left_out = {
            field.source: self._default(new, field)
            for field in self._writable_fields
            if field.source not in self.validated_data
        }
        return left_out | self.validated_data

    @staticmethod
    def _default(new: Any, field: serializers.Field) -> Any:
        return [] if isinstance(field, serializers.ListField) else getattr(new, field.source)


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
