"""What to hear next."""

from __future__ import annotations

from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from feedback.services.asking import Reason
from generation.models import AudioSample
from text2song.api import fields as strict
from text2song.api.serializers import StrictSerializer


class BlindClipSerializer(serializers.Serializer):
    """A clip to judge: enough to hear it, and nothing of what made it."""

    id = strict.UUIDField()
    duration = strict.FloatField(help_text="Seconds")
    stream_url = serializers.SerializerMethodField()

    @extend_schema_field(strict.CharField())
    def get_stream_url(self, sample: AudioSample) -> str:
        return reverse("api-audio-stream", args=[sample.pk])


class PairTurnSerializer(serializers.Serializer):
    """Two clips of one prompt, in the order in which this rater is shown them."""

    key = strict.CharField(help_text="To be named in `skipped` when it is passed over.")
    prompt = strict.CharField(source="first.job.prompt.rendered_text")
    samples = BlindClipSerializer(many=True)
    reason = strict.ChoiceField(choices=[(reason.value, reason.in_words) for reason in Reason])
    why = strict.CharField(source="reason.in_words", help_text="The reason in words.")


class TurnSerializer(serializers.Serializer):
    """A test whose trials wait, and a pair or a sample; null where there is none."""

    test = strict.UUIDField(source="test.pk", allow_null=True, default=None)
    pair = PairTurnSerializer(allow_null=True)
    sample = BlindClipSerializer(allow_null=True)
    judged = strict.IntegerField(help_text="Clips the caller has judged.")
    total = strict.IntegerField(help_text="Clips there are.")


class TurnQuerySerializer(StrictSerializer):
    """What is asked for."""

    singles = serializers.BooleanField(default=False, help_text="Single clips only, no pairs.")
    skipped = serializers.CharField(default="", help_text="Keys of pairs that were passed over, with commas between.")
