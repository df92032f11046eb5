"""Create: a prompt, its settings, and the candidates that come of them."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe
from django_htmx.http import reswap, retarget

from generation.models import GenerationJob
from generation.pages.create_page import (
    better_model,
    earlier_prompt,
    find_job,
    initial_settings,
    prompt_to_play,
    recent_jobs,
)
from generation.pages.forms import GenerationForm
from generation.pages.job_cards import announced, cards_for
from generation.pages.settings_line import settings_line
from generation.services import make_music
from prompts.examples import EXAMPLE_BY_KEY, EXAMPLES
from prompts.pages.editing import editor_context, form_for, values_of
from prompts.pages.forms import PromptForm
from text2song.exceptions import DomainError
from text2song.pages.forms import add_refusal
from text2song.pages.requests import StudioRequest

ASKED = {"prompt", "job", "template", "adapter", "draft"}
"""What an address may ask the page to be filled from. Where it asks for nothing, a draft of the browser may stand."""


@require_http_methods(["GET", "HEAD", "POST"])
def create(request: StudioRequest) -> HttpResponse:
    """The page, filled as the address asks (`?prompt=`, `?template=`, `?job=`); by POST, a new job."""
    if request.method == "POST":
        return _play_example(request) if "example" in request.POST else _submit(request)
    job = find_job(request.GET.get("job", ""))
    prompt_form = PromptForm(initial=values_of(job.prompt)) if job else form_for(request)
    form = GenerationForm(initial=initial_settings(request, job), user=request.user)
    prompt = job.prompt if job else earlier_prompt(request.GET.get("prompt", ""))
    context = _context(request, prompt_form, form, str(prompt.pk) if prompt else "")
    context |= {"jobs": recent_jobs(request.user, prompt), "plain": not ASKED & request.GET.keys()}
    if not GenerationJob.objects.visible().filter(requested_by=request.user).exists():
        context |= {"examples": EXAMPLES, "model": form.chosen_model, "better": better_model()}
    return render(request, "generation/create.html", context)


def _play_example(request: StudioRequest) -> HttpResponse:
    """Make music of one of the prompts to begin with, as the page is set when nothing was chosen on it."""
    example = EXAMPLE_BY_KEY.get(request.POST["example"])
    if example is None:
        raise Http404(gettext("There is no such example."))
    settings = initial_settings(request, None)
    model, adapter = settings.pop("model"), settings.pop("adapter")
    try:
        job = make_music(
            actor=request.user,
            prompt=example.values,
            base_model=model or None,
            adapter=adapter or None,
            idempotency_key=_key(request),
            **settings,
        )
    except (DomainError, ValidationError) as error:
        messages.error(request, error.message if isinstance(error, DomainError) else " ".join(error.messages))
        return redirect("create")
    return redirect("job-detail", job_id=job.pk)


def _submit(request: StudioRequest) -> HttpResponse:
    prompt_form, form = PromptForm(request.POST), GenerationForm(request.POST, user=request.user)
    prompt_id = request.POST.get("prompt_id", "")
    if all([prompt_form.is_valid(), form.is_valid()]):  # both are asked, so that every mistake shows at once
        try:
            job = make_music(
                actor=request.user,
                prompt=prompt_to_play(prompt_id, prompt_form.cleaned_data),
                idempotency_key=_key(request),
                **form.values,
            )
        except (DomainError, ValidationError) as error:
            add_refusal(form, error)
        else:
            return _created(request, job)
    context = _context(request, prompt_form, form, prompt_id) | {"refused": True}
    if not request.htmx:
        context["jobs"] = recent_jobs(request.user, None)
        return render(request, "generation/create.html", context, status=400)
    response = render(request, "generation/_create_form.html", context)
    return reswap(retarget(response, "#create-form"), "outerHTML show:none")  # type: ignore[arg-type]  # with a modifier


def _created(request: StudioRequest, job: GenerationJob) -> HttpResponse:
    if not request.htmx:
        return redirect("job-detail", job_id=job.pk)
    job = cards_for(request.user, GenerationJob.objects.filter(pk=job.pk))[0]
    context = {"job": job, "view": "create", "token": uuid4().hex, "prompt_id": job.prompt_id}
    if request.POST.get("refused"):  # the form still shows what was wrong before
        context |= _context(
            request, PromptForm(request.POST), GenerationForm(request.POST, user=request.user), str(job.prompt_id)
        )
    return announced(render(request, "generation/_created.html", context), job)


def _context(request: StudioRequest, prompt_form: PromptForm, form: GenerationForm, prompt_id: str) -> dict[str, Any]:
    return editor_context(prompt_form, request.user, form["model"].value() or "") | {
        "form": form,
        "plan": form.plan,
        "picked": form.picked,
        "settings_line": settings_line(form),
        "token": uuid4().hex,
        "prompt_id": prompt_id,
    }


def _key(request: StudioRequest) -> str:
    """The same page sent twice with the same content is one job; changed content is another."""
    token = request.POST.get("token", "")[:64]
    if not token:
        return ""
    names = sorted(set(request.POST) - {"csrfmiddlewaretoken", "refused"})
    content = repr([(name, request.POST.getlist(name)) for name in names])
    return f"{token}:{hashlib.sha256(content.encode()).hexdigest()}"


@require_safe
def plan(request: StudioRequest) -> HttpResponse:
    """What is set, and how its duration will be made: its windows, a warning, or that it is over the limit."""
    form = GenerationForm(request.GET, user=request.user)
    context = {"plan": form.plan, "picked": form.picked, "settings_line": settings_line(form)}
    return render(request, "generation/_plan_answer.html", context)
