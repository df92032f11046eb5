"""Prompts with what was made from them."""

from __future__ import annotations

from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from generation.models import AudioSample
from prompts.api.serializers import PromptSerializer
from text2song.api import fields as strict


class PromptSampleSerializer(serializers.Serializer):
    """A sample made from a prompt, ready to be played."""

    id = strict.UUIDField()
    job = strict.UUIDField(source="job_id")
    label = strict.CharField(help_text="A to Z, then AA, by position in the job.")
    seed = strict.IntegerField()
    duration = strict.FloatField(help_text="Seconds")
    stream_url = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()

    @extend_schema_field(strict.CharField())
    def get_stream_url(self, sample: AudioSample) -> str:
        return reverse("api-audio-stream", args=[sample.pk])


class PromptDetailSerializer(PromptSerializer):
    """One prompt with all samples made from it, the newest job first."""

    samples = PromptSampleSerializer(many=True, read_only=True)

    class Meta(PromptSerializer.Meta):
        fields = (*PromptSerializer.Meta.fields, "samples")
