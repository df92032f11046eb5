"""The shapes of datasets in the API. They check form; filters and services check the rules."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers
from rest_framework.reverse import reverse

from datasets_app.building.filters import LONGEST_LIST, MOST_TASTE_PAIRS, NO_ADAPTER
from datasets_app.formats.training_command import training_command
from datasets_app.models import MAX_SEED, NAME_LENGTH, Dataset, Export
from feedback.models.judgements import HIGHEST_SCORE, LOWEST_SCORE
from text2song.api import fields as strict
from text2song.api.serializers import StrictSerializer, WorkSerializer

NAMES = {"type": "array", "items": {"type": "string", "minLength": 1}, "maxItems": LONGEST_LIST}
STARS = {"type": "number", "minimum": LOWEST_SCORE, "maximum": HIGHEST_SCORE}
MOMENT = {"type": "string", "anyOf": [{"format": "date"}, {"format": "date-time"}]}
FILTERS: dict[str, dict[str, Any]] = {
    "criterion": {"type": "string", "minLength": 1},
    "min_rating": STARS,
    "max_rating": STARS,
    "required_tags": NAMES,
    "excluded_tags": NAMES,
    "prompts": NAMES | {"items": {"type": "string", "format": "uuid"}},
    "adapters": NAMES | {"items": {"type": "string", "anyOf": [{"format": "uuid"}, {"enum": [NO_ADAPTER]}]}},
    "base_models": NAMES,
    "raters": NAMES,
    "min_rater_weight": {"type": "number", "minimum": 0, "maximum": 1},
    "since": MOMENT,
    "until": MOMENT,
    "favorites": {"type": "boolean"},
    "taste": {"type": "string", "format": "uuid"},
    "taste_share": {"type": "number", "minimum": 0, "exclusiveMinimum": True, "maximum": 1},
    "taste_pairs": {"type": "integer", "minimum": 1, "maximum": MOST_TASTE_PAIRS},
}


@extend_schema_field({"type": "object", "properties": FILTERS, "additionalProperties": False})
class FiltersField(serializers.JSONField):
    """An object; `FilterSpec` reads it."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            raise serializers.ValidationError("filters must be an object.")
        return data


FILTERS_HELP = (
    "All optional: criterion, min_rating, max_rating (supervised only), required_tags, excluded_tags, prompts, "
    "adapters (ids, or “none”), base_models (keys), raters (user names), min_rater_weight, since, until, favorites. "
    "For preferences, taste (an id) adds pairs that nobody judged, labelled by it: at most taste_share of all rows "
    "(0.8; 1 allows them alone) and taste_pairs of a text (4)."
)


class ChoiceOfRowsSerializer(StrictSerializer):
    """A kind and filters, to count."""

    kind = strict.ChoiceField(choices=Dataset.Kind.choices)
    filters = FiltersField(required=False, default=dict, help_text=FILTERS_HELP)
    seed = strict.IntegerField(min_value=0, max_value=MAX_SEED, default=0, help_text="Of the splits.")


class NewDatasetSerializer(ChoiceOfRowsSerializer):
    """A dataset to build."""

    name = strict.CharField(max_length=NAME_LENGTH)
    description = strict.CharField(max_length=5000, required=False, allow_blank=True, default="")


class CountSerializer(serializers.Serializer):
    """How many rows a dataset would have."""

    count = strict.IntegerField(allow_null=True, help_text="null: told only as fewer than `fewer_than`.")
    fewer_than = strict.IntegerField(allow_null=True)
    labelled = strict.IntegerField(
        required=False,
        allow_null=True,
        help_text="With a taste: how many of `count` it labels; null where that would tell how many are judged.",
    )


class ReadinessSerializer(serializers.Serializer):
    """How far the feedback suffices for a first dataset of a kind."""

    kind = strict.ChoiceField(choices=Dataset.Kind.choices)
    have = strict.IntegerField(allow_null=True, help_text="null: told only as fewer than `fewer_than`.")
    want = strict.IntegerField()
    fewer_than = strict.IntegerField(allow_null=True)
    missing = strict.IntegerField(allow_null=True)
    is_ready = strict.BooleanField()


class ExportSerializer(WorkSerializer):
    """A dataset as a file; poll `url` until `state` is “ready” or “failed”."""

    url = serializers.SerializerMethodField()
    download_url = serializers.SerializerMethodField(help_text="Null until it is ready.")
    progress = serializers.SerializerMethodField(help_text="0 to 1")
    error = strict.CharField(read_only=True)

    class Meta:
        model = Export
        fields = (
            "id",
            "url",
            "dataset",
            "format",
            "state",
            "progress",
            "error",
            "notice",
            "size",
            "sha256",
            "download_url",
            "created_at",
            "built_at",
        )
        read_only_fields = fields

    def get_url(self, export: Export) -> str:
        return reverse("api-dataset-export-detail", args=[export.pk], request=self.context.get("request"))

    def get_download_url(self, export: Export) -> str | None:
        if not export.is_ready:
            return None
        return reverse("api-dataset-export-download", args=[export.pk], request=self.context.get("request"))

    def get_progress(self, export: Export) -> float:
        return 1.0 if export.is_ready else export.percent / 100


