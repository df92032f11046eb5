"""Rounds in the API."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from generation.models import BaseModel
from prompts.models import Prompt, PromptSuite
from text2song.api import fields as strict
from text2song.api.serializers import StrictSerializer
from training.models import Round
from training.rounds.budget import spent
from training.rounds.models import MOST_PROMPTS, MOST_VOTES
from training.rounds.pairs import votes_given
from training.rounds.story import to_mapping


class RoundSerializer(serializers.ModelSerializer):
    """A round, and what its steps made; poll it while `state` is "active"."""

    owner = strict.CharField(source="owner.username", default=None, read_only=True, allow_null=True)
    model = strict.CharField(source="base_model.key", read_only=True)
    votes = serializers.SerializerMethodField(help_text="Votes given so far that something can be learned from.")
    clips = serializers.SerializerMethodField(help_text="Clips made so far, those of the blind test too.")
    minutes = serializers.SerializerMethodField(help_text="Of workers' time, used so far.")
    trains_on = serializers.SerializerMethodField(help_text="What its dataset is made of; null until that is known.")
    taste = strict.UUIDField(source="fit.taste_id", default=None, read_only=True, allow_null=True)
    understood = serializers.SerializerMethodField(help_text="How far the taste can be relied on; null until then.")

    class Meta:
        model = Round
        fields = (
            "id",
            "owner",
            "number",
            "step",
            "state",
            "told",
            "model",
            "goes_on_from",
            "suite",
            "votes",
            "votes_wanted",
            "clips_per_prompt",
            "seconds",
            "clips",
            "max_clips",
            "minutes",
            "max_minutes",
            "by_itself",
            "trains_on",
            "taste",
            "understood",
            "dataset",
            "run",
            "promotion",
            "created_at",
            "finished_at",
        )
        read_only_fields = fields

    def get_votes(self, round_: Round) -> int:
        return votes_given(round_)

    def get_clips(self, round_: Round) -> int:
        return spent(round_).clips

    def get_minutes(self, round_: Round) -> float:
        return round(spent(round_).minutes, 1)

    @extend_schema_field(serializers.ChoiceField(choices=Round.Source.choices, allow_null=True))
    def get_trains_on(self, round_: Round) -> str | None:
        return round_.trains_on or None

    @extend_schema_field(serializers.JSONField())
    def get_understood(self, round_: Round) -> dict[str, Any]:
        return to_mapping(round_)


@extend_schema_serializer(
    examples=[
        OpenApiExample("Drawn from the templates", {"drawn": 72, "votes_wanted": 100}, request_only=True),
    ]
)
class RoundStartSerializer(StrictSerializer):
    """What for, how much listening, and a budget. Without prompts and `drawn` it is all that the caller wrote."""

    prompts = serializers.ListField(
        child=strict.RelatedField(queryset=Prompt.objects.visible()),
        required=False,
        min_length=1,
        max_length=MOST_PROMPTS,
        help_text="Ids of prompts.",
    )
    drawn = strict.IntegerField(
        required=False, min_value=4, max_value=150, help_text="Draw so many prompts from the templates instead."
    )
    suite = strict.RelatedField(
        queryset=PromptSuite.objects.all(),
        required=False,
        help_text="Id of a frozen suite to be judged on; without, that of the last round, or some prompts held out.",
    )
    model = strict.CharField(required=False, help_text="Key of the base model; without, the active one.")
    votes_wanted = strict.IntegerField(required=False, min_value=1, max_value=MOST_VOTES)
    clips_per_prompt = strict.IntegerField(required=False, min_value=2, max_value=8)
    seconds = strict.IntegerField(required=False, min_value=1, max_value=30)
    max_clips = strict.IntegerField(required=False, min_value=1, max_value=100_000)
    max_minutes = strict.IntegerField(required=False, min_value=1, max_value=100_000)
    by_itself = strict.BooleanField(required=False, help_text="Go from step to step without being asked.")

    def validate_model(self, key: str) -> BaseModel:
        found = BaseModel.objects.filter(key=key).first()
        if found is None:
            raise serializers.ValidationError(f"There is no base model “{key[:80]}”.")
        return found


@extend_schema_serializer(
    examples=[
        OpenApiExample("Train on the votes alone", {"trains_on": "votes"}, request_only=True),
        OpenApiExample("More time", {"max_minutes": 480}, request_only=True),
    ]
)
class AdvanceSerializer(StrictSerializer):
    """What a round waits for; all may be left out."""

    trains_on = strict.ChoiceField(
        required=False, choices=Round.Source.choices, help_text="What it trains on, at the step “understood”."
    )
    max_clips = strict.IntegerField(required=False, min_value=1, max_value=100_000)
    max_minutes = strict.IntegerField(required=False, min_value=1, max_value=100_000)


@extend_schema_serializer(examples=[OpenApiExample("Fifty", {"votes": 50}, request_only=True)])
class MoreVotesSerializer(StrictSerializer):
    """Further votes."""

    votes = strict.IntegerField(min_value=1, max_value=MOST_VOTES)
