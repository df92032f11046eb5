"""Promotions in the API."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from adapters.models import Adapter
from prompts.models import PromptSuite
from text2song.api import fields as strict
from text2song.api.serializers import StrictFieldsMixin, WorkSerializer
from training.models import Promotion, PromotionPolicy


class PromotionSerializer(WorkSerializer):
    """An adapter's claim to be the default; poll it until `outcome` is no longer "open"."""

    test = serializers.PrimaryKeyRelatedField(read_only=True, help_text="Id of its listening test.")
    suite = strict.CharField(source="test.suite.name", read_only=True)
    votes_wanted = strict.IntegerField(source="test.votes_wanted", read_only=True)
    opened_by = strict.CharField(
        source="opened_by.username", default=None, read_only=True, help_text="null: the studio itself."
    )
    guards = serializers.JSONField(read_only=True, help_text="Figures it was decided on; empty while it is open.")

    class Meta:
        model = Promotion
        fields = (
            "id",
            "adapter",
            "opponent",
            "test",
            "suite",
            "votes_wanted",
            "outcome",
            "reason",
            "notice",
            "win_rate",
            "win_rate_low",
            "win_rate_high",
            "votes",
            "guards",
            "opened_by",
            "created_at",
            "decided_at",
        )
        read_only_fields = fields


@extend_schema_serializer(
    examples=[
        OpenApiExample("An adapter", {"adapter": "3f0c1a52-5f0e-4c7e-9f1b-8a4f2f3f9f10"}, request_only=True),
    ]
)
class PromotionStartSerializer(StrictFieldsMixin, serializers.Serializer):
    """A test for promotion to open."""

    adapter = strict.RelatedField(
        queryset=Adapter.objects.visible().select_related("base_model", "parent"), help_text="Id of the adapter."
    )


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A suite", {"suite": "3f0c1a52-5f0e-4c7e-9f1b-8a4f2f3f9f10", "votes_wanted": 48}, request_only=True
        ),
    ]
)
class PromotionPolicySerializer(StrictFieldsMixin, serializers.ModelSerializer):
    """What new adapters are tested on; `suite` null: no test opens by itself."""

    suite = strict.RelatedField(queryset=PromptSuite.objects.all(), allow_null=True, help_text="Id of a frozen suite.")

    class Meta:
        model = PromotionPolicy
        fields = ("suite", "votes_wanted", "updated_at")
        read_only_fields = ("updated_at",)
        extra_kwargs = {"votes_wanted": {"required": True}}
