"""How an adapter fares."""

from __future__ import annotations

from rest_framework import serializers

from feedback.api.serializers.figures import RatingFiguresSerializer
from feedback.listening_tests.api.serializers import VotesSerializer
from text2song.api import fields as strict


class ContenderFiguresSerializer(serializers.Serializer):
    """Of an adapter, or of its base model alone."""

    generations = strict.IntegerField(help_text="Jobs.")
    samples = strict.IntegerField()
    ratings = RatingFiguresSerializer()


class PerformanceSerializer(serializers.Serializer):
    """An adapter's figures, its base model's alone, and the votes on the adapter against its base model."""

    adapter = ContenderFiguresSerializer()
    base = ContenderFiguresSerializer()
    against_base = VotesSerializer(source="duel")
