"""The shapes of training in the API. They check form; `TrainingConfig` and the services check the rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, fields
from enum import StrEnum
from typing import Any, get_type_hints

from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers
from rest_framework.reverse import reverse

from adapters.models import Adapter
from datasets_app.models import Dataset
from generation.models import BaseModel
from text2song.api import fields as strict
from text2song.api.serializers import StrictFieldsMixin, WorkSerializer
from training.config import MAX_COUNT, TARGET_MODULES, InvalidConfig, Method, TrainingConfig, range_in_words
from training.models import Experiment, LogLine, TrainingRun


class ConfigSerializer(serializers.Serializer):
    """Settings of training, made from `TrainingConfig`; those left out keep what they are."""

    def get_fields(self) -> dict[str, serializers.Field]:
        return {spec.name: setting_field(spec) for spec in fields(TrainingConfig)}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """The settings that were sent, as they were sent, once `TrainingConfig` takes them."""
        if not isinstance(data, Mapping):
            raise serializers.ValidationError("config must be an object of settings.")
        try:
            TrainingConfig.from_mapping(data)
        except InvalidConfig as error:
            raise serializers.ValidationError({name: [text] for name, text in error.problems.items()}) from error
        return dict(data)

    def to_representation(self, config: Mapping[str, Any]) -> dict[str, Any]:
        return dict(config)


def _number_schema(facts: Mapping[str, Any]) -> dict[str, Any]:
    """JSON schema's bounds, of which some are outside of the range."""
    bounds = {"minimum": facts["low"], "maximum": facts["high"]}
    if facts["above"] is not None:
        bounds |= {"minimum": facts["above"], "exclusiveMinimum": True}
    if facts["below"] is not None:
        bounds |= {"maximum": facts["below"], "exclusiveMaximum": True}
    return {"type": "number", "format": "double"} | {k: v for k, v in bounds.items() if v is not None}


def setting_field(spec: Field[Any]) -> serializers.Field:
    """How a setting stands in the schema: kind, range and explanation."""
    facts, kind = spec.metadata, get_type_hints(TrainingConfig)[spec.name]
    range_ = range_in_words(facts)
    words = f"{facts['explanation']} Range: {range_}." if range_ else facts["explanation"]
    shared = {"required": False, "help_text": words}
    if kind is bool:
        return strict.BooleanField(default=spec.default, help_text=words)
    if kind is int:
        return strict.IntegerField(min_value=facts["low"], max_value=facts["high"] or MAX_COUNT, **shared)
    if kind is float:
        return extend_schema_field(_number_schema(facts))(strict.FloatField(**shared))
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return strict.ChoiceField(choices=[(value.value, value.value) for value in kind], **shared)
    modules = {"type": "array", "items": {"type": "string", "enum": list(TARGET_MODULES)}}
    several = serializers.ListField(child=strict.ChoiceField(choices=TARGET_MODULES), **shared)
    return extend_schema_field(modules | {"minItems": 1, "uniqueItems": True})(several)


class DatasetReferenceSerializer(serializers.ModelSerializer):
    """A dataset where something else is the subject."""

    class Meta:
        model = Dataset
        fields = ("id", "name", "kind")
        read_only_fields = fields


class TrainedAdapterSerializer(serializers.ModelSerializer):
    """The adapter a run made."""

    class Meta:
        model = Adapter
        fields = ("id", "name", "version", "is_active")
        read_only_fields = fields


EXPERIMENT = {
    "name": "Warmer strings",
    "description": "Does a smaller beta follow the votes better?",
    "dataset": "0d9a1c3e-6f0e-4a53-9a8e-2f1f4f0f6f11",
    "config": {"method": "dpo", "beta": 0.05, "epochs": 2},
}


