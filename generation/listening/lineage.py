"""Where a sample comes from and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import Prefetch, Q

from generation.models import AudioSample, GenerationJob
from prompts.models import Prompt


@dataclass(frozen=True, slots=True)
class Siblings:
    """The kept samples of one job in the order of their making, seen from one of them, which may be set aside."""

    samples: list[AudioSample]
    previous: AudioSample | None
    next: AudioSample | None


def siblings_of(sample: AudioSample) -> Siblings:
    """The samples of the same job, this one included."""
    shown = Q(set_aside_at__isnull=True) | Q(pk=sample.pk)
    samples = list(AudioSample.objects.visible().filter(shown, job=sample.job_id).order_by("index"))
    before = [other for other in samples if other.index < sample.index]
    after = [other for other in samples if other.index > sample.index]
    return Siblings(samples, before[-1] if before else None, after[0] if after else None)


# -- the family ------------------------------------------------------------------------------------------------------

ANCESTORS, GENERATIONS, MOST_JOBS = 4, 3, 12
"""So far the tree goes up and down, and so many jobs of one generation it shows: the newest."""


@dataclass(slots=True)
class Take:
    """A sample in the family. One that is not `is_shown` was deleted since, and has a name alone."""

    sample: AudioSample
    is_shown: bool
    is_this: bool = False
    went_on: list[Branch] = field(default_factory=list)


@dataclass(slots=True)
class Branch:
    """A job that begins with a take, or with the prompt alone, and the takes it made."""

    job: GenerationJob
    takes: list[Take] = field(default_factory=list)

    @property
    def is_shown(self) -> bool:
        return not self.job.is_deleted


@dataclass(slots=True)
class Family:
    """Where a sample comes from and what came of it, from the prompt down. `is_cut`: there is more than is shown."""

    prompt: Prompt
    root: Branch
    starts_above: bool
    is_cut: bool


def family_of(sample: AudioSample) -> Family:
    """The line of takes up to the prompt, the sample among those of its job, and what was made from it.

    What was deleted stands there where something living came of it. Nothing of a job that is withheld is told; the line
    ends below it. The number of queries depends on depth alone, never on how many relatives there are.
    """
    this = Take(sample, is_shown=True, is_this=True)
    is_cut = _add_descendants(this)
    others = siblings_of(sample).samples
    branch = Branch(sample.job, [this if other.pk == sample.pk else Take(other, is_shown=True) for other in others])
    line = _ancestors(sample)
    for ancestor in line[:ANCESTORS]:
        branch = Branch(ancestor.job, [Take(ancestor, is_visible(ancestor), went_on=[branch])])
    above = branch.job.source_sample_id is not None
    return Family(branch.job.prompt, branch, above, is_cut or above)


def _ancestors(sample: AudioSample) -> list[AudioSample]:
    """The sources of the sample, the nearest first, with their jobs and prompts, in one query."""
    if sample.job.source_sample_id is None:
        return []
    steps = ["job__prompt"]
    for height in range(1, ANCESTORS):
        steps.append("__".join(["job__source_sample"] * height + ["job__prompt"]))
    found: AudioSample | None = (
        AudioSample.objects.select_related(*steps).defer("peaks").get(pk=sample.job.source_sample_id)
    )
    line: list[AudioSample] = []
    while found is not None and len(line) < ANCESTORS and not found.job.withheld:
        line.append(found)
        found = found.job.source_sample if len(line) < ANCESTORS else None
    return line


def _add_descendants(this: Take) -> bool:
    """Hang what was made from a take below it, generation by generation. Whether some of it is left out."""
    is_cut = False
    parents = {this.sample.pk: this}
    for generation in range(GENERATIONS + 1):
        jobs = GenerationJob.objects.filter(withheld=False, source_sample__in=list(parents)).order_by("-created_at")
        if generation == GENERATIONS:  # only whether there is more
            is_cut |= bool(parents) and jobs.undeleted().exists()
            break
        takes = AudioSample.objects.order_by("job", "index").defer("peaks")
        found = list(jobs.prefetch_related(Prefetch("samples", queryset=takes, to_attr="made"))[: MOST_JOBS + 1])
        is_cut |= len(found) > MOST_JOBS
        children: dict[UUID, Take] = {}
        for job in found[:MOST_JOBS]:
            made = job.made  # type: ignore[attr-defined]  # prefetched
            branch = Branch(job, [Take(one, not one.is_deleted and not job.is_deleted) for one in made])
            parents[job.source_sample_id].went_on.append(branch)  # type: ignore[index]  # it has one
            children |= {take.sample.pk: take for take in branch.takes}
        if not children:
            break
        parents = children
    _prune(this)
    return is_cut


def _prune(take: Take) -> None:
    """Leave out what was deleted or set aside and led to nothing that is still there."""
    for branch in take.went_on:
        for child in branch.takes:
            _prune(child)
        branch.takes = [c for c in branch.takes if c.went_on or (c.is_shown and not c.sample.is_set_aside)]
    take.went_on = [branch for branch in take.went_on if branch.takes or branch.is_shown]


def is_visible(sample: AudioSample) -> bool:
    """Whether the sample can be opened. Its job must be loaded with it."""
    return not sample.is_deleted and not sample.job.is_deleted and not sample.job.withheld
