"""Votes that a taste learns from, one by one and in the order in which they were given."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from typing import Any
from uuid import UUID

from django.db.models import Count

from datasets_app.building.filters import FilterSpec
from datasets_app.building.selection import rating_answers, vote_answers
from datasets_app.models import Dataset

TEMPO_GROUPS = ((90, "slow"), (130, "medium"), (1000, "fast"))
NAMELESS = ""
"""Of raters whose accounts are gone, and of rows that were pooled."""
DECIDED = {"a": 1.0, "b": -1.0, "tie": 0.0}


@dataclass(frozen=True, slots=True)
class Said:
    """An answer on two clips of one text. `lead` is from -1 (the right one is surely better) to 1.

    `prompt` is the text's key, `groups` are its style and tempo in words.
    """

    at: datetime
    left: UUID
    right: UUID
    lead: float
    prompt: str
    rater: str
    groups: tuple[str, ...]
    weight: float = 1.0


def spec_of(filters: Mapping[str, Any], base_model: str) -> FilterSpec:
    """Filters of votes, on clips that this base model made: others are heard with other ears."""
    return FilterSpec.stored({**filters, "base_models": [base_model]})


def votes_of(spec: FilterSpec) -> list[Said]:
    """All votes that the filters let through: comparisons, rankings, tests that are over, and ratings as pairs.

    A rater of reliability r is right with probability (1 + r) / 2, as when datasets are trained on. Of clips of one
    text that somebody rated, any two with different scores are a vote; those of k clips weigh k - 1 together, and what
    the rater said of the two directly stands instead.
    """
    said = list(_compared(spec))
    if rated := list(_rated(spec)):
        known = {(vote.rater, frozenset((vote.left, vote.right))) for vote in said}
        said += [v for v in rated if (v.rater, frozenset((v.left, v.right))) not in known]
    return sorted(said, key=lambda vote: (vote.at, str(vote.left), str(vote.right)))


def most_votes(spec: FilterSpec) -> int:
    """What `votes_of` gives at most, counted by the database without reading a vote: as if a rater gave no two clips of
    a text the same stars, nor compared any they rated.
    """
    compared = vote_answers(spec).exclude(winner="both_bad").count()
    rated = rating_answers(spec).exclude(rater=None).values("rater", "sample__job__prompt__text_key")
    return compared + sum(math.comb(clips, 2) for clips in rated.annotate(n=Count("pk")).values_list("n", flat=True))


def votes_in(dataset: Dataset) -> list[Said]:
    """The rows of a preference dataset that are trained on, each as one vote of nobody in particular."""
    items = dataset.items.filter(split="train", chosen__isnull=False, votes__gte=1)
    rows = items.select_related("chosen", "rejected", "prompt", "dataset").order_by("position")
    found = []
    for item in rows:
        assert item.chosen is not None and item.rejected is not None and item.margin is not None
        lead = min(1.0, item.weight * item.margin / item.votes)
        groups = _groups(item.prompt.style, item.prompt.tempo) if item.prompt else ()
        keys = item.chosen.sample_key, item.rejected.sample_key
        found.append(Said(dataset.created_at, *keys, lead, item.text_key, NAMELESS, groups, weight=float(item.votes)))
    return found


def _compared(spec: FilterSpec) -> Iterator[Said]:
    answers = vote_answers(spec).exclude(winner="both_bad").order_by("created_at", "pk")
    columns = (
        "created_at", "sample_a_id", "sample_b_id", "winner", "reliability", "asked", "rater__username",
        "sample_a__job__prompt__style", "sample_a__job__prompt__tempo",
    )  # fmt: skip
    for at, left, right, winner, reliability, asked, rater, style, tempo in answers.values_list(*columns).iterator():
        lead = DECIDED[winner] * reliability
        yield Said(at, left, right, lead, asked, rater or NAMELESS, _groups(style, tempo))


def _rated(spec: FilterSpec) -> Iterator[Said]:
    columns = (
        "created_at", "sample_id", "score", "reliability", "sample__job__prompt__text_key", "rater__username",
        "sample__job__prompt__style", "sample__job__prompt__tempo",
    )  # fmt: skip
    together = defaultdict(list)
    for row in rating_answers(spec).exclude(rater=None).values_list(*columns).iterator():
        together[row[5], row[4]].append(row)
    for (rater, asked), rows in together.items():
        pairs = [(a, b) for a, b in combinations(rows, 2) if a[2] != b[2]]
        for a, b in pairs:
            lead = a[3] if a[2] > b[2] else -a[3]
            weight = (len(rows) - 1) / len(pairs)
            yield Said(max(a[0], b[0]), a[1], b[1], lead, asked, rater, _groups(a[6], a[7]), weight)


def _groups(style: str, tempo: int | None) -> tuple[str, ...]:
    """As in “style: jazz” and “tempo: slow”."""
    found = [f"style: {style}"] if style else []
    if tempo is not None:
        found.append(f"tempo: {next(name for most, name in TEMPO_GROUPS if tempo < most)}")
    return tuple(found)
