"""Does a rater, or a whole test, prefer the clip that was shown first?"""

from __future__ import annotations

from dataclasses import dataclass

from feedback.statistics.proportions import binomial_p, wilson_interval


@dataclass(frozen=True, slots=True)
class PositionBias:
    """The share of decided votes for the clip shown first: 0.5 is no bias.

    `share` and `p_value` are None without decided votes; the interval is then (0, 1).
    """

    first: int
    second: int
    share: float | None
    low: float
    high: float
    p_value: float | None

    @property
    def is_biased(self) -> bool:
        """Whether the 95 % interval leaves out one half."""
        return not self.low <= 0.5 <= self.high

    @property
    def certain_share(self) -> float:
        """The least share of answers, 0 to 1, that must have followed the side rather than the sound.

        A rater who lets the side decide a share b of the answers, and is fair in the rest, chooses that side in
        (1 + b) / 2 of all. This is b at the end of the interval nearer to one half: 0 until a bias is certain.
        """
        return max(0.0, 2 * self.low - 1, 1 - 2 * self.high)


def estimate(first: int, second: int) -> PositionBias:
    """From decided votes for the clip shown first and second, whatever the arms. Ties favour no side: leave them out.

    The estimate needs sides to be counterbalanced, so that without a bias each side wins half of the votes.
    Wilson's interval and the exact binomial p. Raises `ValueError` for negative counts.
    """
    if min(first, second) < 0:
        raise ValueError("Counts of votes cannot be negative.")
    total = first + second
    low, high = wilson_interval(first, total)
    return PositionBias(first, second, first / total if total else None, low, high, binomial_p(first, second))
