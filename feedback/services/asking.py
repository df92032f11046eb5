"""Which two clips to ask a rater about next: a place that an app above fills, who knows what answers are learned from.

Feedback knows that a pair can be proposed, not how it is chosen. Who proposes registers a function while the studio
starts (`training/tastes/asking.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext, gettext_noop

from feedback.models import Preference
from feedback.models.judgements import set_key
from generation.models import AudioSample, GenerationJob


class Reason(StrEnum):
    """Why a pair is asked about."""

    TEACHES = "teaches"
    RANDOM = "random"
    SPREAD = "spread"

    @property
    def in_words(self) -> str:
        return gettext(_WORDS[self])


_WORDS = {
    Reason.TEACHES: gettext_noop("The studio is unsure about these two: your answer teaches it most."),
    Reason.RANDOM: gettext_noop("A random pair, to check that it learns."),
    Reason.SPREAD: gettext_noop("Votes are spread evenly over your prompts and clips."),
}


@dataclass(frozen=True, slots=True)
class Proposal:
    """Two clips by their ids, in no order that means anything, and why they."""

    samples: tuple[UUID, UUID]
    reason: Reason


@dataclass(frozen=True, slots=True)
class PairTurn:
    """Two clips of one prompt as this rater is shown them; nothing tells which one anybody prefers."""

    first: AudioSample
    second: AudioSample
    reason: Reason

    @property
    def key(self) -> str:
        return set_key((self.first.pk, self.second.pk))

    @property
    def samples(self) -> list[AudioSample]:
        return [self.first, self.second]


Proposer = Callable[[User, Collection[str]], Proposal | None]
Registered = TypeVar("Registered", bound=Proposer)
_proposers: list[Proposer] = []
"""One at most. Filled by `proposes_pairs` while the studio starts, and not changed afterwards."""


def proposes_pairs(propose: Registered) -> Registered:
    """Register who proposes pairs (decorator): a function of the rater and of the keys of pairs they passed over."""
    if _proposers:
        raise ImproperlyConfigured("Pairs are proposed already; the queue asks one.")
    _proposers.append(propose)
    return propose


def next_pair(*, rater: User, skipped: Collection[str] = ()) -> PairTurn | None:
    """The pair to ask `rater` about; None where nobody proposes one that they can judge.

    `skipped` are keys of pairs they passed over. The same answers so far bring the same pair, the sides the same too.
    """
    proposal = _proposers[0](rater, skipped) if _proposers else None
    if proposal is None or set_key(proposal.samples) in skipped:
        return None
    return pair_of(rater=rater, proposal=proposal)


def pair_of(*, rater: User, proposal: Proposal) -> PairTurn | None:
    """The two clips as `rater` is shown them; None where one is gone, or they have judged the two already."""
    shown = AudioSample.objects.visible().with_context().filter(job__state=GenerationJob.State.COMPLETED)
    found = {sample.pk: sample for sample in shown.filter(pk__in=proposal.samples)}
    key = set_key(proposal.samples)
    if len(found) < 2 or Preference.objects.filter(rater=rater, pair_key=key).exists():
        return None
    first, second = (found[pk] for pk in _sides(rater, key, proposal.samples))
    return PairTurn(first, second, proposal.reason)


def _sides(rater: User, key: str, samples: tuple[UUID, UUID]) -> list[UUID]:
    """By lot, but always the same for this rater."""
    low, high = sorted(samples)
    drawn = hashlib.sha256(f"{rater.pk} {key}".encode()).digest()[0] % 2
    return [high, low] if drawn else [low, high]
