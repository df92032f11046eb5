"""Settings: what new experiments start with."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from text2song.exceptions import DomainError
from text2song.pages.forms import add_refusal
from text2song.pages.requests import StudioRequest
from training.config import TrainingConfig
from training.pages.forms import DefaultsForm
from training.services.defaults import set_training_defaults, starting_config


@require_http_methods(["GET", "HEAD", "POST"])
def training_defaults(request: StudioRequest) -> HttpResponse:
    """The form for curators, the same to read for everybody else. `shipped` goes back to what the studio came with."""
    writes = request.method == "POST"
    if writes and not request.user.is_staff:
        raise PermissionDenied(_("Only curators change what new experiments start with."))
    form = DefaultsForm(request.POST if writes else None, base=starting_config())
    if "shipped" in request.POST:
        set_training_defaults(actor=request.user, config=TrainingConfig().to_mapping())
        messages.success(request, _("New experiments start as the studio was shipped."))
        return redirect("settings-training")
    if writes and form.is_valid():
        try:
            set_training_defaults(actor=request.user, config=form.config())
        except DomainError as error:
            add_refusal(form, error)
        else:
            messages.success(request, _("Saved. New experiments start with these values."))
            return redirect("settings-training")
    if not request.user.is_staff:
        for field in form.fields.values():
            field.disabled = True
    return render(request, "training/defaults.html", {"form": form}, status=400 if form.errors else 200)
