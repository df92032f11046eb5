"""Jobs: the list, one job, and what people do with them."""

from __future__ import annotations

import contextlib
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Page, Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect, trigger_client_event

from generation import services
from generation.api.filters import JobFilter
from generation.exceptions import JobIsFinished
from generation.models import GenerationJob
from generation.pages.create_page import find_job
from generation.pages.job_cards import announced, cards_for, may_manage, rows_for
from generation.pages.job_groups import folded, jobs_beside, show_together
from generation.querysets import GenerationJobQuerySet
from text2song.exceptions import DomainError, Forbidden
from text2song.pages.confirm import confirm_page
from text2song.pages.requests import StudioRequest
from text2song.pages.safe_redirect import redirect_back

PAGE_SIZE = 20
VIEWS = ("create", "detail")
SEEN_HEADER = "Jobs-Seen"


# -- the list ----------------------------------------------------------------------------------------------------


@require_safe
def job_list(request: StudioRequest) -> HttpResponse:
    """Jobs, newest first, by the filters in the address; HTMX asks for the part it replaces.

    A page that polls while idle tells what it has seen, and is answered 204 when nothing moved since.
    """
    seen = GenerationJob.objects.visible().fingerprint()
    if request.htmx.target == "jobs-table" and request.headers.get(SEEN_HEADER) == seen:
        return HttpResponse(status=204)
    jobs = GenerationJob.objects.visible().select_related("prompt", "base_model", "adapter")
    filters = JobFilter(request.GET, queryset=jobs, request=request)
    found = filters.qs if filters.form.is_valid() else jobs.none()
    page = _page(request, found)
    context = _list_context(request, filters, page) | {"seen": seen, "seen_header": SEEN_HEADER}
    template = "generation/jobs.html"
    if request.htmx and not request.htmx.history_restore_request:
        template = LIST_PARTS.get(request.htmx.target or "", template)
    return render(request, template, context, status=200 if filters.form.is_valid() else 400)


def _page(request: StudioRequest, found: GenerationJobQuerySet) -> Page:
    """Jobs of one purpose are one row; `?together=<job>` shows those of that job's purpose one by one."""
    one = find_job(request.GET.get("together", ""))
    jobs = found.filter(pk__in=jobs_beside(request.user, one).order_by().values("pk")) if one else found
    page = Paginator(jobs if one else folded(request.user, found), PAGE_SIZE).get_page(request.GET.get("page"))
    page.object_list = rows_for(request.user, page.object_list)
    if not one:
        show_together(request.user, page.object_list, found)
    return page


LIST_PARTS = {"jobs-view": "generation/_jobs_view.html", "jobs-table": "generation/_jobs_table.html"}


def _list_context(request: StudioRequest, filters: JobFilter, page: Page) -> dict[str, Any]:
    statistics = GenerationJob.objects.visible().statistics()
    return {
        "filter_form": filters.form,
        "page": page,
        "statistics": statistics,
        "tabs": _state_tabs(request, _counts(request) or statistics["states"]),
        "state": request.GET.get("state", ""),
        "is_filtered": any(request.GET.get(name) for name in (*filters.filters, "together")),
        "poll_url": request.get_full_path(),
    }


def _counts(request: StudioRequest) -> dict[str, int] | None:
    """How many of the jobs that fit the other filters are in each state; None where all jobs do."""
    others = request.GET.copy()
    others.pop("state", None)
    if not any(others.get(name) for name in JobFilter.base_filters):
        return None
    return JobFilter(others, queryset=GenerationJob.objects.visible(), request=request).qs.counts()


def _state_tabs(request: StudioRequest, counts: dict[str, int]) -> list[dict[str, Any]]:
    """All, then each state; the other filters stay."""
    state = request.GET.get("state", "")
    choices = [("", gettext("All"), sum(counts.values()))]
    if state == "active":
        choices.append(("active", gettext("Active"), counts["queued"] + counts["running"]))
    choices += [(value, label, counts[value]) for value, label in GenerationJob.State.choices]
    tabs = []
    for value, label, count in choices:
        query = request.GET.copy()
        query.pop("page", None)
        query.pop("state", None)
        if value:
            query["state"] = value
        url = f"{reverse('jobs')}?{query.urlencode()}" if query else reverse("jobs")
        tabs.append({"label": label, "url": url, "count": count, "current": value == state})
    return tabs


# -- one job -------------------------------------------------------------------------------------------------------


@require_safe
def job_detail(request: StudioRequest, job_id: UUID) -> HttpResponse:
    """Everything about a job: its candidates, settings and times; it follows while the job is unfinished."""
    return render(request, "generation/job_detail.html", {"job": _card(request, job_id), "view": "detail"})


@require_safe
def job_card(request: StudioRequest, job_id: UUID) -> HttpResponse:
    """A job's card; with `?have=0-1`, only what changed since the page had these candidates."""
    job = _card(request, job_id)
    if "have" not in request.GET:
        return render(request, "generation/_job_card.html", {"job": job, "view": _view(request)})
    return _update(request, job)


