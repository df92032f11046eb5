"""Listening tests in the API. What would unblind a rater is null until the test is over."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from adapters.services.selection import find_adapter
from feedback.listening_tests.access import may_see_results
from feedback.listening_tests.services.creation import ArmSpec
from feedback.models import Arm, ListeningTest, Trial
from generation.models.jobs import MAX_SEED, MAX_STRENGTH
from generation.services import model_for
from prompts.models import PromptSuite
from text2song.api import fields as strict
from text2song.api.serializers import StrictSerializer


class ArmBodySerializer(StrictSerializer):
    """A base model, alone or with an adapter at a strength."""

    model = strict.CharField(
        required=False, max_length=100, help_text="Key of a base model; the adapter's, or the active one, if left out."
    )
    adapter = strict.CharField(
        required=False, allow_null=True, max_length=200, help_text="Id or NAME@VERSION; null is the base model alone."
    )
    strength = strict.FloatField(required=False, default=1.0, min_value=0, max_value=MAX_STRENGTH)

    def to_internal_value(self, data: Any) -> ArmSpec:  # type: ignore[override]  # what the dict means
        values = super().to_internal_value(data)
        adapter = find_adapter(values["adapter"]) if values.get("adapter") else None
        if adapter is not None and not values.get("model"):
            return ArmSpec(adapter.base_model, adapter, values["strength"])
        return ArmSpec(model_for(values.get("model")), adapter, values["strength"])


class ListeningTestBodySerializer(StrictSerializer):
    """A new test."""

    name = strict.CharField(max_length=200)
    description = strict.CharField(max_length=500, required=False, allow_blank=True)
    suite = strict.RelatedField(queryset=PromptSuite.objects.all(), help_text="A frozen suite.")
    arms = ArmBodySerializer(many=True, help_text="2 to 6")
    samples_per_prompt = strict.IntegerField(required=False, min_value=1, max_value=4)
    duration = strict.IntegerField(required=False, min_value=1, max_value=30, help_text="Seconds")
    votes_wanted = strict.IntegerField(required=False, min_value=1, max_value=100_000)
    sampling = serializers.DictField(
        child=strict.FloatField(),
        required=False,
        help_text="temperature, top_k, top_p, guidance_scale; those of “Balanced” where left out.",
    )
    strategy = strict.ChoiceField(choices=ListeningTest.Strategy.choices, required=False)
    overlap = strict.IntegerField(required=False, min_value=1, max_value=50)
    repeat_share = strict.FloatField(required=False, min_value=0, max_value=0.3)
    gold_share = strict.FloatField(required=False, min_value=0, max_value=0.3)
    seed = strict.IntegerField(required=False, min_value=0, max_value=MAX_SEED)


class ListeningTestChangeSerializer(StrictSerializer):
    """What may change once a test exists."""

    name = strict.CharField(max_length=200, required=False)
    description = strict.CharField(max_length=500, required=False, allow_blank=True)
    votes_wanted = strict.IntegerField(required=False, min_value=1, max_value=100_000)


class ReopenSerializer(StrictSerializer):
    votes_wanted = strict.IntegerField(required=False, min_value=1, max_value=100_000)


class ArmSerializer(serializers.ModelSerializer):
    model = strict.CharField(source="base_model.key", read_only=True)
    name = strict.CharField(source="__str__", read_only=True)

    class Meta:
        model = Arm
        fields = ("id", "name", "model", "adapter", "adapter_strength")
        read_only_fields = fields


SECRETS: tuple[str, ...] = ("arms", "suite", "samples_per_prompt", "duration", "seed", "sampling", "strategy")
SECRETS += ("overlap", "repeat_share", "gold_share", "created_by")


class ListeningTestSerializer(serializers.ModelSerializer):
    """A test; to a rater, while votes are taken, only what is not about its arms."""

    arms = ArmSerializer(many=True, read_only=True, allow_null=True)
    pairs = strict.IntegerField(source="pair_count", read_only=True, help_text="Pairs generated so far.")
    votes = strict.IntegerField(source="vote_count", read_only=True)
    created_by = strict.CharField(source="created_by.username", read_only=True, allow_null=True)

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
    label = strict.CharField(help_text="“Sample 1” or “Sample 2”")
    audio = strict.CharField(source="url", help_text="WAV, for this rater while the trial is open.")
    heard = serializers.ListField(child=serializers.ListField(child=strict.FloatField()), help_text="[from, to] s")


class TrialSerializer(serializers.Serializer):
    """An open trial, or one the caller has answered."""

    token = strict.CharField()
    number = strict.IntegerField(help_text="Counts this rater's trials in the test from 1.")
    prompt = strict.CharField(help_text="What was asked for.")
    required_seconds = strict.FloatField(help_text="Of each sample, before a vote.")
    clips = ClipSerializer(many=True)


class NextTrialSerializer(serializers.Serializer):
    """`trial` is null when nothing is left for this rater."""

    trial = TrialSerializer(allow_null=True)
    judged = strict.IntegerField()
    total = strict.IntegerField()


class IntervalsField(serializers.ListField):
    """`[[from, to], ...]` in seconds of the clip; the service checks them."""

    child = serializers.ListField(child=strict.FloatField(), min_length=2, max_length=2)


class HeardSerializer(StrictSerializer):
    heard_first = IntervalsField()
    heard_second = IntervalsField()


class HeardAnswerSerializer(serializers.Serializer):
    """Unique seconds heard of each sample so far."""

    first = strict.FloatField()
    second = strict.FloatField()
    required = strict.FloatField()


class VoteSerializer(StrictSerializer):
    choice = strict.ChoiceField(choices=Trial.Choice.choices)
    heard_first = IntervalsField(required=False)
    heard_second = IntervalsField(required=False)


class VoteAnswerSerializer(serializers.ModelSerializer):
    judged = strict.IntegerField(read_only=True)
    total = strict.IntegerField(read_only=True)

    class Meta:
        model = Trial
        fields = ("token", "test", "choice", "voted_at", "judged", "total")
        read_only_fields = fields


class VotesSerializer(serializers.Serializer):
    """The votes on one side against another; a tie counts as half a win."""

    wins = strict.IntegerField(source="rate.wins")
    losses = strict.IntegerField(source="rate.losses")
    ties = strict.IntegerField(source="rate.ties")
    both_bad = strict.IntegerField(source="rate.both_bad")
    win_rate = strict.FloatField(source="rate.rate", allow_null=True)
    low = strict.FloatField(
        source="rate.low", help_text="Of the 95 % interval, which knows that votes of one rater or prompt are alike"
    )
    high = strict.FloatField(source="rate.high")
    p_value = strict.FloatField(
        source="rate.p_value", allow_null=True, help_text="Two-sided, knowing raters and prompts"
    )
    votes_needed = strict.IntegerField(source="rate.votes_needed", allow_null=True)
    raters = strict.IntegerField(source="rate.raters", help_text="With 1 all of this is said of that rater alone.")
    claim = strict.CharField(source="rate.claim", help_text="too_few, undecided, better or worse")
    sentence = strict.CharField()


class DuelSerializer(VotesSerializer):
    """One arm against another."""

    arm = ArmSerializer()
    against = ArmSerializer()


class PromptRowSerializer(serializers.Serializer):
    prompt = strict.UUIDField(source="prompt.pk")
    text = strict.CharField(source="prompt.text")
    arm = strict.UUIDField(source="arm.pk")
    against = strict.UUIDField(source="against.pk")
    wins = strict.IntegerField()
    ties = strict.IntegerField()
    losses = strict.IntegerField()
    both_bad = strict.IntegerField()


class PositionBiasSerializer(serializers.Serializer):
    """Of decided votes, how many named Sample 1."""

    first = strict.IntegerField()
    second = strict.IntegerField()
    share = strict.FloatField(allow_null=True)
    low = strict.FloatField()
    high = strict.FloatField()
    p_value = strict.FloatField(allow_null=True)
    is_biased = strict.BooleanField()


class AgreementSerializer(serializers.Serializer):
    """How far raters of the same pair agree."""

    alpha = strict.FloatField(source="alpha.value", allow_null=True, help_text="Krippendorff's, nominal")
    sentence = strict.CharField(source="alpha.sentence")
    agreeing = strict.IntegerField(source="agreement.agreeing")
    compared = strict.IntegerField(source="agreement.compared")
    share = strict.FloatField(source="agreement.share", allow_null=True)


class ResultsSerializer(serializers.Serializer):
    test = strict.UUIDField(source="test.pk")
    votes = strict.IntegerField()
    raters = strict.IntegerField()
    both_bad = strict.IntegerField()
    both_bad_share = strict.FloatField(allow_null=True)
    left_out = strict.IntegerField(help_text="Votes by excluded raters.")
    duels = DuelSerializer(many=True)
    position_bias = PositionBiasSerializer(source="bias")
    agreement = AgreementSerializer(source="*")
    prompts = PromptRowSerializer(many=True)


class StandingSerializer(serializers.Serializer):
    rank = strict.IntegerField(
        source="standing.rank", allow_null=True, help_text="null with fewer than ten decided votes"
    )
    rank_low = strict.IntegerField(source="standing.rank_low", help_text="The best place the votes leave open")
    rank_high = strict.IntegerField(source="standing.rank_high")
    name = strict.CharField()
    model = strict.CharField(source="base_model.key")
    adapter = strict.UUIDField(source="adapter.pk", allow_null=True, default=None)
    adapter_strength = strict.FloatField(source="strength")
    strength = strict.FloatField(source="standing.strength", help_text="Logits around the mean of all arms")
    low = strict.FloatField(source="standing.low", help_text="Of the 95 % interval")
    high = strict.FloatField(source="standing.high")
    wins = strict.IntegerField(source="standing.wins")
    ties = strict.IntegerField(source="standing.ties")
    losses = strict.IntegerField(source="standing.losses")
    expected_win_rate = strict.FloatField(source="standing.expected_win_rate", allow_null=True)
    claim = strict.CharField(
        source="standing.claim", allow_null=True, help_text="Against the reference: too_few, undecided, better, worse"
    )


class StandingsSerializer(serializers.Serializer):
    votes = strict.IntegerField()
    is_connected = strict.BooleanField(help_text="Whether votes link all arms, so that all ranks mean something.")
    reference = strict.CharField(help_text="The arm that expected win rates are against.")
    results = StandingSerializer(source="rows", many=True)
