"""What a new Create page starts with."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from generation.models import GenerationDefaults
from generation.pages.defaults_form import DefaultsForm
from text2song.pages.requests import StudioRequest


@require_http_methods(["GET", "HEAD", "POST"])
def generation_defaults(request: StudioRequest) -> HttpResponse:
    """Everybody sees the defaults; curators change them, with effect on the next Create page."""
    if request.method == "POST" and not request.user.is_staff:
        raise PermissionDenied(_("Only curators can change the defaults."))
    form = DefaultsForm(request.POST if request.method == "POST" else None, instance=GenerationDefaults.load())
    if not request.user.is_staff:
        for field in form.fields.values():
            field.disabled = True
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, _("Saved. New Create pages start with these values."))
        return redirect("settings-generation")
    return render(request, "generation/defaults.html", {"form": form}, status=400 if form.errors else 200)
