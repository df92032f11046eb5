"""Audio encoders."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from generation.models import Encoder
from text2song.api import fields as strict
from text2song.api.serializers import StrictSerializer


class EncoderSerializer(serializers.ModelSerializer):
    """What an encoder is, and whether clips are heard with it."""

    is_listening = strict.BooleanField(
        read_only=True, help_text="Whether clips are heard with it: it is active, and workers can load it."
    )
    problem = strict.CharField(read_only=True, help_text="Why a worker could not load it; empty when nothing is wrong.")

    class Meta:
        model = Encoder
        fields = (
            "id",
            "key",
            "display_name",
            "architecture",
            "sample_rate",
            "size",
            "licence",
            "revision",
            "is_active",
            "is_listening",
            "problem",
            "created_at",
        )
        read_only_fields = fields


@extend_schema_serializer(examples=[OpenApiExample("An encoder", {"path": "/srv/models/clap", "display_name": "CLAP"})])
class AddEncoderSerializer(StrictSerializer):
    """A folder on the studio's own machine that `transformers` loads."""

    path = strict.CharField(max_length=500, help_text="Absolute path on the studio's machine.")
    display_name = strict.CharField(
        max_length=100, required=False, help_text="How people see it; the folder's name when left out."
    )
