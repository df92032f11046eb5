"""Votes on pairs of clips, as somebody gave them and as arrays to learn from. numpy; neither torch nor Django."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from training.texts import gettext_noop

Floats = npt.NDArray[np.floating]
Places = npt.NDArray[np.intp]

FOLDS = 5
FEWEST_VOTES = 10
FEWEST_PROMPTS = 4
FEWEST_OF_GROUP = 20
"""Votes of a style, a tempo or a rater below which nothing is said of it."""


class NothingToLearn(ValueError):
    """The message says why no taste comes of these votes."""


@dataclass(frozen=True, slots=True)
class Vote:
    """Somebody's answer on two clips, `left` and `right`, by their places among the features.

    `preference` is the probability that the left one is the better one, 0.5 for equals. `prompt` is what the clips have
    in common, `rater` who answered, `groups` what the prompt is besides, such as “style: jazz”.
    """

    left: int
    right: int
    preference: float
    prompt: Hashable
    rater: Hashable
    weight: float = 1.0
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """Votes side by side, `[n]` each; prompts and raters are numbered in the order in which they come."""

    left: Places
    right: Places
    preference: Floats
    weight: Floats
    prompt: Places
    rater: Places
    rater_names: tuple[Hashable, ...]
    groups: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, votes: Sequence[Vote]) -> Table:
        prompts = {name: place for place, name in enumerate(dict.fromkeys(vote.prompt for vote in votes))}
        raters = {name: place for place, name in enumerate(dict.fromkeys(vote.rater for vote in votes))}
        return cls(
            left=np.array([vote.left for vote in votes], dtype=np.intp),
            right=np.array([vote.right for vote in votes], dtype=np.intp),
            preference=np.array([vote.preference for vote in votes], dtype=np.float64),
            weight=np.array([vote.weight for vote in votes], dtype=np.float64),
            prompt=np.array([prompts[vote.prompt] for vote in votes], dtype=np.intp),
            rater=np.array([raters[vote.rater] for vote in votes], dtype=np.intp),
            rater_names=tuple(raters),
            groups=tuple(vote.groups for vote in votes),
        )

    def __len__(self) -> int:
        return len(self.left)

    @property
    def clips(self) -> Places:
        return np.unique(np.concatenate([self.left, self.right]))

    @property
    def said(self) -> Floats:
        """1 where the left clip was preferred, -1 where the right one was, 0 for ties."""
        said: Floats = np.sign(self.preference - 0.5)
        return said

    @property
    def outcome(self) -> Floats:
        """1 where the left clip was preferred, 0 where the right one was, 0.5 for ties: what a taste is to foretell."""
        outcome: Floats = (1 + self.said) / 2
        return outcome

    @property
    def fold(self) -> Places:
        """Of each vote's prompt. Prompts take turns in the order in which they come: no later vote changes one."""
        return self.prompt % FOLDS

    def first(self, count: int) -> Table:
        """The votes before the one at place `count`."""
        names = ("left", "right", "preference", "weight", "prompt", "rater")
        cut = {name: getattr(self, name)[:count] for name in names}
        return replace(self, **cut, groups=self.groups[:count])

    def in_group(self, name: str) -> npt.NDArray[np.bool_]:
        return np.array([name in groups for groups in self.groups], dtype=bool)

    def group_names(self) -> list[str]:
        """Those with enough votes to say something of."""
        names = sorted({name for groups in self.groups for name in groups})
        return [name for name in names if (self.in_group(name) & (self.said != 0)).sum() >= FEWEST_OF_GROUP]

    def busy_raters(self) -> list[int]:
        """Those with enough votes to say something of, when there are several raters."""
        if len(self.rater_names) < 2:
            return []
        counts = np.bincount(self.rater[self.said != 0], minlength=len(self.rater_names))
        return [rater for rater, count in enumerate(counts) if count >= FEWEST_OF_GROUP]


def require_enough(table: Table) -> None:
    """Raises `NothingToLearn` for votes of which nothing can come."""
    decided = table.said != 0
    if not decided.any():
        raise NothingToLearn(gettext_noop("Nobody has preferred one clip to another yet: ties alone tell no taste."))
    prompts = len(set(table.prompt[decided]))
    if prompts < FEWEST_PROMPTS:
        said = gettext_noop(
            "All votes are on %(prompts)s prompts. A taste is tried on prompts it was not fitted on, so votes on at "
            "least %(fewest)s are needed."
        )
        if prompts == 1:
            said = gettext_noop(
                "All votes are on one prompt. A taste is tried on prompts it was not fitted on, so votes on at least "
                "%(fewest)s are needed."
            )
        raise NothingToLearn(said % {"prompts": prompts, "fewest": FEWEST_PROMPTS})
    if decided.sum() < FEWEST_VOTES:
        raise NothingToLearn(
            gettext_noop("There are %(votes)s votes; a taste needs at least %(fewest)s to begin with.")
            % {"votes": decided.sum(), "fewest": FEWEST_VOTES}
        )
