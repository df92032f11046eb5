"""Finding datasets, making one, looking at one, deleting one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect, HttpResponseClientRefresh

from datasets_app import services
from datasets_app.api.filters import DatasetFilter
from datasets_app.building.selection import FEWEST_TOLD, readiness
from datasets_app.formats.training_command import training_command
from datasets_app.models import Dataset, Export
from datasets_app.pages.forms import DatasetForm
from datasets_app.pages.report_in_words import charts, circles, filters_in_words
from datasets_app.report.telling import RULE, statistics_for
from feedback.listening_tests.access import require_curator
from text2song.exceptions import DomainError, Forbidden
from text2song.pages.confirm import confirm_page
from text2song.pages.forms import add_refusal
from text2song.pages.requests import StudioRequest

PAGE_SIZE = 20


@require_safe
def dataset_list(request: StudioRequest) -> HttpResponse:
    """All datasets, the newest first, and how far the feedback is from another one."""
    filters = DatasetFilter(request.GET, queryset=Dataset.objects.with_exports())
    is_valid = filters.form.is_valid()
    found = filters.qs if is_valid else Dataset.objects.none()
    page = Paginator(found.order_by("-created_at", "-id"), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "filter_form": filters.form,
        "is_filtered": any(request.GET.get(name) for name in filters.filters),
        "readiness": readiness(request.user),
    }
    return render(request, "datasets/list.html", context, status=200 if is_valid else 400)


@require_http_methods(["GET", "HEAD", "POST"])
def dataset_create(request: StudioRequest) -> HttpResponse:
    """The form with its live count; without script, “Count” shows it."""
    _curators_only(request)
    kind = request.GET.get("kind", "")
    initial = {"kind": kind} if kind in Dataset.Kind.values else {}
    form = DatasetForm(request.POST or None, initial=initial)
    only_count = "count" in request.POST
    if request.method == "POST" and not only_count and form.is_valid():
        try:
            dataset = _create(request, form)
        except (DomainError, ValidationError) as error:
            add_refusal(form, error)
        else:
            messages.success(request, gettext("“%(dataset)s” is being built.") % {"dataset": dataset})
            return redirect("dataset-detail", dataset_id=dataset.pk)
    context = {"form": form, "count": _count(request.user, form if form.is_bound else _unbound_copy(form))}
    status = 400 if form.is_bound and form.errors and not only_count else 200
    return render(request, "datasets/create.html", context, status=status)


def _create(request: StudioRequest, form: DatasetForm) -> Dataset:
    values = form.cleaned_data
    return services.create_dataset(
        actor=request.user,
        name=values["name"],
        description=values["description"],
        kind=values["kind"],
        filters=form.filters,
        seed=values["seed"],
    )


def _unbound_copy(form: DatasetForm) -> DatasetForm:
    """The form as it would be sent untouched."""
    return DatasetForm({name: form.get_initial_for_field(field, name) for name, field in form.fields.items()})


def _count(actor: User, form: DatasetForm) -> dict[str, Any]:
    """`rows` (None: `fewer_than`), or the `error` that keeps them from being counted; a missing name does not."""
    form.is_valid()
    wrong = {name: errors for name, errors in form.errors.items() if name in (*form.FILTERS, "kind")}
    if wrong:
        return {"error": " ".join(str(message) for errors in wrong.values() for message in errors)}
    try:
        kind, seed = form.cleaned_data["kind"], form.cleaned_data.get("seed") or 0
        found = services.preview_parts(actor=actor, kind=kind, filters=form.filters, seed=seed)
    except DomainError as error:
        return {"error": error.message}
    parts = {"judged": found.judged, "labelled": found.labelled} if form.filters.get("taste") else {}
    return {"rows": found.rows, "fewer_than": FEWEST_TOLD, **parts}


@require_POST
def dataset_count(request: StudioRequest) -> HttpResponse:
    """How many rows the form would make, and the button to make them."""
    _curators_only(request)
    return render(request, "datasets/_count.html", {"count": _count(request.user, DatasetForm(request.POST))})


def _curators_only(request: StudioRequest) -> None:
    try:
        require_curator(request.user, gettext("build a dataset"))
    except Forbidden as error:
        raise PermissionDenied(error.message) from error


@require_safe
def dataset_detail(request: StudioRequest, dataset_id: UUID) -> HttpResponse:
    """What is in a dataset, how good it is, and how to use it."""
    dataset = _dataset(dataset_id)
    context: dict[str, Any] = {
        "dataset": dataset,
        "filters": filters_in_words(dataset) if request.user.is_staff else None,
        "may_change": services.may_change(request.user, dataset),
    }
    if dataset.is_ready:
        figures = statistics_for(request.user, dataset)
        context |= {
            "figures": figures,
            "charts": charts(dataset, figures),
            "circles": circles(figures),
            "rule": RULE,
            "commands": [(method, training_command(dataset, method)) for method in dataset.methods],
            **exports_context(dataset),
        }
    return render(request, "datasets/detail.html", context)


def exports_context(dataset: Dataset) -> dict[str, Any]:
    """The newest export of each format, and which formats have none."""
    newest: dict[str, Export] = {}
    for export in dataset.exports.order_by("-created_at"):
        newest.setdefault(export.format, export)
    formats = [{"value": value, "label": label, "export": newest.get(value)} for value, label in Export.Format.choices]
    return {"formats": formats, "poll": any(export.is_unfinished for export in newest.values())}


@require_safe
def dataset_status(request: StudioRequest, dataset_id: UUID) -> HttpResponse:
    """Progress of the build; when it has ended, the whole page anew."""
    dataset = _dataset(dataset_id)
    if not dataset.is_unfinished:
        return HttpResponseClientRefresh() if request.htmx else redirect("dataset-detail", dataset_id=dataset.pk)
    return render(request, "datasets/_status.html", {"dataset": dataset})


@require_http_methods(["GET", "HEAD", "POST"])
def dataset_delete(request: StudioRequest, dataset_id: UUID) -> HttpResponse:
    """Ask, then hide it."""
    dataset = _dataset(dataset_id)
    if not services.may_change(request.user, dataset):
        raise PermissionDenied(gettext("Only the person who made a dataset, or a curator, can delete it."))
    if request.method != "POST":
        return confirm_page(
            request,
            title=gettext("Delete the dataset “%(dataset)s”?") % {"dataset": dataset},
            text=gettext(
                "It leaves the list and nothing can be trained on it any more. The feedback it was made of stays."
            ),
            losses=[
                gettext("the dataset with its %(row_count)s rows") % {"row_count": dataset.row_count},
                gettext("its exports"),
            ],
            confirm_label=gettext("Delete dataset"),
            cancel_url=reverse("dataset-detail", args=[dataset.pk]),
        )
    target = reverse("datasets")
    try:
        services.delete_dataset(dataset=dataset, actor=request.user)
        messages.success(request, gettext("“%(dataset)s” is deleted.") % {"dataset": dataset})
    except DomainError as error:
        messages.error(request, error.message)
        target = reverse("dataset-detail", args=[dataset.pk])
    return HttpResponseClientRedirect(target) if request.htmx else redirect(target)


def _dataset(dataset_id: UUID) -> Dataset:
    return get_object_or_404(Dataset.objects.visible().select_related("created_by"), pk=dataset_id)
