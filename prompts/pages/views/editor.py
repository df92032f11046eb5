"""Fragments of the prompt editor. Without HTMX they keep the draft and lead back to the page it was written on."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe
from django_htmx.http import trigger_client_event

from prompts import services
from prompts.models import PromptTemplate
from prompts.pages.editing import editor_context, group_templates, keep_draft, preview_context
from prompts.pages.forms import ATTRIBUTE_FIELDS, PromptForm
from prompts.pages.writing import writing_url
from text2song.pages.requests import StudioRequest


@require_http_methods(["GET", "HEAD", "POST"])
def preview(request: StudioRequest) -> HttpResponse:
    """What the model would read and what the coach says, after `add`ing one thing where asked."""
    data = with_addition(request.POST if request.method == "POST" else request.GET)
    form = PromptForm(data)
    form.is_valid()
    if request.htmx:
        if not form.text_used:
            form.errors.pop("text", None)  # somebody who has not started yet has made no mistake
        context = preview_context(form, data.get("model", "")) | {"bare": data.get("bare")}
        return render(request, "prompts/_preview_answer.html", context)
    keep_draft(request, form.typed_values)
    return redirect(writing_url(draft=1))


def with_addition(data: QueryDict) -> QueryDict:
    """The editor's fields with what `add=<field>:<value>` asks for; anything malformed changes nothing."""
    field, _, value = data.get("add", "").partition(":")
    if field not in ATTRIBUTE_FIELDS or not value:
        return data
    data = data.copy()
    if field == "primary_instruments":
        for slug in value.split(","):
            data[f"role-{slug}"] = "primary"
    else:
        data[field] = value
    return data


@require_safe
def template_picker(request: StudioRequest) -> HttpResponse:
    """The editor's cards of templates, asked for again when one was saved."""
    templates = group_templates(PromptTemplate.objects.available_to(request.user))
    return render(request, "prompts/_template_choices.html", {"templates_by_category": templates})


@require_safe
def apply_template(request: StudioRequest, template_id: uuid.UUID) -> HttpResponse:
    """The editor filled from a template; everything stays editable."""
    template = get_object_or_404(PromptTemplate.objects.available_to(request.user), pk=template_id)
    if not request.htmx:
        return redirect(writing_url(template=template.pk))
    values: dict[str, Any] = services.apply_template(template=template)
    duration = values.pop("duration", None)
    context = editor_context(PromptForm(initial=values), request.user, request.GET.get("model", ""))
    response = render(request, "prompts/_editor_body.html", context)
    return trigger_client_event(
        response, "template-applied", {"duration": duration, "name": template.shown_name}, after="settle"
    )
