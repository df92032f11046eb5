"""How an adapter fares."""

from __future__ import annotations

from rest_framework import serializers

from feedback.serializers.figures import RatingFiguresSerializer
from feedback.serializers.listening_tests import VotesSerializer


class ContenderFiguresSerializer(serializers.Serializer):
    """Of an adapter, or of its base model alone."""

    generations = serializers.IntegerField(help_text="Jobs.")
    samples = serializers.IntegerField()
    ratings = RatingFiguresSerializer()


class PerformanceSerializer(serializers.Serializer):
    """An adapter's figures, its base model's alone, and the votes on the adapter against its base model."""

    adapter = ContenderFiguresSerializer()
    base = ContenderFiguresSerializer()
    against_base = VotesSerializer(source="duel")
