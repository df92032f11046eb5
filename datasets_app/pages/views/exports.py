"""Starting exports, following them, taking them away."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from datasets_app.api.downloads import export_response
from datasets_app.models import Dataset, Export
from datasets_app.pages.views.datasets import exports_context
from datasets_app.report.telling import RULE, may_read_answers
from datasets_app.services import start_export
from text2song.exceptions import DomainError, Forbidden
from text2song.pages.requests import StudioRequest


@require_POST
def export_start(request: StudioRequest, dataset_id: UUID) -> HttpResponse:
    """Write the dataset in a format, unless that was done already."""
    dataset = _dataset(dataset_id)
    try:
        start_export(dataset=dataset, file_format=request.POST.get("format", ""), actor=request.user)
    except Forbidden as error:
        raise PermissionDenied(error.message) from error
    except DomainError as error:
        messages.error(request, error.message)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return _exports(request, dataset) if request.htmx else redirect("dataset-detail", dataset_id=dataset.pk)


@require_safe
def export_list(request: StudioRequest, dataset_id: UUID) -> HttpResponse:
    """The exports of a dataset with their progress."""
    dataset = _dataset(dataset_id)
    return _exports(request, dataset) if request.htmx else redirect("dataset-detail", dataset_id=dataset.pk)


def _exports(request: StudioRequest, dataset: Dataset) -> HttpResponse:
    told = may_read_answers(request.user, dataset)
    context = {"dataset": dataset, "figures": {"answers_told": told}, "rule": RULE}
    context |= exports_context(dataset)
    return render(request, "datasets/_exports.html", context)


@require_safe
def export_download(request: StudioRequest, export_id: UUID) -> HttpResponseBase:
    """The file of a finished export."""
    exports = Export.objects.filter(dataset__deleted_at__isnull=True).select_related("dataset")
    export = get_object_or_404(exports, pk=export_id)
    try:
        return export_response(export, request.user)
    except Forbidden as error:
        raise PermissionDenied(error.message) from error
    except DomainError as error:
        messages.error(request, error.message)
        return redirect("dataset-detail", dataset_id=export.dataset_id)


def _dataset(dataset_id: UUID) -> Dataset:
    return get_object_or_404(Dataset.objects.visible(), pk=dataset_id)