@extend_schema_serializer(examples=[OpenApiExample("With a dataset", EXPERIMENT, request_only=True)])
class ExperimentWriteSerializer(StrictFieldsMixin, serializers.ModelSerializer):
    """An experiment to make or change."""

    dataset = strict.RelatedField(
        queryset=Dataset.objects.visible(), required=False, allow_null=True, help_text="Id of a built dataset."
    )
    base_model = serializers.SlugRelatedField(
        slug_field="key",
        queryset=BaseModel.objects.all(),
        required=False,
        help_text="A model's key; the active model when left out.",
    )
    config = ConfigSerializer(required=False)

    class Meta:
        model = Experiment
        fields = ("name", "description", "dataset", "base_model", "config")


class ExperimentSerializer(serializers.ModelSerializer):
    """An experiment with what its runs imply."""

    dataset = DatasetReferenceSerializer(read_only=True, allow_null=True)
    base_model = strict.CharField(source="base_model.key", read_only=True)
    config = ConfigSerializer(read_only=True)
    run_count = strict.IntegerField(read_only=True)
    best_run = serializers.PrimaryKeyRelatedField(
        read_only=True,
        allow_null=True,
        help_text="The completed run with the lowest held-out loss, among those of the experiment's loss and data.",
    )
    best_result = serializers.SerializerMethodField(help_text="The best run's held-out loss.")
    created_by = strict.CharField(source="created_by.username", default=None, read_only=True)

    class Meta:
        model = Experiment
        fields = (
            "id",
            "name",
            "description",
            "state",
            "error",
            "dataset",
            "base_model",
            "config",
            "run_count",
            "best_run",
            "best_result",
            "created_by",
            "created_at",
            "updated_at",
            "archived_at",
        )
        read_only_fields = fields

    @extend_schema_field(strict.FloatField(allow_null=True))
    def get_best_result(self, experiment: Experiment) -> float | None:
        return experiment.best_run.result if experiment.best_run else None


RUN = {
    "experiment": "6a0a3a7e-5a9c-4a53-9a8e-2f1f4f0f6f11",
    "name": "half the rate",
    "method": "dpo",
    "config": {"learning_rate": 5e-5},
}


