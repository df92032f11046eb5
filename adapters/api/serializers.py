"""The shapes of the registry in the API. They check form; models and services check the rules."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from adapters.models import Adapter, AdapterRegistration
from text2song.api import fields as strict
from text2song.api.serializers import StrictFieldsMixin, WorkSerializer

BaseModel: Any = Adapter._meta.get_field("base_model").related_model


class BaseReferenceSerializer(serializers.ModelSerializer):
    """The base model of an adapter, with its limits."""

    class Meta:
        model = BaseModel
        fields = ("key", "display_name", "max_duration", "sample_rate", "channels")
        read_only_fields = fields


class ParentReferenceSerializer(serializers.ModelSerializer):
    """The adapter another one goes on from."""

    class Meta:
        model = Adapter
        fields = ("id", "name", "version")
        read_only_fields = fields


class AdapterSerializer(StrictFieldsMixin, serializers.ModelSerializer):
    """An adapter; name, version and description can be changed."""

    base_model = BaseReferenceSerializer(read_only=True)
    parent = ParentReferenceSerializer(read_only=True, allow_null=True)
    usage_count = strict.IntegerField(source="sample_count", read_only=True, help_text="Samples made with it.")
    job_count = strict.IntegerField(read_only=True, help_text="Jobs sent with it.")
    last_used_at = serializers.DateTimeField(read_only=True, allow_null=True)
    created_by = strict.CharField(source="created_by.username", default=None, read_only=True)
    config = serializers.JSONField(source="peft_config", read_only=True, help_text="adapter_config.json as it is kept.")
    download_url = serializers.SerializerMethodField(help_text="A zip archive that peft loads once unpacked.")

    class Meta:
        model = Adapter
        fields = (
            "id",
            "name",
            "version",
            "description",
            "base_model",
            "base_revision",
            "parent",
            "source",
            "is_active",
            "is_default",
            "sha256",
            "size",
            "trained_parameters",
            "config",
            "training_config",
            "usage_count",
            "job_count",
            "last_used_at",
            "download_url",
            "created_by",
            "created_at",
            "updated_at",
        )
        read_only_fields = tuple(name for name in fields if name not in ("name", "version", "description"))
        extra_kwargs = {"version": {"required": False}}
        validators: tuple[Any, ...] = ()  # the service tells the next free version

    def get_download_url(self, adapter: Adapter) -> str:
        return reverse("api-adapter-download", args=[adapter.pk], request=self.context.get("request"))


class RegistrationSerializer(WorkSerializer):
    """An upload on its way into the registry; poll `url` until `state` is neither "queued" nor "checking"."""

    url = serializers.SerializerMethodField()
    base_model = serializers.SlugRelatedField(slug_field="key", read_only=True)
    error = serializers.SerializerMethodField(help_text="Why it was refused; null otherwise.")
    adapter = serializers.PrimaryKeyRelatedField(read_only=True, help_text="Id of the adapter, once registered.")
    sha256 = serializers.SerializerMethodField(help_text="Of the weights; null until a worker has unpacked the upload.")

    class Meta:
        model = AdapterRegistration
        fields = (
            "id",
            "url",
            "state",
            "error",
            "notice",
            "adapter",
            "name",
            "version",
            "base_model",
            "sha256",
            "created_at",
            "finished_at",
        )
        read_only_fields = fields

    def get_url(self, registration: AdapterRegistration) -> str:
        return reverse("api-adapter-registration-detail", args=[registration.pk], request=self.context.get("request"))

    @extend_schema_field(strict.CharField(allow_null=True))
    def get_error(self, registration: AdapterRegistration) -> str | None:
        return registration.error or None

    @extend_schema_field(strict.CharField(allow_null=True))
    def get_sha256(self, registration: AdapterRegistration) -> str | None:
        return registration.sha256 or None


class UploadSerializer(StrictFieldsMixin, serializers.ModelSerializer):
    """An adapter to register, as multipart/form-data."""

    files = serializers.ListField(
        child=serializers.FileField(allow_empty_file=True),
        min_length=1,
        write_only=True,
        help_text="One zip archive, or adapter_config.json and adapter_model.safetensors.",
    )
    base_model = serializers.SlugRelatedField(
        slug_field="key", queryset=BaseModel.objects.all(), help_text="Key of the model it was made for."
    )
    parent = strict.RelatedField(
        queryset=Adapter.objects.visible(), required=False, help_text="The adapter it goes on from."
    )

    class Meta:
        model = AdapterRegistration
        fields = ("files", "name", "version", "base_model", "base_revision", "parent", "description", "activate")
        extra_kwargs = {
            "base_revision": {"help_text": "Refused when the base model's files here are of another revision."},
            "version": {"required": True},
            "activate": {"default": True},
        }
        validators: tuple[Any, ...] = ()
