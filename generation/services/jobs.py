"""What people do with jobs: send again, cancel, requeue, delete."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from generation.models import AudioSample, Deletion, GenerationJob
from generation.models.jobs import SAMPLING_FIELDS
from generation.services.access import require_owner
from generation.services.deletion import remove_with, rows_with
from generation.services.music import make_music
from generation.signals import samples_deleted
from text2song.exceptions import Forbidden


def retry_job(*, job: GenerationJob, actor: User) -> GenerationJob:
    """Send the same settings, seed included, as a new job."""
    inherited = {name: getattr(job, name) for name in SAMPLING_FIELDS if name != "preset"}
    return make_music(
        actor=actor,
        prompt=job.prompt,
        base_model=job.base_model,
        adapter=job.adapter,
        adapter_strength=job.adapter_strength,
        taste=job.taste,
        keep=job.keep,
        seed=job.seed,
        kind=job.kind,
        source_sample=job.source_sample,
        prefix_seconds=job.prefix_seconds,
        **inherited,
    )


def cancel_job(*, job: GenerationJob, actor: User | None) -> None:
    """Stop a queued or running job; what it had made so far is removed."""
    require_owner(job.requested_by_id, actor, gettext("Only the person who sent a job, or a curator, can cancel it."))
    with transaction.atomic():
        job.cancel()
        samples_deleted.send(AudioSample, samples=job.samples.all())
        partial = list(job.samples.all())
        job.samples.all().delete()
        for sample in partial:
            transaction.on_commit(sample.delete_files)


def requeue_job(*, job: GenerationJob, actor: User | None) -> GenerationJob:
    """Give a failed or cancelled job another chance under its own id, attempts counted anew (curators)."""
    if actor is not None and not actor.is_staff:
        raise Forbidden(gettext("Only curators can requeue a job."))
    with transaction.atomic():
        job.requeue()
        job.wake_worker()
    return job


def delete_job(*, job: GenerationJob, actor: User) -> Deletion:
    """Hide a job, cancelling it first if unfinished; hearts and feedback on its samples go in the same transaction."""
    require_owner(job.requested_by_id, actor, gettext("Only the person who sent a job, or a curator, can delete it."))
    with transaction.atomic():
        if job.is_unfinished:
            cancel_job(job=job, actor=actor)
        samples = AudioSample.objects.filter(job=job)
        deletion = Deletion.objects.create(actor=actor, job=job, removed=rows_with(samples))
        remove_with(samples)
        job.deleted_at = timezone.now()
        job.save(update_fields=["deleted_at"])
    return deletion
