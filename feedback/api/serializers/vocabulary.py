"""Criteria and tags."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from feedback.models import Criterion, Tag
from text2song.api import fields as strict
from text2song.api.serializers import StrictSerializer


class CriterionSerializer(serializers.ModelSerializer):
    """A question samples are rated on, with what 1 and 5 mean."""

    class Meta:
        model = Criterion
        fields = ("slug", "name", "question", "low_label", "high_label")
        read_only_fields = fields


class TagSerializer(serializers.ModelSerializer):
    """A word of the vocabulary. A synonym is understood and stored as the tag it leads to."""

    synonym_of = strict.CharField(source="synonym_of.name", read_only=True, allow_null=True, default=None)

    class Meta:
        model = Tag
        fields = ("id", "name", "sign", "is_curated", "synonym_of", "created_at")
        read_only_fields = fields


@extend_schema_serializer(examples=[OpenApiExample("A word of one's own", {"name": "warm bass", "sign": "good"})])
class TagCreateSerializer(StrictSerializer):
    """A word to add: 1 to 100 characters, stored in lower case with underscores for blanks."""

    name = strict.CharField(trim_whitespace=False)
    sign = strict.ChoiceField(choices=Tag.Sign.choices)


@extend_schema_serializer(examples=[OpenApiExample("It is praise", {"sign": "good", "is_curated": True})])
class TagChangeSerializer(StrictSerializer):
    """What curators can change of a tag."""

    schema_rules = {"minProperties": 1}

    name = strict.CharField(trim_whitespace=False, required=False)
    sign = strict.ChoiceField(choices=Tag.Sign.choices, required=False)
    is_curated = strict.BooleanField(required=False)

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        if not data:
            raise serializers.ValidationError("Send name, sign or is_curated.")
        return data


@extend_schema_serializer(examples=[OpenApiExample("Two words for one thing", {"into": "good_rhythm"})])
class TagMergeSerializer(StrictSerializer):
    """The tag that takes over all uses, by its name."""

    into = strict.CharField(trim_whitespace=False)
