"""What the Create page starts with, from its address and the user's habits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import Q

from adapters.models import Adapter
from adapters.services.tastes import usable_tastes
from generation.models import BaseModel, GenerationDefaults, GenerationJob
from generation.models.jobs import MAX_SAMPLES
from generation.pages.forms import VALUE_FIELDS
from generation.pages.job_cards import cards_for
from prompts.models import Prompt
from prompts.services import apply_template, find_prompt, find_template
from text2song.pages.requests import StudioRequest
from text2song.system_state import memory

RECENT_JOBS = 3
JOBS_OF_PROMPT = 6


def find_job(job_id: str) -> GenerationJob | None:
    """The visible job with this id; None for a deleted, unknown or malformed one (an old bookmark)."""
    try:
        return (
            GenerationJob.objects.visible().select_related("prompt", "base_model", "adapter").filter(pk=job_id).first()
        )
    except (ValidationError, ValueError):
        return None


def earlier_prompt(prompt_id: str) -> Prompt | None:
    """The prompt the page was filled from, if it is still there."""
    return find_prompt(prompt_id) if prompt_id else None


def prompt_to_play(prompt_id: str, values: Mapping[str, Any]) -> Prompt | Mapping[str, Any]:
    """The prompt the page was filled from, if text and attributes are still its own; else `values`, for a new one."""
    prompt = earlier_prompt(prompt_id)
    if prompt and {"text": prompt.text, **prompt.attributes} == {**values, "text": values["text"].strip()}:
        return prompt
    return values


def initial_settings(request: StudioRequest, job: GenerationJob | None) -> dict[str, Any]:
    """The settings of `job` except its seed; else the defaults, with a template's duration where one is applied.

    A duration is cut to what the model can do. `?adapter=` chooses an adapter and its model; otherwise the default
    adapter of the model is chosen.
    """
    defaults = GenerationDefaults.load()
    source = job or defaults
    adapter = job.adapter if job else asked_adapter(request)
    model = job.base_model if job else defaults.model
    if adapter is not None:
        model = adapter.base_model
    elif model is not None and job is None:
        adapter = Adapter.objects.default_of(model)
    settings = {name: getattr(source, name) for name in VALUE_FIELDS}
    settings["model"] = model.key if model else ""
    settings["adapter"] = str(adapter.pk) if adapter else ""
    settings["adapter_strength"] = job.adapter_strength if job else 1.0
    settings |= picked_before(request.user, model, job)
    if template_id := request.GET.get("template"):
        template = find_template(actor=request.user, template_id=template_id)
        settings["duration"] = (template and apply_template(template=template).get("duration")) or settings["duration"]
    if model and not settings["long_form"]:
        settings["duration"] = min(settings["duration"], model.max_duration)
    return settings


def picked_before(user: User, model: BaseModel | None, job: GenerationJob | None) -> dict[str, Any]:
    """Taste, `keep` and how many were made: of `job`, else of the user's last one, whose choice is remembered.

    In place of a taste fitted anew stands its last version. Where it cannot be used now, as many are made as people
    listen to.
    """
    last = job or GenerationJob.objects.visible().filter(requested_by=user, kind=GenerationJob.Kind.PROMPT).first()
    if last is None or last.taste is None:
        return {}
    taste = usable_tastes(user, model).filter(name=last.taste.name).first() if model else None
    if taste is None:
        return {"num_samples": min(last.num_samples, MAX_SAMPLES)} if job else {}
    return {"taste": str(taste.pk), "keep": last.keep, "num_samples": last.num_samples}


def asked_adapter(request: StudioRequest) -> Adapter | None:
    """The active adapter of `?adapter=`; None for any other (an old bookmark)."""
    asked = request.GET.get("adapter")
    try:
        return Adapter.objects.active().with_context().filter(pk=asked).first() if asked else None
    except (ValidationError, ValueError):
        return None


def recent_jobs(user: User, prompt: Prompt | None) -> list[GenerationJob]:
    """Cards to show beside the form: the prompt's newest jobs, else the user's with all that are unfinished."""
    jobs = GenerationJob.objects.visible()
    if prompt is not None:
        return cards_for(user, jobs.filter(prompt=prompt)[:JOBS_OF_PROMPT])
    mine = jobs.filter(requested_by=user)
    newest = list(mine.values_list("pk", flat=True)[:RECENT_JOBS])
    return cards_for(user, mine.filter(Q(pk__in=newest) | Q(state__in=GenerationJob.UNFINISHED)))


def better_model() -> dict[str, Any]:
    """MusicGen Small as the first step from the bundled model, with what is known of it and of this machine.

    `model`, or None where it is here already or unknown; `bytes_total` of its files, once a fetch has asked;
    `fits`: whether its memory is less than the machine's.
    """
    model = BaseModel.objects.filter(key="musicgen-small").first()
    if model is None or model.is_ready:
        return {"model": None}
    fetch = model.fetches.filter(bytes_total__gt=0).first()
    total = memory().total
    return {
        "model": model,
        "bytes_total": fetch.bytes_total if fetch else 0,
        "machine": total,
        "fits": model.memory_gb * 10**9 < total,
    }
