"""What training tells where adapters are compared."""

from __future__ import annotations

from collections.abc import Sequence

from django import template

from adapters.models import Adapter
from adapters.pages.listing import Measure
from training.pages.adapter_losses import side_by_side

register = template.Library()


@register.simple_tag
def compared_losses(adapters: Sequence[Adapter]) -> list[Measure]:
    """The losses two adapters were trained to."""
    return side_by_side(adapters)
