"""Which form an answer has: JSON, whatever else is asked for."""

from __future__ import annotations

from collections.abc import Sequence

from rest_framework.exceptions import ValidationError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer

from text2song.api.serializers import shown


class StrictNegotiation(DefaultContentNegotiation):
    """`?format=xml` is wrong input, not an unknown address."""

    def filter_renderers(self, renderers: Sequence[BaseRenderer], format: str) -> list[BaseRenderer]:
        fitting = [renderer for renderer in renderers if renderer.format == format]
        if not fitting:
            known = ", ".join(dict.fromkeys(str(renderer.format) for renderer in renderers))
            raise ValidationError({"format": [f"Unknown format “{shown(format)}”. Known: {known}."]})
        return fitting
