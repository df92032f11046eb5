"""Whether the votes suffice to prefer one arm to another, however often somebody looks, stops, or begins anew."""

from __future__ import annotations

import math
from dataclasses import replace

from feedback.listening_tests.services.results import comparisons_of, trusted_votes
from feedback.models import Arm, ListeningTest, Trial
from feedback.statistics.pooling import log_evidence

WANTED = 60.0
"""How much likelier the votes must be if the first arm is better than if the two are equal. Equal arms ever reach 40
with a chance of at most 2.5 %, on average over how far raters and prompts go their own way; 60 keeps that where they go
further than usual (`bench/statistics.py`)."""


def evidence(test: ListeningTest) -> float:
    """How much likelier the votes are if the first arm of a sealed test of two is better than if both are equal.

    All votes ever given on these two in sealed tests count, also those of tests that were closed early or deleted:
    otherwise a test that went badly could be begun again until chance lets it through.
    """
    arm, against = test.arms.order_by("position")
    sealed = ListeningTest.objects.filter(sealed=True)
    for each in (arm, against):
        sealed = sealed.filter(pk__in=Arm.objects.filter(**_sound(each)).values("test"))
    votes = trusted_votes(Trial.objects.counted().filter(test__in=sealed))
    first = set(Arm.objects.filter(**_sound(arm), test__in=sealed).values_list("pk", flat=True))
    told = [
        replace(vote, arm_a="for", arm_b="against")
        if vote.arm_a in first
        else replace(vote, arm_a="against", arm_b="for")
        for vote in comparisons_of(votes)
    ]
    return math.exp(min(log_evidence(told, "for", "against"), 700.0))


def _sound(arm: Arm) -> dict[str, object]:
    """What makes arms of several tests the same."""
    return {"base_model": arm.base_model_id, "adapter": arm.adapter_id, "adapter_strength": arm.adapter_strength}
