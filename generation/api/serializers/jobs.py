"""Sending jobs, and what is told about them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers
from rest_framework.reverse import reverse

from generation.api.serializers.references import (
    AdapterReferenceSerializer,
    ModelReferenceSerializer,
    PromptReferenceSerializer,
    SampleReferenceSerializer,
    TasteReferenceSerializer,
)
from generation.models import GenerationJob
from prompts.api.serializers import InstrumentsField, MoodField, ReadingSerializer, StyleField, TempoField
from prompts.wording.validators import TEXT_MESSAGE
from text2song.api import fields as strict
from text2song.api.serializers import StrictFieldsMixin, WorkSerializer, shown

ATTRIBUTES = ("text", "style", "mood", "tempo", "primary_instruments", "secondary_instruments")


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "From a stored prompt",
            {"prompt": "0d9a1c3e-6f0e-4a53-9a8e-2f1f4f0f6f11", "num_samples": 2, "duration": 8, "preset": "balanced"},
        ),
        OpenApiExample(
            "From a text",
            {"text": "calm piano at dusk", "mood": "peaceful", "tempo": 70, "model": "studio-tiny", "seed": 42},
        ),
        OpenApiExample(
            "With an adapter",
            {
                "text": "calm piano at dusk",
                "model": "studio-tiny",
                "adapter": "9b1d6a0e-52a8-4c3e-8a43-2f8d0c1f7f10",
                "adapter_strength": 0.8,
            },
        ),
        OpenApiExample(
            "The best of many",
            {"text": "calm piano at dusk", "model": "studio-tiny", "num_samples": 16, "taste": "anna", "keep": 4},
        ),
        OpenApiExample(
            "Continuing a sample",
            {
                "prompt": "0d9a1c3e-6f0e-4a53-9a8e-2f1f4f0f6f11",
                "kind": "extension",
                "source_sample": "7a8ef2a0-2f0c-5f0b-8d5c-0c64f27a2d55",
                "prefix_seconds": 8.0,
                "duration": 16,
                "long_form": True,
            },
        ),
    ]
)
class GenerateSerializer(StrictFieldsMixin, serializers.ModelSerializer):
    """A job to send: a stored prompt or a text with attributes, and how to sample it."""

    schema_rules = {"oneOf": [{"required": ["prompt"]}, {"required": ["text"]}]}

    prompt = strict.UUIDField(required=False, help_text="A stored prompt; or send `text` instead.")
    text = strict.CharField(
        required=False,
        trim_whitespace=False,
        help_text="1 to 2000 characters; stored as a new prompt.",
        error_messages=dict.fromkeys(("blank", "null"), TEXT_MESSAGE),
    )
    style = StyleField(required=False, help_text="With `text`.")
    mood = MoodField(required=False, help_text="With `text`.")
    tempo = TempoField(help_text="With `text`: 40 to 200 BPM.")
    primary_instruments = InstrumentsField(required=False, help_text="With `text`.")
    secondary_instruments = InstrumentsField(required=False, help_text="With `text`.")
    duration = strict.IntegerField(
        required=False, min_value=1, help_text="Seconds; 10, or the model's limit if that is less, when left out."
    )
    model = strict.CharField(required=False, help_text="A model's key; the active model when left out.")
    adapter = strict.UUIDField(
        required=False,
        allow_null=True,
        help_text="Id of an active adapter of this model; the base model alone without.",
    )
    taste = strict.CharField(
        required=False,
        allow_null=True,
        max_length=200,
        help_text="Who picks the best: id of a taste, `NAME` (its last version) or `NAME@VERSION`. It has to be usable "
        "for this model, and yours or everybody's.",
    )
    preset = strict.CharField(
        required=False,
        help_text="draft, balanced or best set model and sampling; values given beside it win. custom sets nothing.",
    )
    source_sample = strict.UUIDField(required=False, allow_null=True, help_text="What to continue or vary.")

    class Meta:
        model = GenerationJob
        fields = (
            "prompt",
            *ATTRIBUTES,
            "model",
            "adapter",
            "adapter_strength",
            "taste",
            "keep",
            "preset",
            "num_samples",
            "duration",
            "long_form",
            "temperature",
            "top_k",
            "top_p",
            "guidance_scale",
            "seed",
            "kind",
            "source_sample",
            "prefix_seconds",
        )
        extra_kwargs = {
            "num_samples": {"default": 1},
            "seed": {"required": False, "allow_null": True, "help_text": "Drawn at random when left out."},
        }

    def validate_preset(self, value: str) -> str:
        if value not in (known := GenerationJob.Preset.values):
            raise serializers.ValidationError(f"There is no preset “{shown(value)}”. Known: {', '.join(known)}.")
        return value

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        if ("prompt" in data) == ("text" in data):
            raise serializers.ValidationError({"prompt": ["Send either prompt (an id) or text."]})
        if "prompt" in data and (extra := [name for name in ATTRIBUTES if name in data]):
            raise serializers.ValidationError(
                {name: [f"{name} belongs to a new text; the stored prompt has its own."] for name in extra}
            )
        return data


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Running",
            {
                "id": "5d3f9a44-7b0e-4f7e-8c39-0a6f6a8b2a10",
                "url": "http://127.0.0.1:8000/api/v1/generate/5d3f9a44-7b0e-4f7e-8c39-0a6f6a8b2a10/",
                "state": "running",
                "progress": 0.4,
                "percent": 40,
                "steps_done": 162,
                "steps_total": 404,
                "seconds_left": 5.2,
                "queue_position": None,
                "error": None,
                "notice": "",
                "sample_ids": [],
                "samples": [],
            },
            response_only=True,
        )
    ]
)
class JobSerializer(WorkSerializer):
    """A job: how far it is, what it was asked, and the clips it has made so far."""

    url = serializers.SerializerMethodField(help_text="Where to poll it.")
    progress = strict.FloatField(read_only=True, help_text="0 to 1; 1 only when completed.")
    percent = strict.IntegerField(read_only=True)
    seconds_left = strict.FloatField(read_only=True, allow_null=True, help_text="Estimate, storing included.")
    seconds_taken = strict.FloatField(read_only=True, allow_null=True)
    queue_position = serializers.SerializerMethodField(help_text="1 is next; null unless queued.")
    error = serializers.SerializerMethodField(help_text="What happened and what to try, when it failed.")
    prompt = PromptReferenceSerializer(read_only=True)
    model = ModelReferenceSerializer(source="base_model", read_only=True)
    adapter = AdapterReferenceSerializer(
        read_only=True, allow_null=True, help_text="The adapter it is made with; null is the base model."
    )
    taste = TasteReferenceSerializer(read_only=True, allow_null=True, help_text="Who picks the best.")
    reading = ReadingSerializer(
        source="reading_told", read_only=True, help_text="What the model reads of the prompt, or has read."
    )
    sample_ids = serializers.SerializerMethodField()
    samples = SampleReferenceSerializer(
        source="visible_samples",
        many=True,
        read_only=True,
        help_text="Those that are kept; of a completed job with a taste in its order, best first.",
    )
    set_aside = SampleReferenceSerializer(
        source="set_aside_samples", many=True, read_only=True, help_text="Those a taste has left out of the best."
    )
    requested_by = strict.CharField(source="requested_by.username", default=None, read_only=True)

    class Meta:
        model = GenerationJob
        fields = (
            "id",
            "url",
            "state",
            "progress",
            "percent",
            "steps_done",
            "steps_total",
            "seconds_left",
            "queue_position",
            "error",
            "notice",
            "sample_ids",
            "samples",
            "set_aside",
            "prompt",
            "reading",
            "model",
            "adapter",
            "adapter_strength",
            "taste",
            "keep",
            "taste_note",
            "kind",
            "source_sample",
            "prefix_seconds",
            "num_samples",
            "duration",
            "long_form",
            "preset",
            "temperature",
            "top_k",
            "top_p",
            "guidance_scale",
            "seed",
            "requested_by",
            "attempts",
            "created_at",
            "queued_at",
            "started_at",
            "finished_at",
            "seconds_taken",
        )
        read_only_fields = fields

    def get_url(self, job: GenerationJob) -> str:
        return reverse("api-generate-detail", args=[job.pk], request=self.context.get("request"))

    def get_queue_position(self, job: GenerationJob) -> int | None:
        """Read from the list's annotation where there is one, so that a page of jobs is one query."""
        return job.position if hasattr(job, "position") else job.queue_position

    def get_error(self, job: GenerationJob) -> str | None:
        return job.error or None

    @extend_schema_field(serializers.ListField(child=strict.UUIDField()))
    def get_sample_ids(self, job: GenerationJob) -> list[str]:
        return [str(sample.pk) for sample in job.visible_samples]


class StateCountsSerializer(serializers.Serializer):
    """How many jobs are in each state."""

    queued = strict.IntegerField()
    running = strict.IntegerField()
    completed = strict.IntegerField()
    failed = strict.IntegerField()
    cancelled = strict.IntegerField()


class JobStatisticsSerializer(serializers.Serializer):
    """The queue in figures; deleted jobs are left out."""

    states = StateCountsSerializer()
    active = strict.IntegerField(help_text="Queued and running.")
    mean_seconds = strict.FloatField(allow_null=True, help_text="Over the last 100 completed jobs.")
    completed_today = strict.IntegerField()
