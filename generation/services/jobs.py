"""What people do with generation. Pages, API, admin and commands call these; the actor is always named."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from adapters.models import Adapter
from adapters.services.selection import require_selectable
from generation.exceptions import ActiveJobQuota, DurationOverLimit, IdempotencyKeyReused, UnknownModel
from generation.jobs.long_form import LONG_FORM_MAX_SECONDS
from generation.jobs.presets import SAMPLING_KEYS, preset_of
from generation.models import AudioSample, BaseModel, Favorite, GenerationJob
from generation.models.jobs import MAX_SEED, SAMPLING_FIELDS
from generation.signals import samples_deleted
from prompts.models import Prompt
from text2song.exceptions import Conflict, Forbidden, NotFound, Refused


def model_for(key: str | None) -> BaseModel:
    """The base model called `key`, or the active one; an unknown key is refused with the known ones."""
    models = {model.key: model for model in BaseModel.objects.all()}
    if key:
        if key not in models:
            raise UnknownModel(key, sorted(models))
        return models[key]
    active = next((model for model in models.values() if model.is_active), None)
    if active is None:
        raise UnknownModel("(none active)", sorted(models))
    return active


def submit_job(
    *,
    actor: User | None,
    prompt: Prompt,
    base_model: BaseModel | None = None,
    adapter: Adapter | None = None,
    seed: int | None = None,
    idempotency_key: str = "",
    idempotency_digest: str = "",
    **settings_: Any,
) -> GenerationJob:
    """Store a queued job and wake a worker. The same `idempotency_key` of the same actor gives the first job again.

    `idempotency_digest` is of the request: with another one the key is refused (`IdempotencyKeyReused`).
    Raises `ValidationError` (fields out of range), `DurationOverLimit`, `ModelNotReady`, `AdapterNotSelectable`,
    `ActiveJobQuota`.
    """
    if idempotency_key and (earlier := job_of_key(actor, idempotency_key, idempotency_digest)):
        return earlier
    job = build_job(actor=actor, prompt=prompt, base_model=base_model, adapter=adapter, seed=seed, **settings_)
    job.idempotency_key, job.idempotency_digest = idempotency_key, idempotency_digest
    try:
        with transaction.atomic():
            _keep_quota(actor)
            job.save(force_insert=True)
            job.wake_worker()
    except IntegrityError:
        if idempotency_key and (earlier := job_of_key(actor, idempotency_key, idempotency_digest)):
            return earlier
        raise
    return job


def build_job(
    *,
    actor: User | None,
    prompt: Prompt,
    base_model: BaseModel | None = None,
    adapter: Adapter | None = None,
    seed: int | None = None,
    **settings_: Any,
) -> GenerationJob:
    """A validated job that is not stored yet."""
    if prompt.is_deleted:
        raise NotFound("This prompt was deleted.")
    job = GenerationJob(
        requested_by=actor,
        prompt=prompt,
        base_model=base_model or model_for(None),
        adapter=adapter,
        seed=random.SystemRandom().randint(0, MAX_SEED) if seed is None else seed,
        **settings_,
    )
    _check_duration(job)
    job.full_clean(exclude=["prompt", "base_model", "adapter", "requested_by"], validate_constraints=False)
    job.preset = preset_of({key: getattr(job, key) for key in SAMPLING_KEYS})
    _check_source(job)
    if job.adapter is None:
        job.adapter_strength = 1.0  # says nothing without an adapter, and shall not differ between equal jobs
    else:
        require_selectable(job.adapter, job.base_model)
    job.base_model.spec()  # raises when the files are not here
    return job


def _check_duration(job: GenerationJob) -> None:
    """Told first and in the model's terms; what is no whole number is left to the field."""
    limit = LONG_FORM_MAX_SECONDS if job.long_form else job.base_model.max_duration
    if isinstance(job.duration, int) and job.duration > limit:
        raise DurationOverLimit(job.duration, limit, job.base_model.display_name, long_form=job.long_form)


def _check_source(job: GenerationJob) -> None:
    """A job made from its prompt alone has no source; the others begin with a part of a clip of the same model."""
    if job.kind == GenerationJob.Kind.PROMPT:
        for name in ("source_sample", "prefix_seconds"):
            if getattr(job, name) is not None:
                raise _refused(name, f"A job of kind “prompt” has no {name}; say kind “extension” or “variation”.")
        return
    source, seconds = job.source_sample, job.prefix_seconds
    if source is None or seconds is None:
        name = "source_sample" if source is None else "prefix_seconds"
        raise _refused(name, f"A job of kind “{job.kind}” needs a {name}.")
    most = min(source.duration, job.duration - 0.1)
    if not 0.1 <= seconds <= most:
        raise _refused("prefix_seconds", f"prefix_seconds must be from 0.1 to {most:g} s here, not {seconds:g} s.")
    if source.job.base_model_id != job.base_model_id:
        made_with = source.job.base_model
        raise _refused("model", f"The source sample was made with {made_with.key}; only that model can go on from it.")


def _refused(field: str, message: str) -> Refused:
    return Refused(message, fields={field: [message]})


def _keep_quota(actor: User | None) -> None:
    limit = settings.MAX_ACTIVE_JOBS_PER_USER
    if actor is None:
        return
    lock_submissions(actor)  # two requests at once must not pass the limit together
    if GenerationJob.objects.unfinished().filter(requested_by=actor).count() >= limit:
        raise ActiveJobQuota(limit)


