"""Uploading an adapter, and following its check."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from adapters.models import AdapterRegistration
from adapters.pages.forms import UploadForm
from adapters.services.registration import request_registration
from text2song.exceptions import DomainError
from text2song.pages.forms import add_refusal
from text2song.pages.requests import StudioRequest


@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: StudioRequest) -> HttpResponse:
    """Send an adapter's files; those that are in order are tried on their base model by a worker."""
    if request.method == "POST":
        form = UploadForm(request.POST, request.FILES)
        if form.is_valid():
            try:
                registration = request_registration(actor=request.user, **form.cleaned_data)
            except (DomainError, ValidationError) as error:
                add_refusal(form, error)
            else:
                return redirect("adapter-registration", registration_id=registration.pk)
    else:
        offered: Any = UploadForm.base_fields["base_model"]
        model = offered.queryset.filter(is_active=True).first()
        form = UploadForm(initial={"base_model": model})
    return render(request, "adapters/upload.html", {"form": form}, status=400 if form.errors else 200)


@require_safe
def registration(request: StudioRequest, registration_id: UUID) -> HttpResponse:
    """How the check goes: the page, or for its polling the part that changes."""
    registrations = AdapterRegistration.objects.visible_to(request.user).select_related("base_model", "adapter")
    found = get_object_or_404(registrations, pk=registration_id)
    template = "adapters/_registration.html" if request.htmx else "adapters/registration.html"
    return render(request, template, {"registration": found})
