"""Listening tests in the API. What would unblind a rater is null until the test is over."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from adapters.selection import find_adapter
from feedback.listening_tests.access import may_see_results
from feedback.listening_tests.creation import ArmSpec
from feedback.models import Arm, ListeningTest, Trial
from generation.models.jobs import MAX_SEED, MAX_STRENGTH
from generation.services import model_for
from prompts.models import PromptSuite
from text2song.api.serializers import StrictSerializer


class ArmBodySerializer(StrictSerializer):
    """A base model, alone or with an adapter at a strength."""

    model = serializers.CharField(
        required=False, max_length=100, help_text="Key of a base model; the adapter's, or the active one, if left out."
    )
    adapter = serializers.CharField(
        required=False, allow_null=True, max_length=200, help_text="Id or NAME@VERSION; null is the base model alone."
    )
    strength = serializers.FloatField(required=False, default=1.0, min_value=0, max_value=MAX_STRENGTH)

    def to_internal_value(self, data: Any) -> ArmSpec:  # type: ignore[override]
        values = super().to_internal_value(data)
        adapter = find_adapter(values["adapter"]) if values.get("adapter") else None
        if adapter is not None and not values.get("model"):
            return ArmSpec(adapter.base_model, adapter, values["strength"])
        return ArmSpec(model_for(values.get("model")), adapter, values["strength"])


class ListeningTestBodySerializer(StrictSerializer):
    """A new test."""

    name = serializers.CharField(max_length=200)
    description = serializers.CharField(max_length=500, required=False, allow_blank=True)
    suite = serializers.PrimaryKeyRelatedField(queryset=PromptSuite.objects.all(), help_text="A frozen suite.")
    arms = ArmBodySerializer(many=True, help_text="2 to 6")
    samples_per_prompt = serializers.IntegerField(required=False, min_value=1, max_value=4)
    duration = serializers.IntegerField(required=False, min_value=1, max_value=30, help_text="Seconds")
    votes_wanted = serializers.IntegerField(required=False, min_value=1, max_value=100_000)
    sampling = serializers.DictField(
        child=serializers.FloatField(),
        required=False,
        help_text="temperature, top_k, top_p, guidance_scale; those of “Balanced” where left out.",
    )
    strategy = serializers.ChoiceField(choices=ListeningTest.Strategy.choices, required=False)
    overlap = serializers.IntegerField(required=False, min_value=1, max_value=50)
    repeat_share = serializers.FloatField(required=False, min_value=0, max_value=0.3)
    gold_share = serializers.FloatField(required=False, min_value=0, max_value=0.3)
    seed = serializers.IntegerField(required=False, min_value=0, max_value=MAX_SEED)


class ListeningTestChangeSerializer(StrictSerializer):
    """What may change once a test exists."""

    name = serializers.CharField(max_length=200, required=False)
    description = serializers.CharField(max_length=500, required=False, allow_blank=True)
    votes_wanted = serializers.IntegerField(required=False, min_value=1, max_value=100_000)


class ReopenSerializer(StrictSerializer):
    votes_wanted = serializers.IntegerField(required=False, min_value=1, max_value=100_000)


class ArmSerializer(serializers.ModelSerializer):
    model = serializers.CharField(source="base_model.key", read_only=True)
    name = serializers.CharField(source="__str__", read_only=True)

    class Meta:
        model = Arm
        fields = ("id", "name", "model", "adapter", "adapter_strength")
        read_only_fields = fields


SECRETS = ("arms", "suite", "samples_per_prompt", "duration", "seed", "sampling", "strategy", "overlap")
SECRETS += ("repeat_share", "gold_share", "created_by")


class ListeningTestSerializer(serializers.ModelSerializer):
    """A test; to a rater, while votes are taken, only what is not about its arms."""

    arms = ArmSerializer(many=True, read_only=True, allow_null=True)
    pairs = serializers.IntegerField(source="pair_count", read_only=True, help_text="Pairs generated so far.")
    votes = serializers.IntegerField(source="vote_count", read_only=True)
    created_by = serializers.CharField(source="created_by.username", read_only=True, allow_null=True)

    class Meta:
        model = ListeningTest
        fields = (
            "id",
            "name",
            "description",
            "state",
            "votes",
            "votes_wanted",
            "pairs",
            *SECRETS,
            "created_at",
            "started_at",
            "opened_at",
            "finished_at",
        )
        read_only_fields = fields

    def to_representation(self, instance: ListeningTest) -> dict[str, Any]:
        shown = super().to_representation(instance)
        if not may_see_results(self.context["request"].user, instance):
            shown |= dict.fromkeys(SECRETS) | {"name": instance.blind_name}
        return shown


class ClipSerializer(serializers.Serializer):
    label = serializers.CharField(help_text="“Sample 1” or “Sample 2”")
    audio = serializers.CharField(source="url", help_text="WAV, for this rater while the trial is open.")
    heard = serializers.ListField(child=serializers.ListField(child=serializers.FloatField()), help_text="[from, to] s")


class TrialSerializer(serializers.Serializer):
    """An open trial, or one the caller has answered."""

    token = serializers.CharField()
    number = serializers.IntegerField(help_text="Counts this rater's trials in the test from 1.")
    prompt = serializers.CharField(help_text="What was asked for.")
    required_seconds = serializers.FloatField(help_text="Of each sample, before a vote.")
    clips = ClipSerializer(many=True)


class NextTrialSerializer(serializers.Serializer):
    """`trial` is null when nothing is left for this rater."""

    trial = TrialSerializer(allow_null=True)
    judged = serializers.IntegerField()
    total = serializers.IntegerField()


@extend_schema_field({"type": "array", "items": {"type": "array", "items": {"type": "number"}}})
class IntervalsField(serializers.JSONField):
    """`[[from, to], ...]` in seconds of the clip; the service checks them."""


class HeardSerializer(StrictSerializer):
    heard_first = IntervalsField()
    heard_second = IntervalsField()


class HeardAnswerSerializer(serializers.Serializer):
    """Unique seconds heard of each sample so far."""

    first = serializers.FloatField()
    second = serializers.FloatField()
    required = serializers.FloatField()


class VoteSerializer(StrictSerializer):
    choice = serializers.ChoiceField(choices=Trial.Choice.choices)
    heard_first = IntervalsField(required=False)
    heard_second = IntervalsField(required=False)


class VoteAnswerSerializer(serializers.ModelSerializer):
    judged = serializers.IntegerField(read_only=True)
    total = serializers.IntegerField(read_only=True)

    class Meta:
        model = Trial
        fields = ("token", "test", "choice", "voted_at", "judged", "total")
        read_only_fields = fields


class VotesSerializer(serializers.Serializer):
    """The votes on one side against another; a tie counts as half a win."""

    wins = serializers.IntegerField(source="rate.wins")
    losses = serializers.IntegerField(source="rate.losses")
    ties = serializers.IntegerField(source="rate.ties")
    both_bad = serializers.IntegerField(source="rate.both_bad")
    win_rate = serializers.FloatField(source="rate.rate", allow_null=True)
    low = serializers.FloatField(source="rate.low", help_text="Of Wilson's 95 % interval")
    high = serializers.FloatField(source="rate.high")
    p_value = serializers.FloatField(source="rate.p_value", allow_null=True, help_text="Exact, two-sided, binomial")
    votes_needed = serializers.IntegerField(source="rate.votes_needed", allow_null=True)
    claim = serializers.CharField(source="rate.claim", help_text="too_few, undecided, better or worse")
    sentence = serializers.CharField()


class DuelSerializer(VotesSerializer):
    """One arm against another."""

    arm = ArmSerializer()
    against = ArmSerializer()


class PromptRowSerializer(serializers.Serializer):
    prompt = serializers.UUIDField(source="prompt.pk")
    text = serializers.CharField(source="prompt.text")
    arm = serializers.UUIDField(source="arm.pk")
    against = serializers.UUIDField(source="against.pk")
    wins = serializers.IntegerField()
    ties = serializers.IntegerField()
    losses = serializers.IntegerField()
    both_bad = serializers.IntegerField()


class PositionBiasSerializer(serializers.Serializer):
    """Of decided votes, how many named Sample 1."""

    first = serializers.IntegerField()
    second = serializers.IntegerField()
    share = serializers.FloatField(allow_null=True)
    low = serializers.FloatField()
    high = serializers.FloatField()
    p_value = serializers.FloatField(allow_null=True)
    is_biased = serializers.BooleanField()


class AgreementSerializer(serializers.Serializer):
    """How far raters of the same pair agree."""

    alpha = serializers.FloatField(source="alpha.value", allow_null=True, help_text="Krippendorff's, nominal")
    sentence = serializers.CharField(source="alpha.sentence")
    agreeing = serializers.IntegerField(source="agreement.agreeing")
    compared = serializers.IntegerField(source="agreement.compared")
    share = serializers.FloatField(source="agreement.share", allow_null=True)


class ResultsSerializer(serializers.Serializer):
    test = serializers.UUIDField(source="test.pk")
    votes = serializers.IntegerField()
    raters = serializers.IntegerField()
    both_bad = serializers.IntegerField()
    both_bad_share = serializers.FloatField(allow_null=True)
    left_out = serializers.IntegerField(help_text="Votes by excluded raters.")
    duels = DuelSerializer(many=True)
    position_bias = PositionBiasSerializer(source="bias")
    agreement = AgreementSerializer(source="*")
    prompts = PromptRowSerializer(many=True)


class StandingSerializer(serializers.Serializer):
    rank = serializers.IntegerField(source="standing.rank")
    rank_low = serializers.IntegerField(source="standing.rank_low")
    rank_high = serializers.IntegerField(source="standing.rank_high")
    name = serializers.CharField()
    model = serializers.CharField(source="base_model.key")
    adapter = serializers.UUIDField(source="adapter.pk", allow_null=True, default=None)
    adapter_strength = serializers.FloatField(source="strength")
    strength = serializers.FloatField(source="standing.strength", help_text="Logits around the mean of all arms")
    low = serializers.FloatField(source="standing.low", help_text="Of the 95 % bootstrap interval")
    high = serializers.FloatField(source="standing.high")
    wins = serializers.IntegerField(source="standing.wins")
    ties = serializers.IntegerField(source="standing.ties")
    losses = serializers.IntegerField(source="standing.losses")
    expected_win_rate = serializers.FloatField(source="standing.expected_win_rate", allow_null=True)


class StandingsSerializer(serializers.Serializer):
    votes = serializers.IntegerField()
    is_connected = serializers.BooleanField(help_text="Whether votes link all arms, so that all ranks mean something.")
    reference = serializers.CharField(help_text="The arm that expected win rates are against.")
    results = StandingSerializer(source="rows", many=True)
