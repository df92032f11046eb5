"""Tastes in the API."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers
from rest_framework.reverse import reverse

from adapters.models import Taste
from adapters.models.names import NAME_LENGTH
from datasets_app.building.filters import LONGEST_LIST
from datasets_app.models import Dataset
from generation.models import BaseModel, ClipScore
from text2song.api import fields as strict
from text2song.api.serializers import StrictSerializer, WorkSerializer
from training.models import TasteFit
from training.models.tastes import MOST_REFIT
from training.tastes.telling import report_for, verdict

LARGEST_SEED = 2**31 - 1


class TasteSerializer(serializers.ModelSerializer):
    """A taste. `is_usable` is for whoever picks or orders clips by it; `report` says how good it is."""

    is_usable = serializers.BooleanField(
        source="may_pick", read_only=True, help_text="Whether it can be relied on, and hears new clips."
    )

    base_model = strict.CharField(source="base_model.key", read_only=True)
    whose = strict.CharField(read_only=True, help_text="Whose votes, in words.")
    created_by = strict.CharField(source="created_by.username", default=None, read_only=True)
    accuracy = serializers.JSONField(read_only=True, help_text="`value`, `low`, `high`: of votes on prompts held out.")
    verdict = serializers.SerializerMethodField(help_text="Whether it can be used, and otherwise what would help.")
    report = serializers.SerializerMethodField(help_text="Everything measured. Names of raters are for curators.")
    described = serializers.JSONField(read_only=True, help_text="What its weights read.")

    class Meta:
        model = Taste
        fields = (
            "id",
            "name",
            "version",
            "base_model",
            "base_revision",
            "whose",
            "votes",
            "is_usable",
            "verdict",
            "accuracy",
            "report",
            "refit_every",
            "described",
            "sha256",
            "created_by",
            "created_at",
        )
        read_only_fields = fields

    def get_verdict(self, taste: Taste) -> str:
        return verdict(taste)

    def get_report(self, taste: Taste) -> dict[str, Any]:
        return report_for(self.context["request"].user, taste)


@extend_schema_serializer(
    examples=[
        OpenApiExample("Everybody's", {"name": "everybody", "refit_every": 50}, request_only=True),
        OpenApiExample("One's own", {"name": "anna", "raters": ["anna"], "refit_every": 20}, request_only=True),
    ]
)
class TasteLearnSerializer(StrictSerializer):
    """A taste to learn."""

    name = strict.CharField(max_length=NAME_LENGTH)
    raters = serializers.ListField(
        child=strict.CharField(),
        max_length=LONGEST_LIST,
        required=False,
        help_text="User names, whose votes it learns from; everybody's without.",
    )
    dataset = strict.RelatedField(
        queryset=Dataset.objects.visible(),
        required=False,
        allow_null=True,
        help_text="Id of a preference dataset whose rows are taken instead (curators).",
    )
    base_model = serializers.SlugRelatedField(
        slug_field="key",
        queryset=BaseModel.objects.all(),
        required=False,
        help_text="Key of the model whose clips it learns from; the active one without.",
    )
    refit_every = strict.IntegerField(
        min_value=0,
        max_value=MOST_REFIT,
        required=False,
        help_text="New votes after which it learns again by itself; 0 (the default) never.",
    )
    seed = strict.IntegerField(min_value=0, max_value=LARGEST_SEED, required=False)


class TasteFitSerializer(WorkSerializer):
    """A taste being learned; poll it until `state` is "completed" or "failed"."""

    url = serializers.SerializerMethodField()
    base_model = strict.CharField(source="base_model.key", read_only=True)
    taste = serializers.PrimaryKeyRelatedField(read_only=True, allow_null=True, help_text="Id of what was learned.")
    dataset = serializers.PrimaryKeyRelatedField(read_only=True, allow_null=True)
    error = serializers.SerializerMethodField(help_text="Why nothing was learned.")

    class Meta:
        model = TasteFit
        fields = (
            "id",
            "url",
            "name",
            "state",
            "error",
            "notice",
            "taste",
            "base_model",
            "dataset",
            "refit_every",
            "created_at",
            "started_at",
            "finished_at",
        )
        read_only_fields = fields

    def get_url(self, fit: TasteFit) -> str:
        return reverse("api-taste-fit-detail", args=[fit.pk], request=self.context.get("request"))

    @extend_schema_field(strict.CharField(allow_null=True))
    def get_error(self, fit: TasteFit) -> str | None:
        return fit.error or None


class ClipScoreSerializer(serializers.ModelSerializer):
    """What a taste makes of a clip."""

    sample = serializers.PrimaryKeyRelatedField(read_only=True, help_text="Id of the clip.")

    class Meta:
        model = ClipScore
        fields = ("sample", "score", "spread")
        read_only_fields = fields
