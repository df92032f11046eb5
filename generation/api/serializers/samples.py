"""Finished clips, and making relatives of them."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from generation.api.serializers.references import (
    AdapterReferenceSerializer,
    AudioLinks,
    ModelReferenceSerializer,
    PromptReferenceSerializer,
)
from generation.jobs.long_form import LONG_FORM_MAX_SECONDS
from generation.models import AudioSample, GenerationJob
from generation.models.jobs import MAX_SAMPLES
from prompts.api.serializers import ReadingSerializer
from text2song.api import fields as strict
from text2song.api.serializers import StrictSerializer


class SampleSettingsSerializer(serializers.ModelSerializer):
    """How a clip was sampled."""

    class Meta:
        model = GenerationJob
        fields = (
            "adapter_strength",
            "preset",
            "temperature",
            "top_k",
            "top_p",
            "guidance_scale",
            "duration",
            "long_form",
            "kind",
            "source_sample",
            "prefix_seconds",
        )
        read_only_fields = fields


class AudioSampleSerializer(AudioLinks, serializers.ModelSerializer):
    """A clip: what it was made from, how, what was measured, and where its audio is."""

    prompt = PromptReferenceSerializer(source="job.prompt", read_only=True)
    model = ModelReferenceSerializer(source="job.base_model", read_only=True)
    adapter = AdapterReferenceSerializer(
        source="job.adapter",
        read_only=True,
        allow_null=True,
        help_text="The adapter it was made with; null is the base model.",
    )
    reading = ReadingSerializer(read_only=True, help_text="What the model read, and what it did not.")
    settings = SampleSettingsSerializer(source="job", read_only=True)
    is_favorite = strict.BooleanField(read_only=True, help_text="Whether the caller set a heart.")
    set_aside = strict.BooleanField(
        source="is_set_aside", read_only=True, help_text="Whether a taste left it out of the best of its job."
    )
    codes_url = serializers.SerializerMethodField(help_text="The codes as npz: `codes`, `[K, T]` int16.")

    class Meta:
        model = AudioSample
        fields = (
            "id",
            "title",
            "label",
            "index",
            "job",
            "prompt",
            "rendered_text",
            "reading",
            "model",
            "base_revision",
            "adapter",
            "adapter_sha256",
            "settings",
            "seed",
            "duration",
            "sample_rate",
            "channels",
            "loudness_lufs",
            "true_peak_db",
            "gain_db",
            "sha256",
            "size",
            "is_favorite",
            "set_aside",
            "stream_url",
            "download_urls",
            "codes_url",
            "created_at",
        )
        read_only_fields = fields

    def get_codes_url(self, sample: AudioSample) -> str:
        return self._url("api-audio-codes", pk=sample.pk)


@extend_schema_serializer(examples=[OpenApiExample("A title", {"title": "Sunday rain"})])
class SampleChangeSerializer(StrictSerializer):
    """What may be changed of a clip."""

    title = strict.CharField(
        required=False, allow_blank=True, max_length=100, help_text="In one line; empty: it is called by its prompt."
    )


@extend_schema_serializer(examples=[OpenApiExample("Ten seconds more", {"seconds": 10, "num_samples": 2})])
class ExtendSerializer(StrictSerializer):
    """Continue a clip: every candidate begins with the whole of it."""

    seconds = strict.IntegerField(
        default=5, min_value=1, max_value=LONG_FORM_MAX_SECONDS - 1, help_text="How much to add."
    )
    num_samples = strict.IntegerField(
        default=1, min_value=1, max_value=MAX_SAMPLES, help_text=f"1 to {MAX_SAMPLES} candidates."
    )


@extend_schema_serializer(examples=[OpenApiExample("Three relatives", {"keep_seconds": 2.0, "num_samples": 3})])
class VarySerializer(StrictSerializer):
    """Make relatives of a clip: each keeps its beginning and goes its own way from there."""

    keep_seconds = strict.FloatField(
        required=False,
        min_value=0.1,
        max_value=LONG_FORM_MAX_SECONDS,
        help_text="How much of the beginning to keep; a quarter of the clip when left out.",
    )
    num_samples = strict.IntegerField(
        default=3, min_value=1, max_value=MAX_SAMPLES, help_text=f"1 to {MAX_SAMPLES} relatives."
    )
