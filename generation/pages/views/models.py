"""The models page: what each can do, whether its files are here, and which one is active."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from generation import services
from generation.models import BaseModel, ModelFetch
from generation.pages.forms import FolderForm
from generation.pages.model_cards import model_cards
from text2song.exceptions import DomainError, Forbidden
from text2song.pages.confirm import confirm_page
from text2song.pages.forms import add_refusal
from text2song.pages.requests import StudioRequest


@require_safe
def model_list(request: StudioRequest) -> HttpResponse:
    """All models; a fetch under way is found again here."""
    return render(request, "generation/models.html", {"models": model_cards(), "form": FolderForm()})


@require_safe
def model_card(request: StudioRequest, key: str) -> HttpResponse:
    """One model's card, for polling while its files are fetched."""
    return _card(request, _model(key))


@require_POST
def activate(request: StudioRequest, key: str) -> HttpResponse:
    """Make it the model new jobs use."""
    model = _model(key)
    do(
        request,
        services.activate_model,
        model=model,
        done=gettext("%(model_display_name)s is the active model now.") % {"model_display_name": model.display_name},
    )
    return redirect("models")


@require_POST
def fetch(request: StudioRequest, key: str) -> HttpResponse:
    """Queue the fetching of a hub model's files; the page may be left meanwhile."""
    model = _model(key)
    do(request, services.request_fetch, model=model)
    return _card(request, model) if request.htmx else redirect(f"{reverse('models')}#model-{key}")


@require_POST
def cancel_fetch(request: StudioRequest, fetch_id: UUID) -> HttpResponse:
    """Stop a fetch; what is here already is kept for the next one."""
    found = get_object_or_404(ModelFetch.objects.select_related("base_model"), pk=fetch_id)
    model = found.base_model
    do(
        request,
        services.cancel_fetch,
        fetch=found,
        done=gettext("Fetching %(model_display_name)s was cancelled.") % {"model_display_name": model.display_name},
    )
    return _card(request, model) if request.htmx else redirect(f"{reverse('models')}#model-{model.key}")


@require_http_methods(["GET", "HEAD", "POST"])
def add_folder(request: StudioRequest) -> HttpResponse:
    """Add a folder of the server as a model; a broken one is refused with what is wrong in it."""
    if not request.user.is_staff:
        raise PermissionDenied(gettext("Only curators can change models."))
    form, status = FolderForm(request.POST if request.method == "POST" else None), 400
    if request.method == "POST" and form.is_valid():
        try:
            model = services.add_folder_model(actor=request.user, **form.cleaned_data)
        except (DomainError, ValidationError) as error:
            add_refusal(form, error)
            status = getattr(error, "status", status)
        else:
            messages.success(
                request, gettext("%(model_display_name)s was added.") % {"model_display_name": model.display_name}
            )
            return redirect(f"{reverse('models')}#model-{model.key}")
    context = {"models": model_cards(), "form": form}
    return render(request, "generation/models.html", context, status=status if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def remove(request: StudioRequest, key: str) -> HttpResponse:
    """Ask, then remove a folder's entry; its files stay where they are."""
    model = _model(key)
    if not request.user.is_staff:
        raise PermissionDenied(gettext("Only curators can change models."))
    if request.method == "POST":
        do(
            request,
            services.remove_model,
            model=model,
            done=gettext("%(model_display_name)s was removed.") % {"model_display_name": model.display_name},
        )
        return redirect("models")
    return confirm_page(
        request,
        title=gettext("Remove %(model_display_name)s?") % {"model_display_name": model.display_name},
        text=gettext("Its files stay in %(folder)s; the folder can be added again.") % {"folder": model.folder},
        losses=[gettext("the entry on this page, so that nothing new can be made with it")],
        confirm_label=gettext("Remove model"),
        cancel_url=reverse("models"),
    )


def do(request: StudioRequest, service: Any, *, done: str = "", **arguments: Any) -> None:
    """Call a service for the user: its refusal becomes a message, a missing right a 403."""
    try:
        service(actor=request.user, **arguments)
    except Forbidden as error:
        raise PermissionDenied(error.message) from error
    except DomainError as error:
        messages.error(request, error.message)
    else:
        if done:
            messages.success(request, done)


def _model(key: str) -> BaseModel:
    return get_object_or_404(BaseModel, key=key)


def _card(request: StudioRequest, model: BaseModel) -> HttpResponse:
    card = model_cards(BaseModel.objects.filter(pk=model.pk))[0]
    return render(request, "generation/_model_card_answer.html", {"model": card})
