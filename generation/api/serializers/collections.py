"""Collections, and links that play without an account."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from generation.api.serializers.references import AudioLinks
from generation.models import AudioSample, Collection, ShareLink
from generation.services import collection_samples
from generation.services.collections import MOST_CLIPS, NAME_LENGTH
from generation.services.shares import DAYS, DEFAULT_DAYS
from text2song.api import fields as strict
from text2song.api.serializers import StrictSerializer

A, B = "7a8ef2a0-2f0c-5f0b-8d5c-0c64f27a2d55", "0d9a1c3e-6f0e-4a53-9a8e-2f1f4f0f6f11"


class CollectedSampleSerializer(AudioLinks, serializers.ModelSerializer):
    """A clip of a collection: what it is called, and where to hear it."""

    name = serializers.CharField(read_only=True, help_text="Its title, or the first words of its prompt.")

    class Meta:
        model = AudioSample
        fields = ("id", "name", "duration", "stream_url", "download_urls")
        read_only_fields = fields


class CollectionSerializer(serializers.ModelSerializer):
    """A collection: whose it is, who sees it, and how much is in it."""

    owner = serializers.CharField(source="owner.username", read_only=True)
    clips = strict.IntegerField(read_only=True, help_text="How many of its clips can be heard.")
    seconds = strict.FloatField(read_only=True, help_text="How long they are together.")

    class Meta:
        model = Collection
        fields = ("id", "name", "owner", "is_shared", "clips", "seconds", "created_at", "updated_at")
        read_only_fields = fields


class CollectionDetailSerializer(CollectionSerializer):
    """A collection with its clips, in its order."""

    samples = serializers.SerializerMethodField()

    class Meta:
        model = Collection
        fields = (*CollectionSerializer.Meta.fields, "samples")
        read_only_fields = fields

    @extend_schema_field(CollectedSampleSerializer(many=True))
    def get_samples(self, collection: Collection) -> list[dict[str, Any]]:
        samples = collection_samples(collection).select_related("job__prompt").defer("peaks")
        return CollectedSampleSerializer(samples, many=True, context=self.context).data


@extend_schema_serializer(examples=[OpenApiExample("Mornings", {"name": "Mornings", "is_shared": False})])
class CollectionMakeSerializer(StrictSerializer):
    """A new collection."""

    name = strict.CharField(max_length=NAME_LENGTH)
    is_shared = strict.BooleanField(default=False, help_text="Whether everybody in the studio sees it.")


@extend_schema_serializer(examples=[OpenApiExample("For everybody", {"is_shared": True})])
class CollectionChangeSerializer(StrictSerializer):
    """What is changed of a collection; what is left out stays."""

    name = strict.CharField(max_length=NAME_LENGTH, required=False)
    is_shared = strict.BooleanField(required=False)


@extend_schema_serializer(examples=[OpenApiExample("Two clips", {"samples": [A, B]})])
class SampleIdsSerializer(StrictSerializer):
    """Clips, by their ids."""

    samples = serializers.ListField(child=strict.UUIDField(), min_length=1, max_length=MOST_CLIPS)


class ShareLinkSerializer(serializers.ModelSerializer):
    """A link of the caller's. Whoever has its `url` hears what it shares, until it is revoked or expires."""

    url = serializers.SerializerMethodField()
    works = strict.BooleanField(source="is_open", read_only=True, help_text="Whether it plays now.")

    class Meta:
        model = ShareLink
        fields = (
            "id",
            "url",
            "sample",
            "collection",
            "works",
            "expires_at",
            "revoked_at",
            "opened",
            "last_opened_at",
            "created_at",
        )
        read_only_fields = fields

    def get_url(self, link: ShareLink) -> str:
        path = f"/s/{link.token}/"
        request = self.context.get("request")
        return request.build_absolute_uri(path) if request else path


@extend_schema_serializer(
    examples=[
        OpenApiExample("A clip for a week", {"sample": A, "days": 7}),
        OpenApiExample("A collection until it is revoked", {"collection": B, "days": None}),
    ]
)
class ShareSerializer(StrictSerializer):
    """What is shared, and for how long."""

    schema_rules = {"oneOf": [{"required": ["sample"]}, {"required": ["collection"]}]}

    sample = strict.UUIDField(required=False)
    collection = strict.UUIDField(required=False)
    days = strict.IntegerField(
        default=DEFAULT_DAYS,
        allow_null=True,
        min_value=min(DAYS),
        max_value=max(DAYS),
        help_text="1, 7 or 30; null: until it is revoked.",
    )

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        if ("sample" in data) == ("collection" in data):
            raise serializers.ValidationError({"sample": ["Send either sample or collection (an id)."]})
        return data
