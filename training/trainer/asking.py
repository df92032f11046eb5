"""What to ask next: of the pairs that somebody could compare, the one whose answer tells most of their taste.

Under the taste that a person's votes so far leave open, an answer is worth what it is expected to tell of the head:
BALD (Houlsby, Huszár, Ghahramani & Lengyel, 2011, arXiv:1112.5745), the entropy of the answer less the entropy it keeps
if the head were known. The head's posterior is a normal one about the fitted head (Laplace's approximation). A pair
whose answer is expected anyway tells little, and so does one that resembles those asked before: every pair adds to the
posterior's precision as a vote on it would, before it has been answered, so several chosen at once differ in direction
(a greedy D-optimal design: Fedorov, 1972; Chaloner & Verdinelli, 1995, Stat. Sci. 10, 273-304).

Without any vote the posterior is the prior, and the same rule brings the pairs that lie farthest apart, each in
another direction. A share of pairs is drawn by lot among all: votes on these tell how good a taste is on pairs such as
come, and keep it from asking only about what it has doubted already.

The evidence by which a taste opens the gate (`training.trainer.evidence.Bets`) stays valid however pairs are chosen: a
pair is chosen before its vote, by nothing that comes later, and a bet is on whether the vote is as was foretold. To a
taste that knows nothing every such bet is fair. `bench/asking.py` tries it.

numpy alone: neither torch nor Django.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from training.trainer.heads import posterior
from training.trainer.votes import Floats, Places, Table, Vote

RANDOM_SHARE = 0.25
"""Of pairs that are drawn by lot."""
PENALTY = 0.1
"""Of a head of whose taste nothing is known yet."""
EQUAL = 0.02
"""Of the median square distance of a pair: clips that are closer are one to anybody's ears."""
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(15)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


class Reason(StrEnum):
    """Why a pair is asked about."""

    TEACHES = "teaches"
    RANDOM = "random"


@dataclass(frozen=True, slots=True)
class Pairs:
    """What could be asked: clips by their places `[m]` among the points, and what each pair's clips have in common."""

    left: Places
    right: Places
    prompt: npt.NDArray[np.generic]

    def __len__(self) -> int:
        return len(self.left)

    def only(self, kept: npt.NDArray[np.generic]) -> Pairs:
        return Pairs(self.left[kept], self.right[kept], self.prompt[kept])


@dataclass(frozen=True, slots=True)
class Asked:
    """`place` is the pair's among those given."""

    place: int
    reason: Reason


def pairs_of(prompts: Sequence[Hashable]) -> Pairs:
    """Any two of the clips `[N]` that stand for the same prompt."""
    names = {name: number for number, name in enumerate(dict.fromkeys(prompts))}
    numbers = np.array([names[name] for name in prompts], dtype=np.intp)
    left, right = np.triu_indices(len(numbers), 1)
    same = numbers[left] == numbers[right]
    return Pairs(left[same], right[same], numbers[left[same]])


def next_pairs(
    points: Floats,
    pairs: Pairs,
    votes: Sequence[Vote],
    *,
    count: int = 1,
    penalty: float = PENALTY,
    random_share: float = RANDOM_SHARE,
    seed: int = 0,
) -> list[Asked]:
    """Up to `count` of `pairs`, in the order in which to ask them. Fewer where no others differ to the ear.

    `points` `[N, C]` are clips by the components of a space (`training.trainer.heads.Space`), `votes` what was said so
    far, by places among them; `penalty` is the head's. The same arguments give the same pairs.
    """
    rng = np.random.default_rng(seed)
    design = points[pairs.left] - points[pairs.right]
    open_ = _audible(design)
    head, precision = _known(points, votes, penalty)
    covariance = np.linalg.inv(precision)
    margin = design @ head
    chosen: list[Asked] = []
    while len(chosen) < count and open_.any():
        by_lot = rng.random() < random_share
        spread = np.einsum("mp,pq,mq->m", design, covariance, design, optimize=True)
        told = information(margin, spread)
        worth = rng.random(len(pairs)) if by_lot else told
        place = int(np.argmax(np.where(open_, worth, -np.inf)))
        chosen.append(Asked(place, Reason.RANDOM if by_lot else Reason.TEACHES))
        open_[place] = False
        covariance = _with_vote_on(design[place], margin[place], covariance)
    return chosen


def information(margin: Floats, spread: Floats) -> Floats:
    """What an answer is expected to tell of the head, in bits, of margins and their variances `[m]` (BALD)."""
    margins = margin[:, None] + np.sqrt(np.maximum(spread, 0))[:, None] * NODES
    chance = _chance(margins)
    return _entropy(chance @ WEIGHTS) - _entropy(chance) @ WEIGHTS


def _chance(margin: Floats) -> Floats:
    chance: Floats = 0.5 * (1 + np.tanh(margin / 2))
    return chance


def _entropy(chance: Floats) -> Floats:
    """Of a yes or no, in bits."""
    sure = np.clip(chance, 1e-12, 1 - 1e-12)
    entropy: Floats = -(sure * np.log2(sure) + (1 - sure) * np.log2(1 - sure))
    return entropy


def _audible(design: Floats) -> npt.NDArray[np.bool_]:
    """Pairs `[m]` whose clips differ by more than a trace; of equal ones no answer could tell anything."""
    distance = (design**2).sum(axis=1)
    audible: npt.NDArray[np.bool_] = distance > max(1e-9, EQUAL * float(np.median(distance))) if len(design) else []
    return np.array(audible, dtype=bool)


def _known(points: Floats, votes: Sequence[Vote], penalty: float) -> tuple[Floats, Floats]:
    """The head and its precision, by the votes so far."""
    if not votes:
        return np.zeros(points.shape[1]), penalty * np.eye(points.shape[1])
    table = Table.of(votes)
    return posterior(points[table.left] - points[table.right], table, penalty)


def _with_vote_on(difference: Floats, margin: float, covariance: Floats) -> Floats:
    """The covariance once this pair will have been answered, whatever the answer (Sherman & Morrison, 1950)."""
    chance = float(_chance(np.array(margin)))
    weight = chance * (1 - chance)
    moved = covariance @ difference
    smaller: Floats = covariance - weight * np.outer(moved, moved) / (1 + weight * difference @ moved)
    return smaller
