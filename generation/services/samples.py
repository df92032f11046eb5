"""What people do with samples: go on from them, vary them, delete them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from generation.jobs.long_form import LONG_FORM_MAX_SECONDS
from generation.models import AudioSample, Deletion, GenerationJob
from generation.models.jobs import SAMPLING_FIELDS
from generation.services.access import require_owner
from generation.services.deletion import delete_samples, remove_with
from generation.services.music import make_music
from text2song.exceptions import Refused

EXTENDED, VARIED = 2, 3
"""How many new clips there are where nobody says how many."""


def usual_extension(sample: AudioSample) -> int:
    """Seconds that are added where nobody says how many: as many as it has, as far as clips go; 0 for none."""
    most = max(0, LONG_FORM_MAX_SECONDS - round(sample.duration))
    return min(most, max(1, round(sample.duration)))


def usual_beginning(sample: AudioSample) -> float:
    """Seconds that relatives keep where nobody says how many: a quarter, at most two."""
    return round(max(0.1, min(2.0, sample.duration / 4)), 1)


def extend_sample(
    *, sample: AudioSample, actor: User, seconds: int, num_samples: int = EXTENDED, **once: str
) -> GenerationJob:
    """Continue a clip by `seconds`: every candidate begins with the whole of it.

    `once` are the `idempotency_` arguments of `make_music`.
    """
    duration = round(sample.duration) + seconds
    if seconds < 1 or duration > LONG_FORM_MAX_SECONDS:
        most = LONG_FORM_MAX_SECONDS - round(sample.duration)
        message = gettext("A clip of %(duration)s s can be extended by 1 to %(most)s s, not %(seconds)s s.") % {
            "duration": round(sample.duration),
            "most": most,
            "seconds": seconds,
        }
        raise Refused(message, fields={"seconds": [message]})
    return _relative(
        sample,
        actor=actor,
        kind=GenerationJob.Kind.EXTENSION,
        prefix_seconds=sample.duration,
        duration=duration,
        num_samples=num_samples,
        once=once,
    )


def vary_sample(
    *, sample: AudioSample, actor: User, keep_seconds: float, num_samples: int = VARIED, **once: str
) -> GenerationJob:
    """Make relatives of a clip: each keeps its first `keep_seconds` and goes its own way from there.

    `once` are the `idempotency_` arguments of `make_music`.
    """
    if not 0.1 <= keep_seconds <= sample.duration - 0.5:
        message = gettext("Keep between 0.1 and %(value)s s of this clip, not %(keep_seconds)s s.") % {
            "value": f"{sample.duration - 0.5:.1f}",
            "keep_seconds": f"{keep_seconds:g}",
        }
        raise Refused(message, fields={"keep_seconds": [message]})
    return _relative(
        sample,
        actor=actor,
        kind=GenerationJob.Kind.VARIATION,
        prefix_seconds=keep_seconds,
        duration=round(sample.duration),
        num_samples=num_samples,
        once=once,
    )


def _relative(
    sample: AudioSample, *, actor: User, duration: int, once: Mapping[str, str], **changes: Any
) -> GenerationJob:
    job = sample.job
    inherited: dict[str, Any] = {
        name: getattr(job, name) for name in SAMPLING_FIELDS if name not in {"preset", *changes}
    }
    inherited |= {"duration": duration, "long_form": duration > job.base_model.max_duration}
    return make_music(
        actor=actor,
        prompt=job.prompt,
        base_model=job.base_model,
        adapter=job.adapter,
        adapter_strength=job.adapter_strength,
        source_sample=sample,
        **{**once, **inherited, **changes},
    )


def rename_sample(*, sample: AudioSample, actor: User, title: str) -> None:
    """Call a sample by `title` (up to 100 characters, in one line); without one it is called by its prompt."""
    words = gettext("Only the person who made a sample, or a curator, can rename it.")
    require_owner(sample.job.requested_by_id, actor, words)
    sample.title = " ".join("".join(sign if sign.isprintable() else " " for sign in title).split())
    sample.clean_fields(exclude=[f.name for f in sample._meta.fields if f.name != "title"])
    sample.save(update_fields=["title"])


def delete_sample(*, sample: AudioSample, actor: User) -> Deletion:
    """Hide a sample; hearts and feedback on it go too. What was done can be undone for a while."""
    return delete_samples(samples=[sample], actor=actor)


def hide_sample(sample: AudioSample) -> None:
    """Delete a sample for good, for whoever may."""
    with transaction.atomic():
        remove_with(AudioSample.objects.filter(pk=sample.pk))
        sample.deleted_at = timezone.now()
        sample.save(update_fields=["deleted_at"])
