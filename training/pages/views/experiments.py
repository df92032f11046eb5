"""Experiments: the list, making one, its tabs, and the archive."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.db.models import Count, Sum
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from datasets_app.models import Dataset
from text2song.exceptions import DomainError, Forbidden
from text2song.pages.forms import add_refusal
from text2song.pages.requests import StudioRequest
from training.api.filters import ExperimentFilter
from training.models import Experiment, TrainingRun
from training.pages.forms import ExperimentForm
from training.pages.settings_in_words import settings_in_words
from training.pages.views.form_changes import changes_asked_for, presets
from training.pages.views.panels import log_context, metrics_context
from training.runs.comparison import MOST
from training.runs.proposal import proposal
from training.services.experiments import (
    archive_experiment,
    create_experiment,
    may_change,
    unarchive_experiment,
    update_experiment,
)

PAGE_SIZE = 20
RUNS_PAGE_SIZE = 10


# -- the list ----------------------------------------------------------------------------------------------------


@require_safe
def experiment_list(request: StudioRequest) -> HttpResponse:
    """Experiments, newest first, by the filters in the address; archived ones only when asked for."""
    experiments = Experiment.objects.with_context().order_by("-created_at", "-id")  # counting drops the usual order
    filters = ExperimentFilter(request.GET, queryset=experiments)
    valid = filters.form.is_valid()
    page = Paginator(filters.qs if valid else Experiment.objects.none(), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "filter_form": filters.form,
        "page": page,
        "tabs": _state_tabs(request) if valid else [],
        "state": request.GET.get("state", ""),
        "is_filtered": any(request.GET.get(name) for name in filters.filters if name != "archived"),
        "archived_count": Experiment.objects.archived().count(),
        "is_moving": any(experiment.state == Experiment.State.RUNNING for experiment in page),
    }
    return render(request, "training/list.html", context, status=200 if valid else 400)


def _state_tabs(request: StudioRequest) -> list[dict[str, Any]]:
    """All, then each state, with their numbers; the other filters stay."""
    query, current = request.GET.copy(), request.GET.get("state", "")
    for name in ("page", "state"):
        query.pop(name, None)
    shown = ExperimentFilter(query, queryset=Experiment.objects.order_by()).qs
    counts = dict(shown.values_list("state").annotate(Count("pk")))
    choices = [("", gettext("All"), sum(counts.values()))]
    choices += [(value, label, counts.get(value, 0)) for value, label in Experiment.State.choices]
    tabs = []
    for value, label, count in choices:
        query["state"] = value
        tabs.append({"label": label, "url": f"?{query.urlencode()}", "count": count, "current": value == current})
    return tabs


# -- making and changing -----------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: StudioRequest) -> HttpResponse:
    """Make an experiment. `?dataset=` chooses one beforehand."""
    changes, proposed = changes_asked_for(request), None
    if changes is not None:
        form = ExperimentForm.retyped(request.POST, changes)
    elif request.method == "POST":
        form = ExperimentForm(request.POST)
        if form.is_valid() and (experiment := _created(request, form)):
            messages.success(
                request,
                gettext("“%(experiment_name)s” is ready. Start its first run.") % {"experiment_name": experiment.name},
            )
            return redirect("experiment-detail", experiment_id=experiment.pk)
    else:
        proposed = proposal(dataset) if (dataset := _asked_dataset(request)) else None
        form = ExperimentForm(initial={"dataset": dataset} | (proposed.values if proposed else {}))
    context = {"form": form, "presets": presets(), "is_dirty": request.method == "POST", "proposal": proposed}
    return render(request, "training/new.html", context, status=400 if form.is_bound else 200)


def _created(request: StudioRequest, form: ExperimentForm) -> Experiment | None:
    """The new experiment, or None with the reason on the form."""
    try:
        return create_experiment(actor=request.user, **form.values())
    except (DomainError, ValidationError) as error:
        add_refusal(form, error)
        return None


def _asked_dataset(request: StudioRequest) -> Dataset | None:
    asked = request.GET.get("dataset")
    try:
        return Dataset.objects.ready().filter(pk=asked).first() if asked else None
    except ValidationError:
        return None


@require_http_methods(["GET", "HEAD", "POST"])
def config(request: StudioRequest, experiment_id: UUID) -> HttpResponse:
    """The tab Config: the form for those who may change it, the values in words for everybody else."""
    experiment = _experiment(experiment_id)
    if not may_change(request.user, experiment) or experiment.is_archived:
        return _config_to_read(request, experiment)
    changes = changes_asked_for(request)
    if changes is not None:
        form = ExperimentForm.retyped(request.POST, changes, experiment=experiment)
    elif request.method == "POST":
        form = ExperimentForm(request.POST, experiment=experiment)
        if form.is_valid() and _updated(request, form, experiment):
            messages.success(request, gettext("Saved. Runs that were started before keep their settings."))
            return redirect("experiment-config", experiment_id=experiment.pk)
        experiment = _experiment(experiment_id)
    else:
        form = ExperimentForm(experiment=experiment)
    context = _tab_context(request, experiment, "config")
    context |= {"form": form, "presets": presets(), "is_dirty": request.method == "POST"}
    return render(request, "training/config.html", context, status=400 if form.is_bound else 200)


def _config_to_read(request: StudioRequest, experiment: Experiment) -> HttpResponse:
    if request.method == "POST":
        raise PermissionDenied(
            gettext("Only the person who made an experiment, or a curator, can change it, unless archived.")
        )
    context = _tab_context(request, experiment, "config") | {"groups": settings_in_words(experiment.config)}
    return render(request, "training/config.html", context)


def _updated(request: StudioRequest, form: ExperimentForm, experiment: Experiment) -> bool:
    try:
        update_experiment(experiment=experiment, actor=request.user, **form.values())
    except (DomainError, ValidationError) as error:
        add_refusal(form, error)
        return False
    return True


# -- its tabs ------------------------------------------------------------------------------------------------------


@require_safe
def experiment_detail(request: StudioRequest, experiment_id: UUID) -> HttpResponse:
    """The tab Runs: 10 to a page, newest first, and the log and curves of the one picked with `?run=`."""
    experiment = _experiment(experiment_id)
    runs = experiment.runs.with_context()
    page = Paginator(runs, RUNS_PAGE_SIZE).get_page(request.GET.get("page"))
    context = _tab_context(request, experiment, "runs")
    context |= {"page": page, "is_moving": any(run.is_unfinished for run in page), "most": MOST}
    if picked := _picked(request, experiment):
        context |= {"run": picked} | log_context(request, picked) | metrics_context(request, picked)
    return render(request, "training/experiment.html", context)


def _picked(request: StudioRequest, experiment: Experiment) -> TrainingRun | None:
    asked = request.GET.get("run")
    try:
        return experiment.runs.with_context().filter(pk=asked).first() if asked else None
    except ValidationError:
        return None


@require_safe
def experiment_overview(request: StudioRequest, experiment_id: UUID) -> HttpResponse:
    """The tab Overview: what it is about, and what came of it."""
    experiment = _experiment(experiment_id)
    counts = dict(experiment.runs.order_by().values_list("state").annotate(Count("pk")))
    context = _tab_context(request, experiment, "overview") | {
        "counts": [(label, counts.get(value, 0)) for value, label in TrainingRun.State.choices],
        "seconds": experiment.runs.aggregate(total=Sum("seconds"))["total"] or 0.0,
        "comparable": [run.pk for run in experiment.runs.completed()[:MOST]],
        "groups": settings_in_words(experiment.config),
    }
    return render(request, "training/overview.html", context)


def _tab_context(request: StudioRequest, experiment: Experiment, current: str) -> dict[str, Any]:
    names = {"runs": "experiment-detail", "overview": "experiment-overview", "config": "experiment-config"}
    labels = {"runs": gettext("Runs"), "overview": gettext("Overview"), "config": gettext("Config")}
    tabs = [
        {
            "label": labels[key],
            "url": reverse(name, args=[experiment.pk]),
            "current": key == current,
            "count": experiment.run_count if key == "runs" else "",
        }
        for key, name in names.items()
    ]
    return {
        "experiment": experiment,
        "tabs": tabs,
        "may_change": may_change(request.user, experiment),
        "has_own_primary": current == "config" or (current == "runs" and not experiment.run_count),
    }


# -- the archive ---------------------------------------------------------------------------------------------------


@require_POST
def archive(request: StudioRequest, experiment_id: UUID) -> HttpResponse:
    """Take it off the list."""
    done = gettext("“{}” is archived. “Show archived” on the list finds it again.")
    return _do(request, experiment_id, archive_experiment, done)


@require_POST
def unarchive(request: StudioRequest, experiment_id: UUID) -> HttpResponse:
    """Put it back on the list."""
    return _do(request, experiment_id, unarchive_experiment, gettext("“{}” is back on the list."))


def _do(request: StudioRequest, experiment_id: UUID, service: Callable[..., None], done: str) -> HttpResponse:
    """Call a service for the user: its refusal becomes a message, a missing right a 403."""
    experiment = _experiment(experiment_id)
    try:
        service(experiment=experiment, actor=request.user)
        messages.success(request, done.format(experiment.name))
    except Forbidden as error:
        raise PermissionDenied(error.message) from error
    except DomainError as error:
        messages.error(request, error.message)
    return redirect("experiment-detail", experiment_id=experiment.pk)


def _experiment(experiment_id: UUID) -> Experiment:
    return get_object_or_404(Experiment.objects.with_context(), pk=experiment_id)
