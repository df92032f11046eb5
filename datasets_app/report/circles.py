"""Circular triads: A preferred to B, B to C, and C to A. Plain Python, nothing of Django."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

Edge: TypeAlias = tuple[Hashable, Hashable]
"""The preferred clip, and the other one."""


@dataclass(slots=True)
class Circles:
    """Of `triads`, the triples of clips all three pairs of which were compared, `circular` have no order."""

    triads: int = 0
    circular: int = 0
    listed: list[tuple[Hashable, Hashable, Hashable]] = field(default_factory=list)

    @property
    def consistency(self) -> float | None:
        """1 when every triad can be put in order, 0 when none can; votes at random give 0.75. None without triads.

        The share of transitive triads; for complete comparisons Kendall & Babington Smith (1940) scale the same count.
        """
        return 1 - self.circular / self.triads if self.triads else None

    def add(self, edges: Iterable[Edge], listed: int) -> None:
        """Count those among `edges`, which share no clip with edges added before; keep up to `listed` by name."""
        beats: dict[Hashable, set[Hashable]] = defaultdict(set)
        compared: dict[Hashable, set[Hashable]] = defaultdict(set)
        for better, worse in edges:
            beats[better].add(worse)
            compared[better].add(worse)
            compared[worse].add(better)
        order = {clip: number for number, clip in enumerate(compared)}
        for a in compared:
            later = [clip for clip in compared[a] if order[clip] > order[a]]
            for b in later:
                for c in compared[b] & compared[a]:
                    if order[c] > order[b]:
                        self._count(a, b, c, beats, listed)

    def _count(self, a: Hashable, b: Hashable, c: Hashable, beats: dict[Hashable, set[Hashable]], listed: int) -> None:
        self.triads += 1
        for first, second, third in ((a, b, c), (a, c, b)):
            if second in beats[first] and third in beats[second] and first in beats[third]:
                self.circular += 1
                if len(self.listed) < listed:
                    self.listed.append((first, second, third))
