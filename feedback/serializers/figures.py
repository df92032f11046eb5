"""Statistics of feedback."""

from __future__ import annotations

from rest_framework import serializers


class CriterionFiguresSerializer(serializers.Serializer):
    criterion = serializers.CharField()
    name = serializers.CharField()
    count = serializers.IntegerField()
    mean = serializers.FloatField()


class RatingFiguresSerializer(serializers.Serializer):
    total = serializers.IntegerField()
    mean = serializers.FloatField(allow_null=True)
    stars = serializers.DictField(child=serializers.IntegerField(), help_text="How often 1, 2, 3, 4 and 5 were given.")
    by_criterion = CriterionFiguresSerializer(many=True)


class OutcomesSerializer(serializers.Serializer):
    """`rate` counts a tie as half a win, leaves out “both bad”, and is null without a vote."""

    wins = serializers.IntegerField()
    losses = serializers.IntegerField()
    ties = serializers.IntegerField()
    both_bad = serializers.IntegerField()
    rate = serializers.FloatField(allow_null=True)


class SampleOutcomesSerializer(OutcomesSerializer):
    sample = serializers.UUIDField()
    job = serializers.UUIDField()
    label = serializers.CharField()
    name = serializers.CharField(help_text="The letter and the job.")


class PreferenceFiguresSerializer(serializers.Serializer):
    total = serializers.IntegerField()
    pairs = serializers.IntegerField(help_text="Distinct pairs of samples.")
    prompts = serializers.IntegerField(help_text="Distinct prompts.")
    samples = serializers.IntegerField(help_text="Distinct samples.")
    mean_strength = serializers.FloatField(allow_null=True)
    winners = serializers.DictField(child=serializers.IntegerField())
    win_rate = OutcomesSerializer(
        allow_null=True,
        help_text="Of the samples asked about, against all others. Null where no vote decided anything, and for a "
        "whole prompt, whose clips are compared with one another only.",
    )
    win_rates = SampleOutcomesSerializer(many=True, help_text="Of the 100 samples compared most often.")


class TagCountSerializer(serializers.Serializer):
    name = serializers.CharField()
    sign = serializers.CharField()
    count = serializers.IntegerField()


class TagFiguresSerializer(serializers.Serializer):
    total = serializers.IntegerField()
    good = serializers.IntegerField()
    bad = serializers.IntegerField()
    neutral = serializers.IntegerField()
    frequencies = TagCountSerializer(many=True)
    top_good = TagCountSerializer(many=True)
    top_bad = TagCountSerializer(many=True)


class StatisticsSerializer(serializers.Serializer):
    """Figures of the feedback the caller may see."""

    samples_judged = serializers.IntegerField(help_text="Samples with any feedback.")
    ratings = RatingFiguresSerializer()
    preferences = PreferenceFiguresSerializer()
    tags = TagFiguresSerializer()
    rankings = serializers.IntegerField()
    notes = serializers.IntegerField()
