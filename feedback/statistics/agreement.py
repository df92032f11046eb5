"""How far raters agree: Krippendorff's alpha, and plain agreement of pairs of raters."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

RELIABLE, TENTATIVE = 0.8, 0.667
"""Krippendorff's own thresholds for conclusions, firm and tentative (Content Analysis, 2004, section 11.4.2)."""


class Level(StrEnum):
    """The level of measurement, which fixes how far apart two different values are."""

    NOMINAL = "nominal"
    ORDINAL = "ordinal"
    INTERVAL = "interval"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one rater said of one item: a rating 1-5 of a clip, or the winner of a pair of clips."""

    rater: Hashable
    item: Hashable
    value: float | str


@dataclass(frozen=True, slots=True)
class Alpha:
    """Krippendorff's alpha: 1 is perfect agreement, 0 what chance gives, below 0 systematic disagreement.

    `value` is None where alpha is not defined: no item was judged by two raters, or all such values are the same.
    `raters`, `items` and `judgements` count what it stands on: the items judged at least twice.
    """

    value: float | None
    level: Level
    raters: int
    items: int
    judgements: int

    @property
    def sentence(self) -> str:
        """What the value means, for people."""
        if self.items == 0:
            return "No item has been judged by two raters yet."
        if self.value is None:
            return "All raters gave the same value everywhere, so agreement cannot be told from habit."
        if self.value >= RELIABLE:
            return "Raters agree well enough for firm conclusions."
        if self.value >= TENTATIVE:
            return "Raters agree well enough for tentative conclusions."
        return "Raters agree too little to draw conclusions from single answers."


@dataclass(frozen=True, slots=True)
class PairAgreement:
    """Of all pairs of raters who judged the same item, how many gave the same answer. `share` is None without any."""

    agreeing: int
    compared: int

    @property
    def share(self) -> float | None:
        """Agreeing of compared, 0 to 1; not corrected for chance."""
        return self.agreeing / self.compared if self.compared else None


def rating_alpha(judgements: Iterable[Judgement], level: Level = Level.ORDINAL) -> Alpha:
    """Krippendorff's alpha of ratings: ordinal by default, as stars have an order but no fixed distance.

    Source: Krippendorff (2011), Computing Krippendorff's Alpha-Reliability. Missing judgements are allowed. Raises
    `ValueError` when a rater judged an item twice: leave hidden repeats out.
    """
    shared = {item: values for item, values in _by_item(judgements).items() if len(values) > 1}
    domain = sorted({value for values in shared.values() for value in values.values()})
    value = _krippendorff(list(shared.values()), domain, level) if len(domain) > 1 else None
    raters = {rater for values in shared.values() for rater in values}
    return Alpha(value, level, len(raters), len(shared), sum(map(len, shared.values())))


def preference_alpha(judgements: Iterable[Judgement]) -> Alpha:
    """Krippendorff's nominal alpha of answers on pairs of clips; the item is the pair, the value the clip preferred.

    Values must name the clip (or tie), never the side it was shown on. Raises `ValueError` as `rating_alpha` does.
    """
    return preference_alpha_of(_by_item(judgements).values())


def preference_alpha_of(items: Iterable[Mapping[Hashable, float | str]]) -> Alpha:
    """`preference_alpha` of items that come one after the other, each `{rater: value}`: only counts are kept.

    With n_uc answers c among the m_u of item u, and n_c among all n, alpha is
    1 - (n - 1) sum_u (m_u^2 - sum_c n_uc^2) / (m_u - 1) / (n^2 - sum_c n_c^2) (Krippendorff, 2011, section B).
    """
    raters: set[Hashable] = set()
    totals: Counter[float | str] = Counter()
    count, observed = 0, 0.0
    for values in items:
        given = len(values)
        if given < 2:
            continue
        answers = Counter(values.values())
        observed += _unlike(answers) / (given - 1)
        totals.update(answers)
        raters.update(values)
        count += 1
    judged, expected = totals.total(), _unlike(totals)
    value = 1 - (judged - 1) * observed / expected if expected else None
    return Alpha(value, Level.NOMINAL, len(raters), count, judged)


def _unlike(answers: Counter[float | str]) -> int:
    """Ordered pairs of answers that differ."""
    return answers.total() ** 2 - sum(n * n for n in answers.values())


def pair_agreement(judgements: Iterable[Judgement]) -> PairAgreement:
    """The share of agreeing pairs of raters, over all items ("observed agreement" of Fleiss, 1971, before averaging).

    Raises `ValueError` when a rater judged an item twice.
    """
    answers = [Counter(values.values()) for values in _by_item(judgements).values()]
    agreeing = sum(math.comb(count, 2) for counts in answers for count in counts.values())
    return PairAgreement(agreeing, sum(math.comb(counts.total(), 2) for counts in answers))


def _krippendorff(items: list[dict[Hashable, float | str]], domain: list[float | str], level: Level) -> float:
    import krippendorff

    column = {value: index for index, value in enumerate(domain)}
    counts = np.zeros((len(items), len(domain)), dtype=np.int64)
    for row, values in enumerate(items):
        for value in values.values():
            counts[row, column[value]] += 1
    return float(krippendorff.alpha(value_counts=counts, value_domain=domain, level_of_measurement=level.value))


def _by_item(judgements: Iterable[Judgement]) -> dict[Hashable, dict[Hashable, float | str]]:
    """`{item: {rater: value}}`."""
    items: dict[Hashable, dict[Hashable, float | str]] = defaultdict(dict)
    for judgement in judgements:
        if judgement.rater in items[judgement.item]:
            raise ValueError(f"Rater {judgement.rater} judged item {judgement.item} more than once.")
        items[judgement.item][judgement.rater] = judgement.value
    return items