def lock_submissions(actor: User) -> None:
    """Within a transaction: whatever else `actor` sends at once waits for its end."""
    get_user_model().objects.select_for_update().get(pk=actor.pk)


def first_of_key(actor: User, key: str, digest: str = "") -> GenerationJob | None:
    """`job_of_key` within a transaction, before anything is stored: of requests at once, the first is alone."""
    if not key:
        return None
    lock_submissions(actor)
    return job_of_key(actor, key, digest)


def job_of_key(actor: User | None, key: str, digest: str = "") -> GenerationJob | None:
    """The job `actor` sent with this idempotency key, if any.

    Raises `Conflict` when it was deleted since, `IdempotencyKeyReused` when it was another request.
    """
    job = GenerationJob.objects.filter(requested_by=actor, idempotency_key=key).first()
    if job is not None and job.is_deleted:
        raise Conflict("The job sent with this idempotency key was deleted. Use a new key for a new job.")
    if job is not None and "" not in (digest, job.idempotency_digest) and digest != job.idempotency_digest:
        raise IdempotencyKeyReused
    return job


# -- relatives of a sample --------------------------------------------------------------------------------------


def extend_sample(
    *, sample: AudioSample, actor: User, seconds: int, num_samples: int = 2, **once: str
) -> GenerationJob:
    """Continue a clip by `seconds`: every candidate begins with the whole of it.

    `once` are the `idempotency_` arguments of `submit_job`.
    """
    duration = round(sample.duration) + seconds
    if seconds < 1 or duration > LONG_FORM_MAX_SECONDS:
        most = LONG_FORM_MAX_SECONDS - round(sample.duration)
        message = f"A clip of {round(sample.duration)} s can be extended by 1 to {most} s, not {seconds} s."
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
    *, sample: AudioSample, actor: User, keep_seconds: float, num_samples: int = 3, **once: str
) -> GenerationJob:
    """Make relatives of a clip: each keeps its first `keep_seconds` and goes its own way from there.

    `once` are the `idempotency_` arguments of `submit_job`.
    """
    if not 0.1 <= keep_seconds <= sample.duration - 0.5:
        message = f"Keep between 0.1 and {sample.duration - 0.5:.1f} s of this clip, not {keep_seconds:g} s."
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
    sample: AudioSample, *, actor: User, duration: int, once: Mapping[str, Any], **changes: Any
) -> GenerationJob:
    job = sample.job
    inherited = {name: getattr(job, name) for name in SAMPLING_FIELDS if name not in {"preset", *changes}}
    inherited |= {"duration": duration, "long_form": duration > job.base_model.max_duration}
    return submit_job(
        actor=actor,
        prompt=job.prompt,
        base_model=job.base_model,
        adapter=job.adapter,
        adapter_strength=job.adapter_strength,
        source_sample=sample,
        **once,
        **(inherited | changes),
    )


# -- jobs ---------------------------------------------------------------------------------------------------------


def retry_job(*, job: GenerationJob, actor: User) -> GenerationJob:
    """Send the same settings, seed included, as a new job."""
    inherited = {name: getattr(job, name) for name in SAMPLING_FIELDS if name != "preset"}
    return submit_job(
        actor=actor,
        prompt=job.prompt,
        base_model=job.base_model,
        adapter=job.adapter,
        adapter_strength=job.adapter_strength,
        seed=job.seed,
        kind=job.kind,
        source_sample=job.source_sample,
        prefix_seconds=job.prefix_seconds,
        **inherited,
    )


def cancel_job(*, job: GenerationJob, actor: User) -> None:
    """Stop a queued or running job; what it had made so far is removed."""
    _own(job.requested_by_id, actor, "Only the person who sent a job, or a curator, can cancel it.")
    with transaction.atomic():
        job.cancel()
        samples_deleted.send(AudioSample, samples=job.samples.all())
        partial = list(job.samples.all())
        job.samples.all().delete()
        for sample in partial:
            transaction.on_commit(sample.delete_files)


def requeue_job(*, job: GenerationJob, actor: User) -> GenerationJob:
    """Give a failed or cancelled job another chance under its own id, attempts counted anew (curators)."""
    if not actor.is_staff:
        raise Forbidden("Only curators can requeue a job.")
    with transaction.atomic():
        job.requeue()
        job.wake_worker()
    return job


def delete_job(*, job: GenerationJob, actor: User) -> None:
    """Hide a job, cancelling it first if unfinished; hearts and feedback on its samples go in the same transaction."""
    _own(job.requested_by_id, actor, "Only the person who sent a job, or a curator, can delete it.")
    with transaction.atomic():
        if job.is_unfinished:
            cancel_job(job=job, actor=actor)
        Favorite.objects.filter(sample__job=job).delete()
        samples_deleted.send(AudioSample, samples=job.samples.all())
        job.deleted_at = timezone.now()
        job.save(update_fields=["deleted_at"])


def delete_sample(*, sample: AudioSample, actor: User) -> None:
    """Hide a sample; hearts and feedback on it go too."""
    _own(sample.job.requested_by_id, actor, "Only the person who made a sample, or a curator, can delete it.")
    with transaction.atomic():
        sample.favorites.all().delete()
        samples_deleted.send(AudioSample, samples=AudioSample.objects.filter(pk=sample.pk))
        sample.deleted_at = timezone.now()
        sample.save(update_fields=["deleted_at"])


def _own(owner_id: int | None, actor: User, otherwise: str) -> None:
    if owner_id != actor.pk and not actor.is_staff:
        raise Forbidden(otherwise)