def _update(request: StudioRequest, job: GenerationJob) -> HttpResponse:
    had = set(request.GET.get("have", "").split("-")) - {""}
    new = [sample for sample in job.visible_samples if str(sample.index) not in had]
    lost = not job.visible_samples and (bool(had) or not job.is_unfinished)
    settled = job.taste is not None and job.state == GenerationJob.State.COMPLETED
    context = {"job": job, "view": _view(request), "new_samples": new, "lost": lost, "settled": settled}
    response = render(request, "generation/_job_update.html", context)
    return response if job.is_unfinished else trigger_client_event(response, "job-ended", {"id": str(job.pk)})


@require_POST
def cancel(request: StudioRequest, job_id: UUID) -> HttpResponse:
    """Stop a queued or running job."""
    job = _job(job_id)
    try:
        services.cancel_job(job=job, actor=request.user)
        messages.success(request, gettext("Job %(short_id)s was cancelled.") % {"short_id": job.short_id})
    except Forbidden as error:
        raise PermissionDenied(error.message) from error
    except DomainError as error:
        messages.error(request, error.message)
    if request.htmx:
        return _update(request, _card(request, job_id))
    return redirect("job-detail", job_id=job.pk)


@require_POST
def cancel_together(request: StudioRequest, job_id: UUID) -> HttpResponse:
    """Stop what is unfinished of all jobs that were sent for the same thing; each by the rule of one job."""
    cancelled = 0
    jobs = [job for job in jobs_beside(request.user, _job(job_id)).unfinished() if may_manage(request.user, job)]
    for job in jobs:
        with contextlib.suppress(JobIsFinished):
            services.cancel_job(job=job, actor=request.user)
            cancelled += 1
    told = ngettext("%(n)s job was cancelled.", "%(n)s jobs were cancelled.", cancelled) % {"n": cancelled}
    if cancelled:
        messages.success(request, told)
    else:
        messages.error(request, _("There is nothing left to cancel here that is yours."))
    return redirect("jobs")


@require_POST
def retry(request: StudioRequest, job_id: UUID) -> HttpResponse:
    """Send the same settings as a new job."""
    try:
        job = services.retry_job(job=_job(job_id), actor=request.user)
    except (DomainError, ValidationError) as error:
        words = error.message if isinstance(error, DomainError) else " ".join(error.messages)
        messages.error(request, words)
        if request.htmx:
            return render(request, "components/messages.html", {"oob": True})
        return redirect("job-detail", job_id=job_id)
    if request.htmx and _view(request) == "create":
        return announced(
            render(request, "generation/_job_card.html", {"job": _card(request, job.pk), "view": "create"}), job
        )
    return redirect("job-detail", job_id=job.pk)


@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: StudioRequest, job_id: UUID) -> HttpResponse:
    """Ask, naming what goes, then hide the job for everybody."""
    job = _job(job_id)
    if not may_manage(request.user, job):
        raise PermissionDenied(gettext("Only the person who sent a job, or a curator, can delete it."))
    if request.method == "POST":
        deletion = services.delete_job(job=job, actor=request.user)
        words = gettext("Job %(short_id)s was deleted.") % {"short_id": job.short_id}
        messages.success(request, words, extra_tags=reverse("deletion-undo", args=[deletion.pk]))
        return HttpResponseClientRedirect(reverse("jobs")) if request.htmx else redirect_back(request, "jobs")
    return confirm_page(
        request,
        title=gettext("Delete job %(short_id)s?") % {"short_id": job.short_id},
        text=gettext("Made from “%(prompt)s”. The prompt itself stays.") % {"prompt": job.prompt},
        losses=_losses(job),
        confirm_label=gettext("Delete job"),
        cancel_url=reverse("job-detail", args=[job.pk]),
    )


def _losses(job: GenerationJob) -> list[str]:
    """How many hearts there are is not said: whoever has yet to judge a sample is not told what others think of it."""
    samples = job.samples.visible().count()
    losses = (
        [gettext("the job, which is cancelled first")]
        if job.is_unfinished
        else [gettext("the job with its settings and times")]
    )
    if samples:
        losses.append(
            ngettext(
                "%(samples)s sample and all feedback on it, with everybody's hearts and notes",
                "%(samples)s samples and all feedback on them, with everybody's hearts and notes",
                samples,
            )
            % {"samples": samples}
        )
    return losses


def _job(job_id: UUID) -> GenerationJob:
    jobs = GenerationJob.objects.visible().select_related("prompt", "base_model", "adapter", "source_sample")
    return get_object_or_404(jobs, pk=job_id)


def _card(request: StudioRequest, job_id: UUID) -> GenerationJob:
    job = _job(job_id)
    return cards_for(request.user, GenerationJob.objects.filter(pk=job.pk))[0]


def _view(request: StudioRequest) -> str:
    view = request.GET.get("view", "")
    return view if view in VIEWS else "detail"
