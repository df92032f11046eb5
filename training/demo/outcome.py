"""What a walk round the loop found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np

from adapters.models import Taste
from training.config import Method
from training.demo.tastes import Taste as RaterTaste
from training.models import Promotion
from training.quality.guards import Guards


@dataclass(frozen=True, slots=True)
class Measured:
    """Means of the taste's measure over the clips of the blind test, and the 95 % interval of what was gained.

    Clips of one prompt are alike, so the interval is of the prompts' mean gains (Student's t).
    """

    adapted: float
    base: float
    gain_low: float
    gain_high: float

    @classmethod
    def of(cls, adapted: Mapping[UUID, Sequence[float]], base: Mapping[UUID, Sequence[float]]) -> Measured:
        """From the clips' measures by prompt, at least two prompts."""
        from scipy.stats import ttest_1samp

        gains = [np.mean(adapted[prompt]) - np.mean(base[prompt]) for prompt in base]
        interval = ttest_1samp(gains, 0.0).confidence_interval(0.95)
        means = [float(np.mean([value for values in arm.values() for value in values])) for arm in (adapted, base)]
        return cls(means[0], means[1], float(interval.low), float(interval.high))

    @property
    def gain(self) -> float:
        return self.adapted - self.base


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the demo found: the adapter's win rate against its base in the blind test, and what it cost."""

    taste: RaterTaste
    method: Method
    seed: int
    votes: int
    learned: Taste | None
    promotion: Promotion
    measured: Measured
    seconds: dict[str, float]

    @property
    def guards(self) -> Guards:
        return Guards.from_mapping(self.promotion.guards)

    @property
    def judgements(self) -> str:
        return "Votes it was trained on" if self.method is Method.DPO else "Ratings it was trained on"

    def to_mapping(self) -> dict[str, Any]:
        return {
            "taste": self.taste.name,
            "method": self.method.value,
            "seed": self.seed,
            "votes": self.votes,
            "learned": _learned(self.learned),
            "test_votes": self.promotion.votes,
            "win_rate": self.promotion.win_rate,
            "win_rate_low": self.promotion.win_rate_low,
            "win_rate_high": self.promotion.win_rate_high,
            "measure": self.measured.adapted,
            "base_measure": self.measured.base,
            "gain_low": self.measured.gain_low,
            "gain_high": self.measured.gain_high,
            "seconds": round(sum(self.seconds.values()), 1),
            "guards": self.guards.to_mapping(),
        }

    def table(self) -> list[str]:
        """The evidence as lines of text."""
        found, guards, measured = self.promotion, self.guards, self.measured
        gain = f"{measured.gain:.3g} (95 % interval {measured.gain_low:.3g} to {measured.gain_high:.3g})"
        interval = f"{found.win_rate_low:.1%} to {found.win_rate_high:.1%}, {found.votes} votes"
        rows = {
            "Taste of the synthetic rater": self.taste.likes,
            self.judgements: f"{self.votes}",
            "Taste learned from them": _learned_in_words(self.learned),
            "Adapter": str(found.adapter),
            "Win rate against the base, blind": f"{found.win_rate:.1%} ({interval})",
            "The taste's measure, beside the base's": f"{measured.adapted:.4g}, {measured.base:.4g}: gained {gain}",
            **{guard.name: f"{guard.value}, {guard.base} ({guard.limit})" for guard in guards.guards},
            "Guards": "hold" if guards.hold else " ".join(guards.problems),
            "Promotion": f"{found.get_outcome_display()}. {found.reason}",
            "Time": ", ".join(f"{stage} {seconds:.0f} s" for stage, seconds in self.seconds.items()),
        }
        width = max(map(len, rows))
        return [f"{name:<{width}}  {value}" for name, value in rows.items()]


def _learned(taste: Taste | None) -> dict[str, Any] | None:
    """A taste's figures as JSON values."""
    if taste is None:
        return None
    return {"usable": taste.is_usable, **{name: taste.report[name] for name in ("accuracy", "lower", "votes_wanted")}}


def _learned_in_words(taste: Taste | None) -> str:
    if taste is None:
        return "none, the votes alone"
    used = "labels pairs nobody heard" if taste.is_usable else "not usable, so the votes alone"
    return f"{taste.accuracy['value']:.0%} of votes on other prompts predicted; {used}"
