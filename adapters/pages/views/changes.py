"""Renaming, switching, promoting and deleting adapters."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_http_methods, require_POST

from adapters import services
from adapters.models import Adapter
from adapters.pages.forms import EditForm
from text2song.exceptions import DomainError, Forbidden
from text2song.pages.confirm import confirm_page
from text2song.pages.forms import add_refusal
from text2song.pages.requests import StudioRequest
from text2song.pages.safe_redirect import redirect_back


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: StudioRequest, adapter_id: UUID) -> HttpResponse:
    """Name, version and description; asked for by script, the form alone, for a dialog."""
    adapter = _adapter(adapter_id)
    _require_right(request, adapter)
    form = EditForm(request.POST if request.method == "POST" else None, instance=adapter)
    if request.method == "POST" and form.is_valid():
        try:
            services.edit_adapter(adapter=adapter, actor=request.user, **form.cleaned_data)
        except (DomainError, ValidationError) as error:
            add_refusal(form, error)
        else:
            messages.success(request, gettext("%(adapter_label)s is saved.") % {"adapter_label": adapter.label})
            return redirect("adapter-detail", adapter_id=adapter.pk)
    context = {"form": form, "adapter": _adapter(adapter_id)}
    return render(request, "adapters/edit.html", context, status=400 if form.errors else 200)


@require_POST
def activate(request: StudioRequest, adapter_id: UUID) -> HttpResponse:
    """Offer it on Create."""
    return _do(request, adapter_id, services.activate_adapter, gettext("{} can be chosen on Create now."))


@require_POST
def deactivate(request: StudioRequest, adapter_id: UUID) -> HttpResponse:
    """Offer it no more."""
    done = gettext("{} is not offered any more. Jobs already sent finish with it.")
    return _do(request, adapter_id, services.deactivate_adapter, done)


@require_POST
def make_default(request: StudioRequest, adapter_id: UUID) -> HttpResponse:
    """Preselect it for its base model."""
    return _do(request, adapter_id, services.make_default, gettext("{} is the default of its base model now."))


@require_POST
def roll_back(request: StudioRequest, adapter_id: UUID) -> HttpResponse:
    """Give the default back to the adapter that had it before."""
    return _do(request, adapter_id, services.roll_back, gettext("{} is not the default any more."))


@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: StudioRequest, adapter_id: UUID) -> HttpResponse:
    """Ask, naming what follows, then hide the adapter."""
    adapter = get_object_or_404(Adapter.objects.visible().with_context().with_usage(), pk=adapter_id)
    _require_right(request, adapter)
    if request.method == "POST":
        services.delete_adapter(adapter=adapter, actor=request.user)
        messages.success(request, gettext("%(adapter_label)s was deleted.") % {"adapter_label": adapter.label})
        return redirect("adapters")
    return confirm_page(
        request,
        title=gettext("Delete %(adapter_label)s?") % {"adapter_label": adapter.label},
        text=_staying(adapter),
        losses=_losses(adapter),
        confirm_label=gettext("Delete adapter"),
        cancel_url=reverse("adapter-detail", args=[adapter.pk]),
    )


def _staying(adapter: Adapter) -> str:
    if not adapter.sample_count:
        return gettext("It was made for %(display_name)s. Nothing was generated with it.") % {
            "display_name": adapter.base_model.display_name
        }
    return ngettext(
        "The %(sample_count)s sample made with it stay, and will say “Deleted Adapter”.",
        "The %(sample_count)s samples made with it stay, and will say “Deleted Adapter”.",
        adapter.sample_count,
    ) % {"sample_count": adapter.sample_count}


def _losses(adapter: Adapter) -> list[str]:
    losses = [gettext("the adapter on Create and in every list: nothing new can be made with it")]
    if adapter.is_default:
        losses.append(
            gettext("the default of %(display_name)s: the base model alone is preselected then")
            % {"display_name": adapter.base_model.display_name}
        )
    if children := adapter.children.visible().count():
        losses.append(
            ngettext(
                "its place as parent of %(children)s other adapter, which stay",
                "its place as parent of %(children)s other adapters, which stay",
                children,
            )
            % {"children": children}
        )
    return losses


def _do(request: StudioRequest, adapter_id: UUID, service: Callable[..., object], done: str) -> HttpResponse:
    """Call a service for the user: its refusal becomes a message, a missing right a 403."""
    adapter = _adapter(adapter_id)
    try:
        service(adapter=adapter, actor=request.user)
        messages.success(request, done.format(adapter.label))
    except Forbidden as error:
        raise PermissionDenied(error.message) from error
    except DomainError as error:
        messages.error(request, error.message)
    if "next" in request.POST:
        return redirect_back(request, "adapters")
    return redirect("adapter-detail", adapter_id=adapter.pk)


def _adapter(adapter_id: UUID) -> Adapter:
    return get_object_or_404(Adapter.objects.visible().with_context(), pk=adapter_id)


def _require_right(request: StudioRequest, adapter: Adapter) -> None:
    if not services.may_change(request.user, adapter):
        raise PermissionDenied(gettext("Only the person who registered an adapter, or a curator, can change it."))
