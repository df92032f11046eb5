"""What the list of promotions can be narrowed by."""

from __future__ import annotations

import django_filters

from adapters.models import Adapter
from training.models import Promotion

NO_STATE = {"invalid_choice": "There is no state “%(value)s”."}
ACTIVE = "active"
"""A state to filter by that stands for all unfinished ones."""


class PromotionFilter(django_filters.FilterSet):
    """Promotions by adapter and outcome."""

    adapter = django_filters.ModelChoiceFilter(
        queryset=Adapter.objects.all(),
        error_messages={"invalid_choice": "There is no such adapter."},
        help_text="Id of an adapter.",
    )
    outcome = django_filters.ChoiceFilter(
        choices=Promotion.Outcome.choices, error_messages={"invalid_choice": "There is no outcome “%(value)s”."}
    )

    class Meta:
        model = Promotion
        fields: tuple[str, ...] = ()
