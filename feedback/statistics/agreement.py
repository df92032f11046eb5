"""How far raters agree: Krippendorff's alpha, and plain agreement of pairs of raters."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from generation.texts import gettext_noop

RELIABLE, TENTATIVE = 0.8, 0.667
"""Krippendorff's own thresholds for conclusions, firm and tentative (Content Analysis, 2004, section 11.4.2)."""


class Level(StrEnum):
    """The level of measurement, which fixes how far apart two different values are."""

    NOMINAL = "nominal"
    ORDINAL = "ordinal"
    INTERVAL = "interval"
    RATIO = "ratio"


PAIR_ANSWERS = ("x", "y", "tie", "both_bad")
"""What can be said of a pair: its first or its second clip is better, in whatever order the pair has them."""
MIRRORED = (1, 0, 2, 3)
"""The same answers with the pair's clips in the other order."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one rater said of one item: a rating 1-5 of a clip, or one of `PAIR_ANSWERS` of a pair of clips."""

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
            return gettext_noop("No item has been judged by two raters yet.")
        if self.value is None:
            return gettext_noop("All raters gave the same value everywhere, so agreement cannot be told from habit.")
        if self.value >= RELIABLE:
            return gettext_noop("Raters agree well enough for firm conclusions.")
        if self.value >= TENTATIVE:
            return gettext_noop("Raters agree well enough for tentative conclusions.")
        return gettext_noop("Raters agree too little to draw conclusions from single answers.")


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

    Missing judgements are allowed. Raises `ValueError` when a rater judged an item twice: leave hidden repeats out.
    """
    shared = [values for values in _by_item(judgements).values() if len(values) > 1]
    scale = sorted({value for values in shared for value in values.values()})
    tally = _Tally(scale)
    for values in shared:
        tally.add(values)
    return tally.alpha(tally.kinds, level)


def preference_alpha(judgements: Iterable[Judgement]) -> Alpha:
    """Krippendorff's nominal alpha of answers on pairs of clips; the item is the pair, see `preference_alpha_of`.

    Raises `ValueError` as `rating_alpha` does.
    """
    return preference_alpha_of(_by_item(judgements).values())


def preference_alpha_of(items: Iterable[Mapping[Hashable, float | str]]) -> Alpha:
    """Alpha of pairs that come one after the other, each `{rater: answer}`; only counts are kept.

    Answers are `PAIR_ANSWERS`; anything else is a `ValueError`, clips themselves above all: every pair would have
    categories of its own, which nobody on another pair can choose, and raters who flip coins would seem to agree.
    Which clip of a pair comes first means nothing, so every pair counts in both orders, each half. Chance then gives
    either clip as often as the other, whatever the ids are. A tie and "both bad" are answers of their own: they are
    choices a rater had, and one who ties where another prefers does not agree.
    """
    tally = _Tally(PAIR_ANSWERS)
    for answers in items:
        if len(answers) > 1:
            tally.add(answers)
    both: Counter[tuple[int, ...]] = Counter()
    for counts, times in tally.kinds.items():
        both[counts] += times
        both[tuple(counts[place] for place in MIRRORED)] += times
    return tally.alpha(both, Level.NOMINAL)


class _Tally:
    """Items judged at least twice, those with the same counts of values together: `kinds` is {counts: items}."""

    def __init__(self, scale: Sequence[float | str]) -> None:
        self.scale = scale
        self.kinds: Counter[tuple[int, ...]] = Counter()
        self.raters: set[Hashable] = set()

    def add(self, answers: Mapping[Hashable, float | str]) -> None:
        """One item's `{rater: value}`; raises `ValueError` for a value that is not on the scale."""
        given = Counter(answers.values())
        unknown = given.keys() - set(self.scale)
        if unknown:
            raise ValueError(f"{unknown} is none of the answers {self.scale}.")
        self.kinds[tuple(given[value] for value in self.scale)] += 1
        self.raters.update(answers)

    def alpha(self, kinds: Counter[tuple[int, ...]], level: Level) -> Alpha:
        """Of `kinds`, with what was added as what it stands on."""
        judgements = sum(sum(counts) * items for counts, items in self.kinds.items())
        value = _krippendorff(kinds, self.scale, level)
        return Alpha(value, level, len(self.raters), self.kinds.total(), judgements)


def _krippendorff(kinds: Counter[tuple[int, ...]], scale: Sequence[float | str], level: Level) -> float | None:
    """Alpha of items given as {how often each value of the scale was given: number of such items}.

    With n_uc values c among the m_u of item u, n_c among all n, and squared distances d_ck, alpha is
    1 - (n - 1) sum_u sum_ck n_uc n_uk d_ck / (m_u - 1) / sum_ck n_c n_k d_ck. Source: Krippendorff (2011), Computing
    Krippendorff's Alpha-Reliability, sections C and D.
    """
    if not kinds:
        return None
    counts, items = np.array(list(kinds), dtype=np.float64), np.array(list(kinds.values()))
    totals = items @ counts
    distances = _squared_distances(scale, totals, level)
    unlike = np.einsum("uc,ck,uk->u", counts, distances, counts)
    observed = float(items @ (unlike / (counts.sum(axis=1) - 1)))
    expected = float(totals @ distances @ totals)
    return 1 - (totals.sum() - 1) * observed / expected if expected else None


def _squared_distances(scale: Sequence[float | str], totals: NDArray[np.float64], level: Level) -> NDArray[np.float64]:
    """How far apart every two values are: `[values, values]`."""
    if level is Level.NOMINAL:
        return 1 - np.eye(len(scale))
    if level is Level.ORDINAL:  # values in between, and half of those at either end, by how often they were given
        rank = np.cumsum(totals) - totals / 2
        return (rank[:, None] - rank[None, :]) ** 2
    values = np.array(scale, dtype=np.float64)
    apart = values[:, None] - values[None, :]
    return (apart if level is Level.INTERVAL else apart / (values[:, None] + values[None, :])) ** 2


def pair_agreement(judgements: Iterable[Judgement]) -> PairAgreement:
    """The share of agreeing pairs of raters, over all items ("observed agreement" of Fleiss, 1971, before averaging).

    Raises `ValueError` when a rater judged an item twice.
    """
    answers = [Counter(values.values()) for values in _by_item(judgements).values()]
    agreeing = sum(math.comb(count, 2) for counts in answers for count in counts.values())
    return PairAgreement(agreeing, sum(math.comb(counts.total(), 2) for counts in answers))


def _by_item(judgements: Iterable[Judgement]) -> dict[Hashable, dict[Hashable, float | str]]:
    """`{item: {rater: value}}`."""
    items: dict[Hashable, dict[Hashable, float | str]] = defaultdict(dict)
    for judgement in judgements:
        if judgement.rater in items[judgement.item]:
            raise ValueError(f"Rater {judgement.rater} judged item {judgement.item} more than once.")
        items[judgement.item][judgement.rater] = judgement.value
    return items
