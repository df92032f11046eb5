"""What the list of rounds can be narrowed by."""

from __future__ import annotations

import django_filters

from training.models import Round


class RoundFilter(django_filters.FilterSet):
    """Rounds by state and step."""

    state = django_filters.ChoiceFilter(
        choices=Round.State.choices, error_messages={"invalid_choice": "There is no state “%(value)s”."}
    )
    step = django_filters.ChoiceFilter(
        choices=Round.Step.choices, error_messages={"invalid_choice": "There is no step “%(value)s”."}
    )

    class Meta:
        model = Round
        fields: tuple[str, ...] = ()
