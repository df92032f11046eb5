"""Make music: a prompt and the job for it, both or neither. Every door that sends a job does it here."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, TypedDict, Unpack
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext

from adapters.models import Adapter, Taste
from adapters.services.selection import find_adapter, require_selectable
from adapters.services.tastes import find_taste, require_usable
from generation.exceptions import ActiveJobQuota, DurationOverLimit, IdempotencyKeyReused, SampleNotFound
from generation.jobs.best_of import refusals
from generation.jobs.long_form import LONG_FORM_MAX_SECONDS
from generation.jobs.presets import SAMPLING_KEYS, Preset, preset_of
from generation.models import AudioSample, BaseModel, GenerationJob
from generation.models.jobs import MAX_SEED
from generation.services.base_models import model_for
from prompts.models import Prompt
from prompts.services import create_prompt, find_prompt
from text2song.exceptions import Conflict, NotFound, Refused

DEFAULT_SECONDS = 10


class JobSettings(TypedDict, total=False):
    """What else is chosen for a job. What is left out is as the fields of `GenerationJob` say."""

    num_samples: int
    keep: int | None
    long_form: bool
    temperature: float
    top_k: int
    top_p: float
    guidance_scale: float
    adapter_strength: float
    kind: str
    prefix_seconds: float | None
    withheld: bool


def make_music(
    *,
    actor: User | None,
    prompt: Prompt | UUID | Mapping[str, Any],
    base_model: BaseModel | str | None = None,
    preset: Preset | None = None,
    adapter: Adapter | UUID | str | None = None,
    taste: Taste | UUID | str | None = None,
    source_sample: AudioSample | UUID | str | None = None,
    duration: int | None = None,
    seed: int | None = None,
    idempotency_key: str = "",
    idempotency_digest: str = "",
    in_queue: bool = True,
    **settings_: Unpack[JobSettings],
) -> GenerationJob:
    """Store a queued job and wake a worker. A job that is refused leaves no new prompt behind.

    - `actor`: whose job it is; None is the studio itself, which has no quota.
    - `prompt`: a stored one or its id, or the values of a new one, as `create_prompt` takes them.
    - `base_model`: one or its key. Without, it is the source sample's, the preset's choice, or the active one.
    - `preset`: sets what is drawn from; values given beside it win.
    - `adapter`: one, its id, or `NAME@VERSION`. `source_sample`: one, or its id.
    - `taste`: who puts the clips in order: one, its id, `NAME` (its last version) or `NAME@VERSION`. With it there may
      be more of them, and of `num_samples` only the `keep` best are kept, the others set aside.
    - `duration`: seconds; without, 10 or the model's limit if that is less. `seed`: drawn at random without.
    - `idempotency_key`: sent again by the same actor, it gives the first job, and nothing is stored.
      `idempotency_digest` is of the request: with another one the key is refused.
    - `in_queue`: False for a caller that runs the job in its own process: no quota is asked and no worker woken.

    Raises `ValidationError` (values out of range), `NotFound`, `UnknownModel`, `DurationOverLimit`, `ModelNotReady`,
    `AdapterNotFound`, `AdapterNotSelectable`, `TasteNotFound`, `TasteNotUsable`, `ActiveJobQuota`,
    `IdempotencyKeyReused`, `Conflict`, `Refused`.
    """
    with transaction.atomic():
        if earlier := _first_of_key(actor, idempotency_key, idempotency_digest):
            return earlier
        source = _found_sample(source_sample)
        model = _chosen_model(base_model, preset, source)
        sampling = preset.sampling if preset else {}
        job = GenerationJob(
            requested_by=actor,
            base_model=model,
            adapter=find_adapter(adapter) if isinstance(adapter, UUID | str) else adapter,
            taste=find_taste(taste) if isinstance(taste, UUID | str) else taste,
            source_sample=source,
            prompt=_usable_prompt(actor, prompt),
            duration=min(DEFAULT_SECONDS, model.max_duration) if duration is None else duration,
            seed=random.SystemRandom().randint(0, MAX_SEED) if seed is None else seed,
            idempotency_key=idempotency_key,
            idempotency_digest=idempotency_digest,
            **(sampling | settings_),
        )
        _complete(job)
        if in_queue:
            _keep_quota(actor)
        job.save(force_insert=True)
        if in_queue:
            job.wake_worker()
    return job


# -- what was named -----------------------------------------------------------------------------------------------


def _usable_prompt(actor: User | None, prompt: Prompt | UUID | Mapping[str, Any]) -> Prompt:
    if isinstance(prompt, Mapping):
        return create_prompt(actor=actor, **prompt)
    found = find_prompt(prompt) if isinstance(prompt, UUID) else prompt
    if found is None:
        raise NotFound(gettext("There is no prompt %(prompt)s.") % {"prompt": prompt})
    if found.is_deleted:
        raise NotFound(gettext("This prompt was deleted."))
    return found


def _found_sample(sample: AudioSample | UUID | str | None) -> AudioSample | None:
    if sample is None or isinstance(sample, AudioSample):
        return sample
    try:
        return AudioSample.objects.visible().with_context().get(pk=sample)
    except (AudioSample.DoesNotExist, ValidationError) as error:
        raise SampleNotFound(gettext("There is no sample %(sample)s.") % {"sample": sample}) from error


def _chosen_model(model: BaseModel | str | None, preset: Preset | None, source: AudioSample | None) -> BaseModel:
    if isinstance(model, BaseModel):
        return model
    if model is None and source is not None:
        return source.job.base_model  # only it can go on from the sample
    if model is None and preset is not None and (chosen := preset.model_among(BaseModel.objects.all())):
        return chosen
    return model_for(model)


# -- what a job has to be --------------------------------------------------------------------------------------------


def _complete(job: GenerationJob) -> None:
    """Check a job that is not stored yet, and write what follows from its other values."""
    _check_duration(job)
    exclude = ["prompt", "base_model", "adapter", "taste", "requested_by"]
    job.full_clean(exclude=exclude, validate_constraints=False)
    if wrong := refusals(num_samples=job.num_samples, keep=job.keep, has_taste=job.taste is not None):
        raise ValidationError(wrong)
    job.preset = preset_of({key: getattr(job, key) for key in SAMPLING_KEYS})
    _check_source(job)
    if job.adapter is None:
        job.adapter_strength = 1.0  # says nothing without an adapter, and shall not differ between equal jobs
    else:
        require_selectable(job.adapter, job.base_model)
    if job.taste is not None:
        require_usable(job.taste, job.base_model, job.requested_by)
    job.base_model.spec()  # raises when the files are not here


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
                raise _refused(
                    name,
                    gettext("A job of kind “prompt” has no %(name)s; say kind “extension” or “variation”.")
                    % {"name": name},
                )
        return
    source, seconds = job.source_sample, job.prefix_seconds
    if source is None or seconds is None:
        name = "source_sample" if source is None else "prefix_seconds"
        raise _refused(name, gettext("A job of kind “%(kind)s” needs a %(name)s.") % {"kind": job.kind, "name": name})
    most = min(source.duration, job.duration - 0.1)
    if not 0.1 <= seconds <= most:
        raise _refused(
            "prefix_seconds",
            gettext("prefix_seconds must be from 0.1 to %(most)s s here, not %(seconds)s s.")
            % {"most": f"{most:g}", "seconds": f"{seconds:g}"},
        )
    if source.job.base_model_id != job.base_model_id:
        made_with = source.job.base_model
        raise _refused(
            "model",
            gettext("The source sample was made with %(made_with_key)s; only that model can go on from it.")
            % {"made_with_key": made_with.key},
        )


def _refused(field: str, message: str) -> Refused:
    return Refused(message, fields={field: [message]})


# -- how many, and how often ----------------------------------------------------------------------------------------


def _keep_quota(actor: User | None) -> None:
    if actor is None:
        return
    limit = settings.MAX_ACTIVE_JOBS_PER_USER
    _lock_submissions(actor)  # two requests at once must not pass the limit together
    if GenerationJob.objects.unfinished().filter(requested_by=actor).count() >= limit:
        raise ActiveJobQuota(limit)


def _first_of_key(actor: User | None, key: str, digest: str) -> GenerationJob | None:
    """The job `actor` sent with this idempotency key, if any. Of requests at once, the first is alone.

    Raises `Conflict` when it was deleted since, `IdempotencyKeyReused` when it was another request.
    """
    if not key:
        return None
    if actor is not None:
        _lock_submissions(actor)
    job = GenerationJob.objects.filter(requested_by=actor, idempotency_key=key).first()
    if job is not None and job.is_deleted:
        raise Conflict(gettext("The job sent with this idempotency key was deleted. Use a new key for a new job."))
    if job is not None and "" not in (digest, job.idempotency_digest) and digest != job.idempotency_digest:
        raise IdempotencyKeyReused
    return job


def _lock_submissions(actor: User) -> None:
    """Whatever else `actor` sends at once waits for the end of this transaction."""
    get_user_model().objects.select_for_update().get(pk=actor.pk)
