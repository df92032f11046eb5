"""Base models and the fetching of their files."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from generation.models import BaseModel, ModelFetch
from text2song.api import fields as strict
from text2song.api.serializers import StrictSerializer, WorkSerializer


class ModelFetchSerializer(WorkSerializer):
    """How far the fetching of a hub model's files is."""

    model = strict.CharField(source="base_model.key", read_only=True)
    percent = strict.IntegerField(read_only=True)

    class Meta:
        model = ModelFetch
        fields = (
            "id",
            "model",
            "state",
            "stage",
            "percent",
            "files_done",
            "files_total",
            "bytes_done",
            "bytes_total",
            "bytes_per_second",
            "error",
            "notice",
            "created_at",
            "started_at",
            "finished_at",
        )
        read_only_fields = fields


class BaseModelSerializer(serializers.ModelSerializer):
    """What a model can do, what it needs, whether its files are here, and whether new jobs use it."""

    is_ready = strict.BooleanField(read_only=True, help_text="Whether its files are on this machine.")
    hub_id = serializers.SerializerMethodField(help_text="Its name on the model hub; null for other sources.")
    fetch = serializers.SerializerMethodField(help_text="The latest fetch of its files, if there was one.")

    class Meta:
        model = BaseModel
        fields = (
            "id",
            "key",
            "display_name",
            "description",
            "source",
            "hub_id",
            "family",
            "licence",
            "sample_rate",
            "channels",
            "codebooks",
            "frame_rate",
            "max_duration",
            "recommended_duration",
            "memory_gb",
            "quality",
            "revision",
            "is_active",
            "is_ready",
            "fetch",
        )
        read_only_fields = fields

    def get_hub_id(self, model: BaseModel) -> str | None:
        return model.location if model.source == BaseModel.Source.HUB else None

    @extend_schema_field(ModelFetchSerializer(allow_null=True))
    def get_fetch(self, model: BaseModel) -> dict | None:
        latest = next(iter(model.fetches.all()), None)
        return ModelFetchSerializer(latest, context=self.context).data if latest else None


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A fine-tuned copy", {"path": "/srv/models/my-musicgen", "display_name": "My MusicGen", "of_its_own": True}
        )
    ]
)
class AddFolderSerializer(StrictSerializer):
    """A folder on the studio's own machine, in MusicGen's format."""

    path = strict.CharField(max_length=500, help_text="Absolute path on the studio's machine.")
    display_name = strict.CharField(
        max_length=100,
        required=False,
        help_text="How people see it; the folder's name when left out. A known model keeps its own.",
    )
    max_duration = strict.IntegerField(
        min_value=1, max_value=120, required=False, help_text="Shorter limit than the folder names, seconds."
    )
    of_its_own = strict.BooleanField(
        required=False,
        help_text="Not the known model it has the sizes of, but one of its own, such as a fine-tuned one.",
    )
