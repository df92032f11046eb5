"""How feedback of each kind is told."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema_field
from rest_framework import serializers

from feedback.judgements.history import KIND_OF
from feedback.models import Note, Preference, Ranking, RankingPlace, Rating, SampleTag
from feedback.services.deletion import Feedback
from generation.models import AudioSample
from text2song.api import fields as strict


class JudgedSampleSerializer(serializers.ModelSerializer):
    """A sample where feedback is the subject."""

    name = strict.CharField(source="__str__", read_only=True, help_text="Its letter and its job.")
    prompt = strict.UUIDField(source="job.prompt_id", read_only=True)

    class Meta:
        model = AudioSample
        fields = ("id", "label", "name", "job", "prompt")
        read_only_fields = fields


class ItemSerializer(serializers.ModelSerializer):
    """What all kinds share. `rater` is a user name, null when the account was removed."""

    kind = serializers.SerializerMethodField()
    rater = strict.CharField(source="rater.username", read_only=True, allow_null=True, default=None)
    is_mine = serializers.SerializerMethodField(help_text="Whether it is the caller's own.")

    def get_kind(self, item: Feedback) -> str:
        return KIND_OF[type(item)]

    def get_is_mine(self, item: Feedback) -> bool:
        return item.rater_id == self.context["request"].user.pk


SHARED = ("id", "kind", "rater", "is_mine", "created_at", "updated_at")


class RatingItemSerializer(ItemSerializer):
    sample = JudgedSampleSerializer(read_only=True)
    criterion = strict.CharField(source="criterion.slug", read_only=True)

    class Meta:
        model = Rating
        fields = (*SHARED, "sample", "criterion", "score")
        read_only_fields = fields


class PreferenceItemSerializer(ItemSerializer):
    """`heard_a`, `heard_b` and `decision_seconds` are known for votes of listening tests only."""

    sample_a = JudgedSampleSerializer(read_only=True)
    sample_b = JudgedSampleSerializer(read_only=True)

    class Meta:
        model = Preference
        fields = (
            *SHARED,
            "sample_a",
            "sample_b",
            "winner",
            "strength",
            "source",
            "ranking",
            "heard_a",
            "heard_b",
            "decision_seconds",
        )
        read_only_fields = fields


class RankingItemSerializer(ItemSerializer):
    samples = serializers.SerializerMethodField(help_text="Best first.")
    standing = strict.IntegerField(
        read_only=True, help_text="How many of its pairs count; the others were judged anew since, or blind."
    )

    class Meta:
        model = Ranking
        fields = (*SHARED, "samples", "standing")
        read_only_fields = fields

    @extend_schema_field(JudgedSampleSerializer(many=True))
    def get_samples(self, ranking: Ranking) -> list[dict[str, Any]]:
        places: list[RankingPlace] = list(ranking.places.all())
        return JudgedSampleSerializer([place.sample for place in places], many=True).data


class TagItemSerializer(ItemSerializer):
    sample = JudgedSampleSerializer(read_only=True)
    tag = strict.CharField(source="tag.name", read_only=True)
    sign = strict.CharField(source="tag.sign", read_only=True)

    class Meta:
        model = SampleTag
        fields = (*SHARED, "sample", "tag", "sign", "start", "end")
        read_only_fields = fields


class NoteItemSerializer(ItemSerializer):
    sample = JudgedSampleSerializer(read_only=True)

    class Meta:
        model = Note
        fields = (*SHARED, "sample", "text")
        read_only_fields = fields


ITEMS: dict[type[Feedback], type[ItemSerializer]] = {
    Rating: RatingItemSerializer,
    Preference: PreferenceItemSerializer,
    Ranking: RankingItemSerializer,
    SampleTag: TagItemSerializer,
    Note: NoteItemSerializer,
}


def any_item(*, many: bool) -> PolymorphicProxySerializer:
    """Feedback of whatever kind, for the OpenAPI schema."""
    return PolymorphicProxySerializer(
        component_name="FeedbackItem",
        serializers={KIND_OF[model]: serializer for model, serializer in ITEMS.items()},
        resource_type_field_name="kind",
        many=many,
    )


class FeedbackItemSerializer(serializers.BaseSerializer):
    """Feedback of whatever kind, told as its kind is."""

    def to_representation(self, item: Feedback) -> dict[str, Any]:
        return ITEMS[type(item)](item, context=self.context).data


class SampleFeedbackSerializer(serializers.Serializer):
    """One sample of a job with the feedback on it."""

    sample = JudgedSampleSerializer()
    items = serializers.SerializerMethodField()

    @extend_schema_field(any_item(many=True))
    def get_items(self, group: dict[str, Any]) -> list[dict[str, Any]]:
        return FeedbackItemSerializer(group["items"], many=True, context=self.context).data


class JobFeedbackSerializer(serializers.Serializer):
    """A job's samples, A to H, with the feedback the caller may see; all zeros without any."""

    job = strict.UUIDField()
    total = strict.IntegerField()
    mean_rating = strict.FloatField(allow_null=True)
    samples_judged = strict.IntegerField()
    samples = SampleFeedbackSerializer(many=True)


class FeedbackAnswerSerializer(serializers.Serializer):
    """What was stored: one item, or one for each criterion or tag."""

    kind = strict.CharField()
    items = serializers.SerializerMethodField()

    @extend_schema_field(any_item(many=True))
    def get_items(self, answer: dict[str, Any]) -> list[dict[str, Any]]:
        return FeedbackItemSerializer(answer["items"], many=True, context=self.context).data
