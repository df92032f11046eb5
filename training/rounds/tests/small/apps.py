"""Fewer votes, prompts and steps than a person could choose, so that a walk takes minutes."""

from __future__ import annotations

from django.apps import AppConfig

VOTES = 12
HELD_OUT = 3
STEPS = 2


class SmallRounds(AppConfig):
    name = "training.rounds.tests.small"
    label = "small_rounds"

    def ready(self) -> None:
        from training.config import FEW_VOTES, PRESETS
        from training.rounds import services
        from training.rounds.pages.forms import RoundForm

        RoundForm.base_fields["votes_wanted"].choices = [(VOTES, str(VOTES)), (50, "50")]
        services.HELD_OUT = HELD_OUT
        PRESETS[FEW_VOTES] |= {"max_steps": STEPS, "only_if_better": False}
