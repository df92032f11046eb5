"""Short forms of things that other things name."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.reverse import reverse

from adapters.models import Adapter, Taste
from generation.models import AudioSample, BaseModel
from prompts.api.serializers import InstrumentsField, MoodField, StyleField
from prompts.models import Prompt


class PromptReferenceSerializer(serializers.ModelSerializer):
    """A prompt where something else is the subject."""

    style = StyleField(read_only=True)
    mood = MoodField(read_only=True)
    primary_instruments = InstrumentsField(read_only=True)
    secondary_instruments = InstrumentsField(read_only=True)

    class Meta:
        model = Prompt
        fields = (
            "id",
            "text",
            "rendered_text",
            "style",
            "mood",
            "tempo",
            "primary_instruments",
            "secondary_instruments",
        )
        read_only_fields = fields


class ModelReferenceSerializer(serializers.ModelSerializer):
    """A base model where something else is the subject."""

    class Meta:
        model = BaseModel
        fields = ("key", "display_name")
        read_only_fields = fields


class AdapterReferenceSerializer(serializers.ModelSerializer):
    """An adapter where something else is the subject; a deleted one is called "Deleted Adapter"."""

    name = serializers.SerializerMethodField()

    class Meta:
        model = Adapter
        fields = ("id", "name", "version")
        read_only_fields = fields

    def get_name(self, adapter: Adapter) -> str:
        return "Deleted Adapter" if adapter.is_deleted else adapter.name


class TasteReferenceSerializer(serializers.ModelSerializer):
    """A taste where something else is the subject."""

    class Meta:
        model = Taste
        fields = ("id", "name", "version")
        read_only_fields = fields


class AudioLinks(serializers.Serializer):
    """Where a sample's audio is. `stream_url` answers Range requests, or redirects to a link that soon expires."""

    stream_url = serializers.SerializerMethodField()
    download_urls = serializers.SerializerMethodField()

    def get_stream_url(self, sample: AudioSample) -> str:
        return self._url("api-audio-stream", pk=sample.pk)

    def get_download_urls(self, sample: AudioSample) -> dict[str, str]:
        return {
            name: self._url("api-audio-download", pk=sample.pk, file_format=name) for name in ("wav", "flac", "mp3")
        }

    def _url(self, name: str, **kwargs: object) -> str:
        return reverse(name, kwargs=kwargs, request=self.context.get("request"))


class SampleReferenceSerializer(AudioLinks, serializers.ModelSerializer):
    """A finished clip of a job: enough to play it."""

    class Meta:
        model = AudioSample
        fields = ("id", "label", "index", "seed", "duration", "stream_url", "download_urls")
        read_only_fields = fields
