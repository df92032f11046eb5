"""Which samples are still needed. Apps that come later register here what they would miss."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from django.db.models import Exists, OuterRef

from generation.models import Favorite, GenerationJob
from generation.querysets import AudioSampleQuerySet

LeaveOut: TypeAlias = Callable[[AudioSampleQuerySet], AudioSampleQuerySet]
_sources: list[LeaveOut] = []
"""Filled by `needs_samples` while the studio starts, and not changed afterwards."""


def needs_samples(leave_out: LeaveOut) -> LeaveOut:
    """Register a function that leaves out of some samples those that its app still needs (decorator)."""
    _sources.append(leave_out)
    return leave_out


def unneeded(samples: AudioSampleQuerySet) -> AudioSampleQuerySet:
    """Those that nobody hearted, that nothing was built upon, and that no other app needs."""
    hearts = Favorite.objects.filter(sample=OuterRef("pk"))
    built_upon = GenerationJob.objects.filter(source_sample=OuterRef("pk"))
    samples = samples.filter(~Exists(hearts), ~Exists(built_upon))
    for leave_out in _sources:
        samples = leave_out(samples)
    return samples
