"""Evaluation suites: everybody reads them, curators make and freeze them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from prompts import services
from prompts.models import Prompt, PromptSuite
from prompts.pages.forms import SuiteForm
from text2song.exceptions import DomainError
from text2song.pages.confirm import confirm_page
from text2song.pages.forms import add_refusal
from text2song.pages.requests import StudioRequest
from text2song.words import parse_words

SUGGESTIONS = 10


def curators_only(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """403 for anyone but curators."""

    @wraps(view)
    def checked(request: StudioRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_staff:
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return checked


@require_safe
def suite_list(request: StudioRequest) -> HttpResponse:
    return render(request, "prompts/suite_list.html", {"suites": PromptSuite.objects.with_counts()})


@require_safe
def suite_detail(request: StudioRequest, suite_id: uuid.UUID) -> HttpResponse:
    """The suite's prompts in order; for curators of an open one, also prompts to add, by `?q=` words."""
    suite = get_object_or_404(PromptSuite.objects.select_related("created_by"), pk=suite_id)
    context: dict[str, Any] = {"suite": suite, "items": suite.items.select_related("prompt")}
    if request.user.is_staff and not suite.is_frozen:
        words = parse_words(request.GET.get("q", ""))
        others = Prompt.objects.visible().exclude(suites=suite).matching(words)
        context |= {"editable": True, "others": others[:SUGGESTIONS], "words": words, "q": request.GET.get("q", "")}
    return render(request, "prompts/suite_detail.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@curators_only
def suite_create(request: StudioRequest) -> HttpResponse:
    form = SuiteForm(request.POST or None)
    if suite := _saved(form, lambda **values: services.create_suite(actor=request.user, **values)):
        messages.success(
            request,
            gettext("The suite “%(suite_name)s” is made. Add its prompts, then freeze it.")
            % {"suite_name": suite.name},
        )
        return redirect("suite-detail", suite_id=suite.pk)
    return _form_page(request, form, title=gettext("New suite"))


@require_http_methods(["GET", "HEAD", "POST"])
@curators_only
def suite_edit(request: StudioRequest, suite_id: uuid.UUID) -> HttpResponse:
    suite = get_object_or_404(PromptSuite.objects.open(), pk=suite_id)
    form = SuiteForm(request.POST or None, instance=suite)
    if _saved(form, lambda **values: services.update_suite(actor=request.user, suite=suite, **values)):
        return redirect("suite-detail", suite_id=suite.pk)
    return _form_page(request, form, title=gettext("Edit suite"), suite=suite)


@require_POST
@curators_only
def suite_add(request: StudioRequest, suite_id: uuid.UUID) -> HttpResponse:
    """Add one prompt to an open suite."""
    suite = get_object_or_404(PromptSuite, pk=suite_id)
    _try(request, lambda: services.add_prompts(actor=request.user, suite=suite, prompt_ids=_ids(request, "prompt")))
    return redirect(reverse("suite-detail", args=[suite.pk]) + _query(request))


@require_POST
@curators_only
def add_to_suite(request: StudioRequest, prompt_id: uuid.UUID) -> HttpResponse:
    """Add this prompt to the open suite chosen on its page."""
    prompt = get_object_or_404(Prompt.objects.visible(), pk=prompt_id)
    suite = get_object_or_404(PromptSuite, pk__in=_ids(request, "suite"))
    if _try(request, lambda: services.add_prompts(actor=request.user, suite=suite, prompt_ids=[prompt.pk])):
        messages.success(request, gettext("The prompt is in the suite “%(suite_name)s”.") % {"suite_name": suite.name})
    return redirect("prompt-detail", prompt_id=prompt.pk)


@require_POST
@curators_only
def suite_remove(request: StudioRequest, suite_id: uuid.UUID, prompt_id: uuid.UUID) -> HttpResponse:
    """Take a prompt out of an open suite."""
    suite = get_object_or_404(PromptSuite, pk=suite_id)
    prompt = get_object_or_404(Prompt, pk=prompt_id)
    _try(request, lambda: services.remove_prompt(actor=request.user, suite=suite, prompt=prompt))
    return redirect("suite-detail", suite_id=suite.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@curators_only
def suite_freeze(request: StudioRequest, suite_id: uuid.UUID) -> HttpResponse:
    """Ask, then close the suite's list for good."""
    suite = get_object_or_404(PromptSuite, pk=suite_id)
    if request.method == "POST":
        if _try(request, lambda: services.freeze_suite(actor=request.user, suite=suite)):
            messages.success(request, gettext("The suite “%(suite_name)s” is frozen.") % {"suite_name": suite.name})
        return redirect("suite-detail", suite_id=suite.pk)
    return confirm_page(
        request,
        title=gettext("Freeze the suite “%(suite_name)s”?") % {"suite_name": suite.name},
        text=gettext(
            "Its %(count)s prompts can never change again and will never be used for training. This cannot be undone."
        )
        % {"count": suite.items.count()},
        confirm_label=gettext("Freeze for good"),
        cancel_url=reverse("suite-detail", args=[suite.pk]),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@curators_only
def suite_delete(request: StudioRequest, suite_id: uuid.UUID) -> HttpResponse:
    """Ask, then delete an open suite; its prompts stay."""
    suite = get_object_or_404(PromptSuite, pk=suite_id)
    if request.method == "POST":
        if not _try(request, lambda: services.delete_suite(actor=request.user, suite=suite)):
            return redirect("suite-detail", suite_id=suite.pk)
        messages.success(request, gettext("The suite “%(suite_name)s” is deleted.") % {"suite_name": suite.name})
        return redirect("suites")
    return confirm_page(
        request,
        title=gettext("Delete the suite “%(suite_name)s”?") % {"suite_name": suite.name},
        text=gettext("The prompts themselves stay."),
        losses=[gettext("The suite and its list of %(count)s prompts") % {"count": suite.items.count()}],
        confirm_label=gettext("Delete suite"),
        cancel_url=reverse("suite-detail", args=[suite.pk]),
    )


def _saved(form: SuiteForm, store: Callable[..., PromptSuite]) -> PromptSuite | None:
    """What `store` makes of a valid form; else None, and the form says why."""
    if not form.is_valid():
        return None
    try:
        return store(**form.cleaned_data)
    except (DomainError, ValidationError) as error:
        add_refusal(form, error)
        form.refused_with = getattr(error, "status", 400)
        return None


def _form_page(request: StudioRequest, form: SuiteForm, **context: Any) -> HttpResponse:
    status = form.refused_with if form.errors else 200
    return render(request, "prompts/suite_form.html", {"form": form, **context}, status=status)


def _try(request: StudioRequest, change: Callable[[], object]) -> bool:
    """Do it, or tell why not."""
    try:
        change()
    except DomainError as error:
        messages.error(request, error.message)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        return True
    return False


def _ids(request: StudioRequest, name: str) -> list[uuid.UUID]:
    try:
        return [uuid.UUID(value) for value in request.POST.getlist(name)]
    except ValueError:
        return []


def _query(request: StudioRequest) -> str:
    return f"?{request.GET.urlencode()}" if request.GET else ""
