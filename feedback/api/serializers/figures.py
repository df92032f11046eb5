"""Statistics of feedback."""

from __future__ import annotations

from rest_framework import serializers

from text2song.api import fields as strict


class CriterionFiguresSerializer(serializers.Serializer):
    criterion = strict.CharField()
    name = strict.CharField()
    count = strict.IntegerField()
    mean = strict.FloatField()


class RatingFiguresSerializer(serializers.Serializer):
    total = strict.IntegerField()
    mean = strict.FloatField(allow_null=True)
    stars = serializers.DictField(child=strict.IntegerField(), help_text="How often 1, 2, 3, 4 and 5 were given.")
    by_criterion = CriterionFiguresSerializer(many=True)


class OutcomesSerializer(serializers.Serializer):
    """`rate` counts a tie as half a win, leaves out “both bad”, and is null without a vote."""

    wins = strict.IntegerField()
    losses = strict.IntegerField()
    ties = strict.IntegerField()
    both_bad = strict.IntegerField()
    rate = strict.FloatField(allow_null=True)


class SampleOutcomesSerializer(OutcomesSerializer):
    sample = strict.UUIDField()
    job = strict.UUIDField()
    label = strict.CharField()
    name = strict.CharField(help_text="The letter and the job.")


class PreferenceFiguresSerializer(serializers.Serializer):
    total = strict.IntegerField()
    pairs = strict.IntegerField(help_text="Distinct pairs of samples.")
    prompts = strict.IntegerField(help_text="Distinct prompts.")
    samples = strict.IntegerField(help_text="Distinct samples.")
    mean_strength = strict.FloatField(allow_null=True)
    winners = serializers.DictField(child=strict.IntegerField())
    win_rate = OutcomesSerializer(
        allow_null=True,
        help_text="Of the samples asked about, against all others. Null where no vote decided anything, and for a "
        "whole prompt, whose clips are compared with one another only.",
    )
    win_rates = SampleOutcomesSerializer(many=True, help_text="Of the 100 samples compared most often.")


class TagCountSerializer(serializers.Serializer):
    name = strict.CharField()
    sign = strict.CharField()
    count = strict.IntegerField()


class TagFiguresSerializer(serializers.Serializer):
    total = strict.IntegerField()
    good = strict.IntegerField()
    bad = strict.IntegerField()
    neutral = strict.IntegerField()
    frequencies = TagCountSerializer(many=True)
    top_good = TagCountSerializer(many=True)
    top_bad = TagCountSerializer(many=True)


class StatisticsSerializer(serializers.Serializer):
    """Figures of the feedback the caller may see."""

    samples_judged = strict.IntegerField(help_text="Samples with any feedback.")
    ratings = RatingFiguresSerializer()
    preferences = PreferenceFiguresSerializer()
    tags = TagFiguresSerializer()
    rankings = strict.IntegerField()
    notes = strict.IntegerField()
