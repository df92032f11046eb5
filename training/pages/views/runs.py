"""Runs: starting one, following it, stopping and resuming it, deleting some, comparing some."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from text2song.exceptions import DomainError, Forbidden
from text2song.pages.confirm import confirm_page
from text2song.pages.forms import add_refusal
from text2song.pages.requests import StudioRequest
from training.api.filters import TrainingRunFilter
from training.models import Experiment, TrainingRun
from training.pages.forms import RunForm
from training.pages.measures import choose, measures
from training.pages.settings_in_words import settings_in_words
from training.pages.views.form_changes import changes_asked_for, presets
from training.pages.views.panels import chart, log_context, metrics_context, values_table, whole_number
from training.runs.curves import metric_names
from training.services.experiments import may_change, require_change
from training.services.runs import cancel_run, delete_runs, resume_run, start_run

PAGE_SIZE = 20


# -- the list ------------------------------------------------------------------------------------------------------


@require_safe
def run_list(request: StudioRequest) -> HttpResponse:
    """Runs of all experiments, newest first, by the filters in the address."""
    filters = TrainingRunFilter(request.GET, queryset=TrainingRun.objects.with_context(), request=request)
    valid = filters.form.is_valid()
    page = Paginator(filters.qs if valid else TrainingRun.objects.none(), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "filter_form": filters.form,
        "page": page,
        "is_filtered": any(request.GET.get(name) for name in filters.filters),
        "is_moving": any(run.is_unfinished for run in page),
    }
    return render(request, "training/runs.html", context, status=200 if valid else 400)


# -- starting ------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: StudioRequest, experiment_id: UUID) -> HttpResponse:
    """Start a run of an experiment, with settings of its own where they differ."""
    experiment = get_object_or_404(Experiment.objects.with_context(), pk=experiment_id)
    _require_right(request, experiment)
    changes = changes_asked_for(request, experiment.config)
    if changes is not None:
        form = RunForm.retyped(request.POST, changes, experiment=experiment)
    elif request.method == "POST":
        form = RunForm(request.POST, experiment=experiment)
        if form.is_valid() and (run := _started(request, form, experiment)):
            messages.success(
                request, gettext("%(run_name)s waits for a worker. You can leave this page.") % {"run_name": run.name}
            )
            return redirect("run-detail", run_id=run.pk)
    else:
        form = RunForm(experiment=experiment)
    context = {"form": form, "experiment": experiment, "presets": presets(), "is_dirty": request.method == "POST"}
    return render(request, "training/run_new.html", context, status=400 if form.is_bound else 200)


def _started(request: StudioRequest, form: RunForm, experiment: Experiment) -> TrainingRun | None:
    """The queued run, or None with the reason on the form."""
    chosen = {name: form.cleaned_data[name] for name in ("name", "parent", "blind_test")}
    try:
        return start_run(experiment=experiment, actor=request.user, overrides=form.overrides(), **chosen)
    except (DomainError, ValidationError) as error:
        add_refusal(form, error)
        return None


# -- following -----------------------------------------------------------------------------------------------------


@require_safe
def run_detail(request: StudioRequest, run_id: UUID) -> HttpResponse:
    """One run: how it goes, its log, its curves and their values, and what it was told."""
    run = _run(run_id)
    context = _run_context(request, run) | log_context(request, run) | metrics_context(request, run)
    if context["measure"]:
        context["table"] = values_table(request, run, context["measure"])
    context["groups"] = settings_in_words(run.config, run.overrides)
    return render(request, "training/run.html", context)


@require_safe
def status(request: StudioRequest, run_id: UUID) -> HttpResponse:
    """State and progress alone, and once it has ended what changes with that."""
    return render(request, "training/_run_update.html", _run_context(request, _run(run_id)))


@require_safe
def log(request: StudioRequest, run_id: UUID) -> HttpResponse:
    """The lines after `?after=`, for the end of the page's log."""
    run = _run(run_id)
    return render(request, "training/_log_update.html", {"run": run} | log_context(request, run))


@require_safe
def panel(request: StudioRequest, run_id: UUID) -> HttpResponse:
    """Log and curves of the run picked on its experiment's page."""
    run = _run(run_id)
    context = {"run": run} | log_context(request, run) | metrics_context(request, run)
    return render(request, "training/_panel.html", context)


@require_safe
def metrics(request: StudioRequest, run_id: UUID) -> HttpResponse:
    """The curves of `?measure=` from step `?from=` on, as the charts' script reads them."""
    run = _run(run_id)
    measure = choose(measures(metric_names(run)), request.GET.get("measure", ""))
    if measure is None:
        return JsonResponse({"over": not run.is_unfinished, "curves": []})
    return JsonResponse(chart(run, measure, whole_number(request.GET.get("from"))))


