"""What a rater can answer about a pair, and a comparison of two arms made of it."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias

Arm: TypeAlias = Hashable
"""Whatever names an arm: a primary key, a string; anything hashable."""


class Outcome(StrEnum):
    """The four answers; the values are those stored with a preference."""

    A = "a"
    B = "b"
    TIE = "tie"
    BOTH_BAD = "both_bad"

    @property
    def score(self) -> float | None:
        """Of A: 1, 0, or a half for a tie. None for "both bad", which says nothing about which is better."""
        return {Outcome.A: 1.0, Outcome.B: 0.0, Outcome.TIE: 0.5}.get(self)


SWAPPED = {Outcome.A: Outcome.B, Outcome.B: Outcome.A, Outcome.TIE: Outcome.TIE, Outcome.BOTH_BAD: Outcome.BOTH_BAD}


@dataclass(frozen=True, slots=True)
class Comparison:
    """One vote on clips of two arms, or `weight` equal ones.

    `weight` >= 0 is the rater's reliability (or a number of votes counted together). `rater` and `prompt` name what
    makes votes alike; those without a name count as of one.
    """

    arm_a: Arm
    arm_b: Arm
    outcome: Outcome
    weight: float = 1.0
    rater: Hashable | None = None
    prompt: Hashable | None = None

    def __post_init__(self) -> None:
        if self.arm_a == self.arm_b:
            raise ValueError("An arm cannot be compared with itself.")
        if not self.weight >= 0:
            raise ValueError("A weight cannot be negative.")

    @property
    def pair(self) -> frozenset[Arm]:
        """The two arms, in no order."""
        return frozenset((self.arm_a, self.arm_b))

    @property
    def turned(self) -> Comparison:
        """The same vote, told from the other arm."""
        return replace(self, arm_a=self.arm_b, arm_b=self.arm_a, outcome=SWAPPED[self.outcome])