@extend_schema_serializer(examples=[OpenApiExample("With an override", RUN, request_only=True)])
class RunStartSerializer(StrictFieldsMixin, serializers.Serializer):
    """A run to start."""

    experiment = strict.RelatedField(queryset=Experiment.objects.all(), help_text="Its experiment.")
    name = strict.CharField(
        required=False, allow_blank=True, max_length=200, help_text="run-1, run-2 and so on when left out."
    )
    method = strict.ChoiceField(
        choices=[(method.value, method.value) for method in Method],
        required=False,
        help_text="The experiment's when left out.",
    )
    config = ConfigSerializer(required=False, help_text="Settings that differ from the experiment's.")
    parent = strict.RelatedField(
        queryset=Adapter.objects.visible(), required=False, allow_null=True, help_text="The adapter it goes on from."
    )
    blind_test = strict.BooleanField(
        default=True, help_text="Test the adapter blind against what it goes on from, to be promoted if it is better."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """`method` is one of the settings, and may be given among them too."""
        overrides = attrs.pop("config", {})
        if "method" in attrs:
            method = attrs.pop("method")
            if overrides.get("method", method) != method:
                raise serializers.ValidationError({"method": ["config names another method; give one of the two."]})
            overrides["method"] = method
        return {**attrs, "overrides": overrides}


class TrainingRunSerializer(WorkSerializer):
    """A run; poll it until `state` is completed, failed or cancelled."""

    url = serializers.SerializerMethodField()
    experiment = serializers.PrimaryKeyRelatedField(read_only=True)
    dataset = DatasetReferenceSerializer(read_only=True)
    base_model = strict.CharField(source="base_model.key", read_only=True)
    parent = serializers.PrimaryKeyRelatedField(read_only=True, allow_null=True)
    adapter = TrainedAdapterSerializer(read_only=True, allow_null=True)
    config = ConfigSerializer(read_only=True)
    overrides = ConfigSerializer(read_only=True)
    progress = strict.FloatField(read_only=True, help_text="Share of the steps done, 0 to 1.")
    seconds_left = strict.FloatField(read_only=True, allow_null=True)
    result = strict.FloatField(
        read_only=True, allow_null=True, help_text="Held-out loss; training loss without held-out rows."
    )
    is_best = strict.BooleanField(read_only=True)
    created_by = strict.CharField(source="created_by.username", default=None, read_only=True)

    class Meta:
        model = TrainingRun
        fields = (
            "id",
            "url",
            "experiment",
            "number",
            "name",
            "state",
            "error",
            "notice",
            "step",
            "total_steps",
            "progress",
            "seconds",
            "seconds_left",
            "attempts",
            "dataset",
            "base_model",
            "base_revision",
            "parent",
            "config",
            "overrides",
            "blind_test",
            "result",
            "best_step",
            "best_value",
            "final_loss",
            "kept_share",
            "is_best",
            "adapter",
            "created_by",
            "created_at",
            "queued_at",
            "started_at",
            "finished_at",
        )
        read_only_fields = fields

    def get_url(self, run: TrainingRun) -> str:
        return reverse("api-run-detail", args=[run.pk], request=self.context.get("request"))


class PointSerializer(serializers.Serializer):
    """A value of a metric."""

    step = strict.IntegerField()
    value = strict.FloatField()
    at = serializers.DateTimeField()


class CurveSerializer(serializers.Serializer):
    """One metric; at most 2000 points, evenly spread, the first and the last among them."""

    name = strict.CharField()
    points = PointSerializer(many=True)
    is_thinned = strict.BooleanField(help_text="Points between the first and the last were left out.")


class RunMetricsSerializer(serializers.Serializer):
    """The metrics of a run."""

    is_over = strict.BooleanField(help_text="Nothing more will come.")
    message = strict.CharField(help_text="Says so when there is nothing to show.")
    curves = CurveSerializer(many=True)


class LogLineSerializer(serializers.ModelSerializer):
    """A sentence of a log."""

    class Meta:
        model = LogLine
        fields = ("number", "at", "level", "text")
        read_only_fields = fields


class RunLogSerializer(serializers.Serializer):
    """A part of a run's log. Ask again with `after` = `last` for what follows."""

    is_over = strict.BooleanField(help_text="Nothing more will come.")
    last = strict.IntegerField(help_text="Number of the last line here.")
    progress_line = strict.CharField(help_text="Shown in place under the lines; empty when the run is over.")
    lines = LogLineSerializer(many=True)


class CellSerializer(serializers.Serializer):
    """A run's last value of a metric."""

    value = strict.FloatField(allow_null=True)
    is_best = strict.BooleanField()
    percent = strict.FloatField(
        allow_null=True, help_text="Difference from the best in per cent; null where the best is near zero."
    )
    difference = strict.FloatField(allow_null=True, help_text="Difference from the best, in the metric's unit.")


class ComparisonRowSerializer(serializers.Serializer):
    """A metric over the compared runs, in their order."""

    name = strict.CharField()
    cells = CellSerializer(many=True)


class ComparisonSerializer(serializers.Serializer):
    """Two to five runs side by side; lists are in the order of `runs`."""

    runs = TrainingRunSerializer(many=True)
    rows = ComparisonRowSerializer(many=True)
    note = strict.CharField(
        allow_blank=True, help_text="Why none is marked as better; empty when the runs' losses can be compared."
    )
    curves = serializers.ListField(child=CurveSerializer(many=True))
    settings = serializers.DictField(
        child=serializers.ListField(child=serializers.JSONField()), help_text="Settings in which the runs differ."
    )


class DeletedSerializer(serializers.Serializer):
    """How many were deleted."""

    deleted = strict.IntegerField()
