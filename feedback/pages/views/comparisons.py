"""Saying which of several samples is better: A/B choices and rankings."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from feedback import services
from feedback.pages.comparing import Comparison, comparison_context
from feedback.pages.forms import AmongForm, PreferenceForm, RankingForm
from generation.exceptions import SampleNotFound
from generation.listening.comparison import samples_to_compare
from generation.models import AudioSample
from text2song.exceptions import DomainError
from text2song.pages.forms import add_refusal
from text2song.pages.requests import StudioRequest
from text2song.pages.safe_redirect import redirect_back


@require_POST
def prefer(request: StudioRequest) -> HttpResponse:
    """Choose between two of the shown samples (`among`)."""
    samples, problem = _among(request)
    if problem is not None:
        return problem
    form = PreferenceForm(request.POST, choices=Comparison(samples, request.user).options)
    by_id: dict[UUID, AudioSample] = {sample.pk: sample for sample in samples}

    def store() -> object:
        values = form.cleaned_data
        return services.prefer(
            sample_a=by_id[values["sample_a"]],
            sample_b=by_id[values["sample_b"]],
            winner=values["winner"],
            strength=values["strength"],
            rater=request.user,
        )

    return _save(request, samples, form, store, gettext("Your choice is kept."))


@require_POST
def rank(request: StudioRequest) -> HttpResponse:
    """Put the shown samples (`among`) in order."""
    samples, problem = _among(request)
    if problem is not None:
        return problem
    form = RankingForm(request.POST, samples=Comparison(samples, request.user).named)
    return _save(
        request,
        samples,
        form,
        lambda: services.rank(samples=form.order(), rater=request.user),
        gettext("Your ranking is kept."),
    )


def _among(request: StudioRequest) -> tuple[list[AudioSample], HttpResponse | None]:
    """The samples the form was shown with; or the answer to a form that names none that can be compared."""
    form = AmongForm(request.POST)
    try:
        if form.is_valid():
            return samples_to_compare(form.cleaned_data["among"]), None
        message = " ".join(str(error) for errors in form.errors.values() for error in errors)
        status = 400
    except DomainError as error:
        message, status = error.message, 404 if isinstance(error, SampleNotFound) else 400
    return [], render(request, "feedback/not_comparable.html", {"problem": message}, status=status)


def _save(
    request: StudioRequest, samples: list[AudioSample], form: forms.Form, store: Callable[[], object], done: str
) -> HttpResponse:
    if form.is_valid():
        try:
            store()
        except DomainError as error:
            add_refusal(form, error)
    refused = form if form.errors else None
    if not request.htmx and refused is None:
        messages.success(request, done)
        return redirect_back(request, "feedback")
    comparison = Comparison(samples, request.user, refused)
    context = comparison_context(request, comparison) | {"saved": "" if refused else done}
    template = "feedback/_comparison.html" if request.htmx else "feedback/comparison.html"
    return render(request, template, context, status=400 if refused else 200)