class NewExportSerializer(StrictSerializer):
    """Which format to write."""

    format = strict.ChoiceField(choices=Export.Format.choices)


class DatasetSerializer(WorkSerializer):
    """A dataset; poll `url` until `state` is “ready” or “failed”."""

    url = serializers.SerializerMethodField()
    progress = serializers.SerializerMethodField(help_text="0 to 1")
    row_count = strict.IntegerField(read_only=True)
    labelled = serializers.DictField(
        child=strict.IntegerField(), read_only=True, help_text="Rows that no person judged, by the taste that did."
    )
    splits = serializers.SerializerMethodField(help_text="Rows of each split.")
    filters = serializers.SerializerMethodField(help_text="What chose the rows; null for raters.")
    created_by = strict.CharField(source="created_by.username", default=None, read_only=True)
    training_commands = serializers.SerializerMethodField(help_text="By method; empty until it is ready.")
    exports = ExportSerializer(many=True, read_only=True)

    class Meta:
        model = Dataset
        fields = (
            "id",
            "url",
            "name",
            "description",
            "kind",
            "state",
            "progress",
            "error",
            "notice",
            "filters",
            "imported_from",
            "seed",
            "row_count",
            "labelled",
            "splits",
            "content_hash",
            "training_commands",
            "exports",
            "created_by",
            "created_at",
            "built_at",
            "deleted_at",
        )
        read_only_fields = fields

    def get_url(self, dataset: Dataset) -> str:
        return reverse("api-dataset-detail", args=[dataset.pk], request=self.context.get("request"))

    def get_progress(self, dataset: Dataset) -> float:
        return 1.0 if dataset.is_ready else dataset.percent / 100

    @extend_schema_field({"type": "object", "additionalProperties": {}, "nullable": True})
    def get_filters(self, dataset: Dataset) -> dict[str, Any] | None:
        """With the number of rows, they would tell raters what was answered on the clips they name."""
        return dataset.filters if self.context["request"].user.is_staff else None

    def get_splits(self, dataset: Dataset) -> dict[str, int]:
        return {label.lower(): rows for label, rows in dataset.splits}

    def get_training_commands(self, dataset: Dataset) -> dict[str, str]:
        return {method: training_command(dataset, method) for method in dataset.methods} if dataset.is_ready else {}


@extend_schema_serializer(component_name="DatasetStatistics")
class DatasetStatisticsSerializer(serializers.Serializer):
    """The quality report. Supervised datasets have ratings, preferences margins and circles.

    Figures made of answers are null where `answers_told` is false.
    """

    answers_told = strict.BooleanField()

    rows = strict.IntegerField()
    splits = serializers.JSONField()
    prompts = strict.IntegerField(help_text="Distinct prompts.")
    largest_prompt = strict.IntegerField(help_text="Rows of the prompt that has most.")
    clips = strict.IntegerField()
    seconds = strict.FloatField()
    models = serializers.JSONField(help_text="Clips by base model.")
    adapters = serializers.JSONField(help_text="Clips by adapter; “” is the base model alone.")
    tags = serializers.JSONField(allow_null=True, help_text="Clips by tag.")
    duplicates = strict.IntegerField(help_text="Clips that sound exactly like another one.")
    ratings = serializers.JSONField(required=False, allow_null=True, help_text="Rows by star.")
    mean_rating = strict.FloatField(required=False, allow_null=True)
    liked = strict.IntegerField(required=False, allow_null=True, help_text="Rows with four stars or more.")
    margins = serializers.JSONField(required=False, allow_null=True, help_text="Pairs by margin, each up to its name.")
    ties = strict.IntegerField(required=False, allow_null=True, help_text="Answers “tie”: half a win for either.")
    both_bad = strict.IntegerField(required=False, allow_null=True, help_text="Answers “both bad”, in no row.")
    equal_pairs = strict.IntegerField(required=False, allow_null=True, help_text="Rows of margin 0.")
    triads = strict.IntegerField(required=False, allow_null=True, help_text="Triples compared pair by pair.")
    circular_triads = strict.IntegerField(required=False, allow_null=True)
    consistency = strict.FloatField(required=False, allow_null=True, help_text="Share of triads with an order.")
    circles = serializers.JSONField(
        required=False, allow_null=True, help_text="Circular triads: each id preferred to the next."
    )
    labelled = serializers.JSONField(
        required=False, help_text="Where a taste labelled rows: how many, how many people judged, by taste, by split."
    )
    labels = serializers.JSONField(
        required=False,
        allow_null=True,
        help_text="Its accuracy on people's votes, how sure it was, and what the rules on noise, loudness, tempo, "
        "silence and clipping left out, with the means over chosen and rejected clips without and with them.",
    )
    raters = strict.IntegerField(required=False, allow_null=True)
    answers = strict.IntegerField(required=False, allow_null=True)
    agreement = serializers.JSONField(allow_null=True, help_text="Krippendorff's alpha, and what it rests on.")
    recommendations = serializers.ListField(child=strict.CharField(), allow_null=True)
