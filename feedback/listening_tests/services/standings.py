"""The leaderboard: all arms of all tests in one order."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, fields, replace
from uuid import UUID
from zlib import crc32

from django.contrib.auth.models import User
from django.core.cache import cache
from django.db.models import Count, Max, Q, QuerySet, Sum

from adapters.models import Adapter
from feedback.listening_tests.services.results import comparisons_of, percent, trusted_votes
from feedback.models import Arm, ListeningTest, Trial
from feedback.statistics.bradley_terry import Leaderboard, Standing, leaderboard
from generation.models import BaseModel

KEEP_SECONDS = 24 * 3600
SHAPE = crc32(repr([field.name for kept in (Leaderboard, Standing) for field in fields(kept)]).encode())
"""Of what is kept: a board kept by a version with other fields is not read."""
ArmKey = tuple[UUID, UUID | None, float]
"""What makes arms of different tests the same: base model, adapter and strength."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the leaderboard, with names."""

    base_model: BaseModel
    adapter: Adapter | None
    strength: float
    standing: Standing

    @property
    def name(self) -> str:
        return str(Arm(base_model=self.base_model, adapter=self.adapter, adapter_strength=self.strength))

    @property
    def expected(self) -> str:
        """The chance to win against the reference, in per cent; a dash where it cannot be told."""
        return percent(self.standing.expected_win_rate)


@dataclass(frozen=True, slots=True)
class Standings:
    rows: list[Row]
    votes: int
    is_connected: bool
    reference: str


def standings(*, actor: User) -> Standings:
    """All arms that were voted on. Curators see every vote but those of sealed tests that go on, others those of tests
    that are over.
    """
    votes = trusted_votes(Trial.objects.counted().filter(test__deleted_at__isnull=True))
    is_over = Q(test__state=ListeningTest.State.COMPLETED)
    votes = votes.filter(is_over | Q(test__sealed=False) if actor.is_staff else is_over)
    active = BaseModel.objects.filter(is_active=True).values_list("pk", flat=True).first()
    board, reference = _computed(votes, active)
    found = [(_key(standing), standing) for standing in board.standings]
    models = BaseModel.objects.in_bulk({base for (base, _, _), _ in found})
    adapters = Adapter.objects.in_bulk({adapter for (_, adapter, _), _ in found if adapter})
    rows = [
        Row(models[base], adapters.get(adapter) if adapter else None, strength, standing)
        for (base, adapter, strength), standing in found
    ]
    named = next((row.name for row in rows if row.standing.arm == reference), "")
    return Standings(rows, board.votes, board.is_connected, named)


def _key(standing: Standing) -> ArmKey:
    """The arm, as `_compute` named it."""
    assert isinstance(standing.arm, tuple)
    return standing.arm


def _computed(votes: QuerySet[Trial], active: UUID | None) -> tuple[Leaderboard, ArmKey | None]:
    """Kept until a vote is added or left out: they take a while to reckon with."""
    state = votes.aggregate(count=Count("pk"), newest=Max("voted_at"), raters=Sum("rater"))
    seen = ":".join(str(value) for value in state.values()).replace(" ", "_")
    key = f"leaderboard:{SHAPE}:{seen}:{active}"
    found: tuple[Leaderboard, ArmKey | None] | None = cache.get(key)
    if found is None:
        found = _compute(votes, active)
        cache.set(key, found, KEEP_SECONDS)
    return found


def _compute(votes: QuerySet[Trial], active: UUID | None) -> tuple[Leaderboard, ArmKey | None]:
    arms: dict[Hashable, ArmKey] = {
        pk: (base, adapter, strength if adapter else 1.0)
        for pk, base, adapter, strength in Arm.objects.order_by().values_list(
            "pk", "base_model", "adapter", "adapter_strength"
        )
    }
    cast = comparisons_of(votes)
    voted = dict.fromkeys(arms[arm] for vote in cast for arm in (vote.arm_a, vote.arm_b))
    comparisons = [replace(vote, arm_a=arms[vote.arm_a], arm_b=arms[vote.arm_b]) for vote in cast]
    reference = _reference(voted, active)
    return leaderboard(comparisons, arms=voted, reference=reference), reference


def _reference(arms: Iterable[ArmKey], active: UUID | None) -> ArmKey | None:
    """The active base model alone, or any base model alone."""
    bases = [arm for arm in arms if arm[1] is None]
    return next((arm for arm in bases if arm[0] == active), bases[0] if bases else None)
