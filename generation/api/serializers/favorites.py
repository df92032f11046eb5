"""Hearts."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from generation.api.serializers.references import PromptReferenceSerializer, SampleReferenceSerializer
from generation.models import Favorite
from text2song.api import fields as strict
from text2song.api.serializers import StrictFieldsMixin, StrictSerializer


class FavoriteSerializer(serializers.ModelSerializer):
    """A heart of the caller's, on a prompt or on a sample; a sample's comes with its source prompt."""

    type = serializers.SerializerMethodField()
    prompt = serializers.SerializerMethodField()
    sample = SampleReferenceSerializer(read_only=True, allow_null=True)

    class Meta:
        model = Favorite
        fields = ("id", "type", "prompt", "sample", "note", "created_at", "updated_at")
        read_only_fields = fields

    @extend_schema_field(strict.ChoiceField(choices=["prompt", "audio"]))
    def get_type(self, favorite: Favorite) -> str:
        return "prompt" if favorite.sample_id is None else "audio"

    @extend_schema_field(PromptReferenceSerializer)
    def get_prompt(self, favorite: Favorite) -> dict[str, Any]:
        prompt = favorite.prompt if favorite.sample is None else favorite.sample.job.prompt
        return PromptReferenceSerializer(prompt).data


@extend_schema_serializer(
    examples=[
        OpenApiExample("A sample", {"sample": "7a8ef2a0-2f0c-5f0b-8d5c-0c64f27a2d55", "note": "lovely ending"}),
        OpenApiExample("A prompt", {"prompt": "0d9a1c3e-6f0e-4a53-9a8e-2f1f4f0f6f11"}),
    ]
)
class FavoriteAddSerializer(StrictSerializer):
    """A heart to set: on one prompt or one sample."""

    schema_rules = {"oneOf": [{"required": ["prompt"]}, {"required": ["sample"]}]}

    prompt = strict.UUIDField(required=False)
    sample = strict.UUIDField(required=False)
    note = strict.CharField(required=False, allow_blank=True, max_length=500)

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        if ("prompt" in data) == ("sample" in data):
            raise serializers.ValidationError({"prompt": ["Send either prompt or sample (an id)."]})
        return data


@extend_schema_serializer(examples=[OpenApiExample("A note", {"note": "the second half is better"})])
class FavoriteNoteSerializer(StrictFieldsMixin, serializers.ModelSerializer):
    """The note of a heart; the rest cannot be changed."""

    class Meta:
        model = Favorite
        fields = ("note",)
