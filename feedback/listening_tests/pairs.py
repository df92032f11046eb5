"""Pairs of clips, made as the jobs of a test complete."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext

from feedback.listening_tests.gold import make_gold_pair
from feedback.models import Arm, ArmJob, ClipPair, ListeningTest
from generation.exceptions import StorageUnavailable
from generation.models import AudioSample, GenerationJob

State = ListeningTest.State
Clips = dict[tuple[UUID, UUID, int], AudioSample]
"""By prompt, arm and index of the candidate."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a test's clips are: pairs of how many, and jobs by how they stand."""

    pairs: int
    pairs_wanted: int
    jobs_unfinished: int

    @property
    def words(self) -> str:
        return gettext("%(pairs)s/%(wanted)s pairs generated") % {"pairs": self.pairs, "wanted": self.pairs_wanted}

    @property
    def percent(self) -> int:
        return 100 * self.pairs // self.pairs_wanted if self.pairs_wanted else 0


def progress(test: ListeningTest) -> Progress:
    """In four queries."""
    unfinished = ArmJob.objects.filter(arm__test=test, job__state__in=GenerationJob.UNFINISHED).count()
    pairs = test.pairs.filter(kind=ClipPair.Kind.REGULAR).count()
    return Progress(pairs, pairs_wanted(test), unfinished)


def pairs_wanted(test: ListeningTest) -> int:
    """Regular pairs when every job has completed: each two arms, on every candidate of every prompt."""
    return math.comb(test.arms.count(), 2) * test.suite.items.count() * test.samples_per_prompt


def collect_pairs(test: ListeningTest) -> int:
    """Pair what has been generated since the last look, add gold pairs, and open the test when its jobs have ended.

    Safe to run at the same time in several processes. Returns how many regular pairs are new.
    """
    clips = _clips(test)
    arms = list(test.arms.all())
    before = test.pairs.filter(kind=ClipPair.Kind.REGULAR).count()
    ClipPair.objects.bulk_create(_missing(test, arms, clips), ignore_conflicts=True)
    after = test.pairs.filter(kind=ClipPair.Kind.REGULAR).count()
    if after and _add_gold(test, arms, clips):
        _advance(test)
    return after - before


def _clips(test: ListeningTest) -> Clips:
    """Finished clips that were not deleted."""
    samples = AudioSample.objects.filter(
        job__arm_job__arm__test=test,
        job__state=GenerationJob.State.COMPLETED,
        job__deleted_at__isnull=True,
        deleted_at__isnull=True,
    ).select_related("job__arm_job", "job__prompt")
    return {(s.job.arm_job.prompt_id, s.job.arm_job.arm_id, s.index): s for s in samples}


def _missing(test: ListeningTest, arms: list[Arm], clips: Clips) -> list[ClipPair]:
    known = set(test.pairs.filter(kind=ClipPair.Kind.REGULAR).values_list("sample_x", "sample_y"))
    found = []
    for prompt, index in sorted({(prompt, index) for prompt, _, index in clips}):
        for x, y in combinations(arms, 2):
            one, other = clips.get((prompt, x.pk, index)), clips.get((prompt, y.pk, index))
            if one is None or other is None or (one.pk, other.pk) in known:
                continue
            found.append(
                ClipPair(test=test, prompt_id=prompt, index=index, arm_x=x, arm_y=y, sample_x=one, sample_y=other)
            )
    return found


def gold_wanted(test: ListeningTest) -> int:
    """As many as one rater who judges every pair meets; none for a test without gold."""
    if not test.gold_share:
        return 0
    return math.ceil(pairs_wanted(test) * test.gold_share / (1 - test.gold_share - test.repeat_share))


def _add_gold(test: ListeningTest, arms: list[Arm], clips: Clips) -> bool:
    """Damage clips of all arms in turn, so that none is met intact more often than another.

    False when the store does not answer: the test goes on generating, and the next look tries again.
    """
    existing = list(test.pairs.filter(kind=ClipPair.Kind.GOLD).values_list("sample_x", flat=True))
    by_arm: dict[UUID, list[AudioSample]] = defaultdict(list)
    for (_, arm_id, _), sample in sorted(clips.items()):
        if sample.pk not in existing and sample.loudness_lufs is not None:
            by_arm[arm_id].append(sample)
    for number in range(len(existing), gold_wanted(test)):
        arm = arms[number % len(arms)]
        if not by_arm[arm.pk]:
            break
        try:
            make_gold_pair(test, arm, by_arm[arm.pk].pop(0))
        except StorageUnavailable:
            return False
    return True


def _advance(test: ListeningTest) -> None:
    """generating -> active when nothing is being made any more."""
    generating = ListeningTest.objects.filter(pk=test.pk, state=State.GENERATING)
    generating.filter(opened_at__isnull=True).update(opened_at=timezone.now())
    unfinished = GenerationJob.objects.unfinished().filter(arm_job__arm__test=test)
    if not unfinished.exists():
        generating.update(state=State.ACTIVE)
    test.refresh_from_db(fields=["state", "opened_at"])


def collect_all() -> None:
    """Every open test whose clips are still being made, or are not paired yet."""
    for test in ListeningTest.objects.open().filter(state=State.GENERATING):
        collect_pairs(test)