def _run_context(request: StudioRequest, run: TrainingRun) -> dict[str, Any]:
    return {"run": run, "experiment": run.experiment, "may_change": may_change(request.user, run.experiment)}


# -- stopping and resuming -----------------------------------------------------------------------------------------


@require_POST
def cancel(request: StudioRequest, run_id: UUID) -> HttpResponse:
    """Stop it; its checkpoints stay."""
    return _do(request, run_id, cancel_run, gettext("{} was cancelled. Its checkpoints are kept: it can be resumed."))


@require_POST
def resume(request: StudioRequest, run_id: UUID) -> HttpResponse:
    """Let it go on from its newest checkpoint."""
    return _do(request, run_id, resume_run, gettext("{} waits for a worker, and goes on from its newest checkpoint."))


def _do(request: StudioRequest, run_id: UUID, service: Callable[..., None], done: str) -> HttpResponse:
    """Call a service for the user: its refusal becomes a message, a missing right a 403."""
    run = _run(run_id)
    try:
        service(run=run, actor=request.user)
        messages.success(request, done.format(run.name))
    except Forbidden as error:
        raise PermissionDenied(error.message) from error
    except DomainError as error:
        messages.error(request, error.message)
    return redirect("run-detail", run_id=run.pk)


# -- deleting ------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: StudioRequest, experiment_id: UUID) -> HttpResponse:
    """Ask, naming what goes, then delete the runs `?ids=` of an experiment: all of them, or none."""
    experiment = get_object_or_404(Experiment, pk=experiment_id)
    _require_right(request, experiment)
    page = reverse("experiment-detail", args=[experiment.pk])
    runs = _chosen(request, experiment.runs.with_context())
    if not runs:
        messages.error(request, gettext("Tick the runs to delete first."))
        return redirect(page)
    if request.method == "POST":
        _delete(request, runs)
        return redirect(page)
    names = runs[0].name if len(runs) == 1 else gettext("%(count)s runs") % {"count": len(runs)}
    return confirm_page(
        request,
        title=gettext("Delete %(names)s?") % {"names": names},
        text=_staying(runs),
        losses=_losses(runs),
        confirm_label=gettext("Delete run")
        if len(runs) == 1
        else gettext("Delete %(runs)s runs") % {"runs": len(runs)},
        cancel_url=page,
    )


def _delete(request: StudioRequest, runs: Sequence[TrainingRun]) -> None:
    try:
        count = delete_runs(ids=[run.pk for run in runs], actor=request.user)
    except DomainError as error:
        messages.error(request, error.message)
    else:
        messages.success(
            request, ngettext("%(count)s run was deleted.", "%(count)s runs were deleted.", count) % {"count": count}
        )


def _staying(runs: Sequence[TrainingRun]) -> str:
    unfinished = [run.name for run in runs if run.is_unfinished]
    if unfinished:
        return gettext("Not finished yet: %(join)s. Cancel first; as it is, nothing will be deleted.") % {
            "join": ", ".join(unfinished)
        }
    made = [run.adapter.label for run in runs if run.adapter and not run.adapter.is_deleted]
    return (
        gettext("What was made stays usable: %(join)s.") % {"join": ", ".join(made)}
        if made
        else gettext("No adapter was made.")
    )


def _losses(runs: Sequence[TrainingRun]) -> list[str]:
    named = ", ".join(run.name for run in runs[:5]) + (
        gettext(" and %(value)s more") % {"value": len(runs) - 5} if len(runs) > 5 else ""
    )
    return [
        ngettext(
            "%(named)s, with its log, metrics and checkpoints",
            "%(named)s, with their log, metrics and checkpoints",
            len(runs),
        )
        % {"named": named}
    ]


# -- what they share -----------------------------------------------------------------------------------------------


def _chosen(request: StudioRequest, runs: Any) -> list[TrainingRun]:
    """The runs of `?ids=` in their order; 404 for an id that is none of `runs`."""
    asked = list(dict.fromkeys(request.GET.getlist("ids")))
    try:
        found = {str(run.pk): run for run in runs.filter(pk__in=asked)}
        return [found[str(UUID(pk))] for pk in asked]
    except (ValidationError, ValueError, KeyError) as error:
        raise Http404 from error


def _run(run_id: UUID) -> TrainingRun:
    runs = TrainingRun.objects.with_context().select_related("experiment__best_run")
    return get_object_or_404(runs, pk=run_id)


def _require_right(request: StudioRequest, experiment: Experiment) -> None:
    try:
        require_change(request.user, experiment)
    except Forbidden as error:
        raise PermissionDenied(error.message) from error
