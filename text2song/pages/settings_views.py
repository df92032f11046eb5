"""Settings: the state of the system, and API keys. Models and generation defaults are pages of generation."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from text2song import system_state
from text2song.api_keys import create_key, revoke_key
from text2song.exceptions import DomainError
from text2song.models import ApiKey
from text2song.pages.confirm import confirm_page
from text2song.pages.forms import ApiKeyForm
from text2song.pages.requests import StudioRequest
from text2song.pages.settings_reach import reach_context
from text2song.workforce import workforce_of


@require_safe
def system(request: StudioRequest) -> HttpResponse:
    """Database, storage, workers, disk and memory as they are now."""
    context = {
        "parts": system_state.parts(),
        "workers": system_state.workers(),
        "crews": workforce_of(request).crews.values(),
        "disk": system_state.disk(),
        "memory": system_state.memory(),
        "versions": system_state.versions(),
        **reach_context(request),
    }
    return render(request, "settings/system.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def keys(request: StudioRequest) -> HttpResponse:
    """The user's own keys. A POST makes one and answers with the key, this once."""
    form = ApiKeyForm(request.POST or None)
    token, status = "", 200
    if request.method == "POST":
        if form.is_valid():
            token = _create(request, form)
        status = 200 if token else 400
    context = {
        "keys": ApiKey.objects.filter(user=request.user),
        "form": ApiKeyForm() if token else form,
        "token": token,
    }
    return render(request, "settings/keys.html", context, status=status)


def _create(request: StudioRequest, form: ApiKeyForm) -> str:
    """The new key, or "" with the reason on the form."""
    try:
        return create_key(user=request.user, **form.cleaned_data)[1]
    except DomainError as error:
        form.add_error("name" if "name" in error.fields else None, error.message)
        return ""


@require_http_methods(["GET", "HEAD", "POST"])
def revoke(request: StudioRequest, digest: str) -> HttpResponse:
    """Ask, then end one of the user's own keys."""
    key = get_object_or_404(ApiKey, pk=digest, user=request.user)
    if request.method == "POST":
        revoke_key(key=key, by=request.user)
        messages.success(request, gettext("The key “%(key_name)s” no longer works.") % {"key_name": key.name})
        return redirect("settings-keys")
    return confirm_page(
        request,
        title=gettext("Revoke the key “%(key_name)s”?") % {"key_name": key.name},
        text=gettext("Scripts that use it are refused from now on. This cannot be undone."),
        confirm_label=gettext("Revoke"),
        cancel_url=reverse("settings-keys"),
    )
