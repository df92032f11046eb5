"""Pairs of a round's clips that its owner has yet to judge, and which of them comes next.

In a first round votes are spread evenly. Once the owner has a taste of this base model, pairs come whose answers are
expected to tell most of it, chosen as the listening queue chooses (`training.tastes.asking`). A quarter of all pairs is
set aside by a lot that no taste has a say in, and a quarter of the turns is theirs: votes on these alone say how far an
earlier taste still holds (`training.rounds.story.agreement`), since on the others it was unsure by choice.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from uuid import UUID

import numpy as np

from feedback.models import Preference
from feedback.models.judgements import set_key
from feedback.querysets import PreferenceQuerySet
from feedback.services.asking import PairTurn, Reason
from generation.models import AudioSample
from generation.querysets import AudioSampleQuerySet
from training.rounds.models import Round
from training.tastes.asking import heard_of, most_telling
from training.trainer.asking import RANDOM_SHARE


@dataclass(frozen=True)
class Pair:
    """Two different clips of one prompt, in the order in which they are heard."""

    prompt: UUID
    left: UUID
    right: UUID

    @cached_property
    def key(self) -> str:
        """As preferences name it."""
        return set_key((self.left, self.right))


def is_by_lot(key: str) -> bool:
    """Whether the pair of this key is of those set aside, a quarter (`RANDOM_SHARE`) whatever the clips sound like."""
    return int(key[-4:], 16) < RANDOM_SHARE * 0x10000


def choose(open_pairs: Sequence[Pair], given: Sequence[Pair]) -> Pair | None:
    """The pair by which votes are spread most evenly, of those not judged yet; `given` are. None when there is none.

    The prompt with the fewest votes comes first, of it the clips that were compared least; what is equal then is in an
    order that looks random and is the same each time, so that a page can be loaded again. A choice by what votes would
    tell saves next to nothing in a first round's hundred votes (`bench/asking.py`).
    """
    prompts = Counter(pair.prompt for pair in given)
    clips = Counter(clip for pair in given for clip in (pair.left, pair.right))

    def order(pair: Pair) -> tuple[int, int, str]:
        return prompts[pair.prompt], clips[pair.left] + clips[pair.right], pair.key

    return min(open_pairs, key=order, default=None)


def next_pair(round_: Round) -> PairTurn | None:
    """The two clips that the owner is asked about next, with their context, and why they; None when all are judged.

    The same answers so far, and the same clips, bring the same pair.
    """
    judged = set(answers(round_).values_list("pair_key", flat=True))
    pairs = all_pairs(round_)
    open_pairs, given = [p for p in pairs if p.key not in judged], [p for p in pairs if p.key in judged]
    chosen, reason = _by_taste(round_, open_pairs, given) or (choose(open_pairs, given), Reason.SPREAD)
    if chosen is None:
        return None
    found = clips_of(round_).with_context().in_bulk([chosen.left, chosen.right])
    return PairTurn(found[chosen.left], found[chosen.right], reason)


def _by_taste(round_: Round, open_pairs: Sequence[Pair], given: Sequence[Pair]) -> tuple[Pair, Reason] | None:
    """By lot, or the pair that tells most; None without a taste, and where nothing is left of what was heard."""
    if round_.owner is None or not round_.own_tastes().exists():
        return None
    clips = heard_of(clips_of(round_), round_.base_model)
    by_lot = choose([pair for pair in open_pairs if is_by_lot(pair.key)], given)
    rng = np.random.default_rng([round_.owner.pk, round_.number, len(given)])
    if clips and by_lot and rng.random() < RANDOM_SHARE:
        return by_lot, Reason.RANDOM
    chooseable = {pair.key: pair for pair in open_pairs if not is_by_lot(pair.key)}
    done = {pair.key for pair in (*open_pairs, *given)} - chooseable.keys()
    proposal = most_telling(round_.owner, round_.base_model, clips, done, random_share=0.0)
    chosen = chooseable.get(set_key(proposal.samples)) if proposal else None
    return (chosen, Reason.TEACHES) if chosen else None


def open_count(round_: Round) -> int:
    """How many pairs there are yet to judge."""
    judged = set(answers(round_).values_list("pair_key", flat=True))
    return sum(pair.key not in judged for pair in all_pairs(round_))


def all_pairs(round_: Round) -> list[Pair]:
    """Any two clips of a prompt that do not sound the same, each pair once."""
    by_prompt: dict[UUID, list[tuple[UUID, str]]] = defaultdict(list)
    for prompt, clip, sha256 in clips_of(round_).order_by("pk").values_list("job__prompt", "pk", "sha256"):
        by_prompt[prompt].append((clip, sha256))
    return [
        _sided(prompt, one[0], other[0])
        for prompt, clips in by_prompt.items()
        for one, other in combinations(clips, 2)
        if one[1] != other[1]
    ]


def _sided(prompt: UUID, one: UUID, other: UUID) -> Pair:
    """Which is heard first goes by the pair, and not by which was made first."""
    swapped = set_key((one, other))[0] in "01234567"
    return Pair(prompt, other, one) if swapped else Pair(prompt, one, other)


def clips_of(round_: Round) -> AudioSampleQuerySet:
    """Its clips that can be heard."""
    return AudioSample.objects.visible().filter(job__in=round_.jobs.filter(state="completed").order_by().values("pk"))


def answers(round_: Round) -> PreferenceQuerySet:
    """What its owner said of its clips, wherever they said it."""
    if round_.owner_id is None:
        return Preference.objects.none()
    jobs = round_.jobs.order_by().values("pk")
    said = Preference.objects.filter(rater=round_.owner_id, sample_a__job__in=jobs, sample_b__job__in=jobs)
    return said.order_by()


def votes_given(round_: Round) -> int:
    """Answers that something can be learned from: all but “both bad”."""
    return answers(round_).exclude(winner=Preference.Winner.BOTH_BAD).count()
