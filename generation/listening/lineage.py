"""Where a sample comes from and what came of it."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q

from generation.models import AudioSample, GenerationJob


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


def descendants_of(sample: AudioSample) -> list[GenerationJob]:
    """Jobs that continue or vary the sample, newest first, each with its `visible_samples`."""
    return list(GenerationJob.objects.visible().filter(source_sample=sample).with_samples())


def is_visible(sample: AudioSample) -> bool:
    """Whether the sample can be opened. Its job must be loaded with it."""
    return not sample.is_deleted and not sample.job.is_deleted and not sample.job.withheld
