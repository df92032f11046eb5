"""Templates: the shipped ones for everybody, and one's own."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import trigger_client_event

from prompts import services
from prompts.exceptions import SystemTemplate
from prompts.models import PromptTemplate
from prompts.pages.editing import group_templates, preview_context
from prompts.pages.forms import ATTRIBUTE_FIELDS, TemplateForm
from prompts.pages.writing import writing_url
from text2song.exceptions import DomainError
from text2song.pages.confirm import confirm_page
from text2song.pages.requests import StudioRequest
from text2song.refusals import refuse_choice


@require_safe
def template_list(request: StudioRequest) -> HttpResponse:
    """System templates by category, then "My templates"; `?category=` shows one category."""
    templates = PromptTemplate.objects.available_to(request.user)
    if refused := refuse_choice(request, "category", PromptTemplate.Category.values):
        return refused
    if chosen := request.GET.get("category", ""):
        templates = templates.filter(category=chosen)
    groups = group_templates(templates)
    context = {
        "groups": [group for group in groups if group.system],
        "own": [template for group in groups for template in group.own],
        "categories": PromptTemplate.Category.choices,
        "chosen": chosen,
        "limit": PromptTemplate.MAX_PER_USER,
    }
    return render(request, "prompts/template_list.html", context)


@require_POST
def template_from_editor(request: StudioRequest) -> HttpResponse:
    """The template form, filled with what the prompt editor holds; nothing is stored yet."""
    sent = TemplateForm(request.POST, instance=_of(request))
    if not sent.text_used:
        messages.error(request, gettext("Write a text first: a template needs one."))
        return _nothing(request) if request.htmx else redirect(writing_url())
    values = sent.typed_values | {"duration": sent["duration"].value()}
    form = TemplateForm(initial=values | {"category": _category_for(values["style"])}, instance=_of(request))
    return _form_page(request, form, title=gettext("Save as template"), action=reverse("template-create"))


@require_http_methods(["GET", "HEAD", "POST"])
def template_create(request: StudioRequest) -> HttpResponse:
    """Store a template of one's own."""
    form = TemplateForm(request.POST or None, instance=_of(request))
    if form.is_valid():
        try:
            template = services.save_template(actor=request.user, **form.cleaned_data)
        except DomainError as error:
            form.add_error("name" if error.status == 409 else None, error.message)
        else:
            return _saved(request, template)
    return _form_page(request, form, title=gettext("New template"), action=reverse("template-create"))


@require_http_methods(["GET", "HEAD", "POST"])
def template_edit(request: StudioRequest, template_id: uuid.UUID) -> HttpResponse:
    """Change a template of one's own; curators may change system ones."""
    template = get_object_or_404(PromptTemplate.objects.available_to(request.user), pk=template_id)
    _require_editable(request, template)
    form = TemplateForm(request.POST or None, instance=template)
    if form.is_valid():
        try:
            services.update_template(actor=request.user, template=template, **form.cleaned_data)
        except DomainError as error:
            form.add_error("name" if error.status == 409 else None, error.message)
        else:
            return _saved(request, template)
    return _form_page(request, form, title=gettext("Edit template"), action=request.path)


@require_POST
def template_copy(request: StudioRequest, template_id: uuid.UUID) -> HttpResponse:
    """Make a copy of one's own, and open it."""
    template = get_object_or_404(PromptTemplate.objects.available_to(request.user), pk=template_id)
    try:
        copy = services.duplicate_template(actor=request.user, template=template)
    except DomainError as error:
        messages.error(request, error.message)
        return redirect("templates")
    messages.success(
        request, gettext("“%(copy_name)s” is yours now; change it as you like.") % {"copy_name": copy.name}
    )
    return redirect("template-edit", template_id=copy.pk)


@require_http_methods(["GET", "HEAD", "POST"])
def template_delete(request: StudioRequest, template_id: uuid.UUID) -> HttpResponse:
    """Ask, then delete for good; prompts made from it stay."""
    template = get_object_or_404(PromptTemplate.objects.available_to(request.user), pk=template_id)
    _require_editable(request, template)
    if request.method == "POST":
        services.delete_template(actor=request.user, template=template)
        messages.success(
            request, gettext("The template “%(template_name)s” is deleted.") % {"template_name": template.name}
        )
        return redirect("templates")
    return confirm_page(
        request,
        title=gettext("Delete the template “%(template_name)s”?") % {"template_name": template.name},
        text=gettext("Prompts made from it stay as they are."),
        losses=[gettext("The template “%(template_name)s”, for good") % {"template_name": template.name}],
        confirm_label=gettext("Delete template"),
        cancel_url=reverse("templates"),
    )


def _of(request: StudioRequest) -> PromptTemplate:
    return PromptTemplate(owner=request.user)


def _category_for(style: str) -> str:
    """A first guess at the category: the one called like the style, if there is one."""
    return style if style in PromptTemplate.Category.values else ""


def _form_page(request: StudioRequest, form: TemplateForm, *, title: str, action: str) -> HttpResponse:
    context: dict[str, Any] = preview_context(form) | {"form": form, "title": title, "action": action}
    if request.htmx:
        context["carried"] = _carried(form)
    name = "prompts/_template_dialog.html" if request.htmx else "prompts/template_form.html"
    return render(request, name, context)


def _saved(request: StudioRequest, template: PromptTemplate) -> HttpResponse:
    messages.success(
        request,
        gettext("“%(template_name)s” is saved and can be picked under “Start from a template”.")
        % {"template_name": template.name},
    )
    if not request.htmx:
        return redirect("templates")
    return trigger_client_event(_nothing(request), "template-saved")


def _nothing(request: StudioRequest) -> HttpResponse:
    """An empty dialog, with the messages."""
    return render(request, "prompts/_messages_only.html")


def _carried(form: TemplateForm) -> list[tuple[str, Any]]:
    """What the editor holds, as hidden fields of the dialog."""
    pairs = []
    for name in (*ATTRIBUTE_FIELDS, "duration"):
        value = form[name].value()
        pairs += [(name, item) for item in (value if isinstance(value, list) else [value]) if item not in (None, "")]
    return pairs


def _require_editable(request: StudioRequest, template: PromptTemplate) -> None:
    """403 for users at system templates; the same rule as in the services."""
    if not services.may_edit_template(actor=request.user, template=template):
        raise PermissionDenied(SystemTemplate().message)
