"""Judging: the page that goes from one trial to the next, its sound, what it reports, the vote."""

from __future__ import annotations

import io
import json
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import reswap, retarget

from feedback.listening_tests import coverage
from feedback.listening_tests.access import find_test, may_see_results
from feedback.listening_tests.clips import HEADER_BYTES, shape_of, trial_wav
from feedback.listening_tests.exceptions import TrialNotFound, WrongState
from feedback.listening_tests.services import trials, votes
from feedback.listening_tests.showing import shown_trial
from feedback.models import ListeningTest, Trial
from text2song.byte_ranges import file_response
from text2song.exceptions import DomainError, NotFound, Refused
from text2song.pages.requests import StudioRequest

CONTENT_TYPE = "audio/wav"
NAME = 'inline; filename="sample.wav"'
"""The same for both clips of every trial."""
KEEP = "private, no-store"


@require_safe
@never_cache
def listen(request: StudioRequest, test_id: UUID) -> HttpResponse:
    """The rater's next trial, or that nothing is left."""
    try:
        test = find_test(request.user, test_id)
    except NotFound as error:
        raise Http404 from error
    return render(request, "feedback/tests/listen.html", _next(request, test))


@require_POST
@never_cache
def cast(request: StudioRequest, token: str) -> HttpResponse:
    """Vote, then go on to the next trial. A refused vote leaves the trial as it is and tells what is missing."""
    try:
        trial = votes.find_trial(rater=request.user, token=token)
    except TrialNotFound as error:
        raise Http404 from error
    problem, status = _vote(request, token)
    if request.htmx and status == Refused.status:  # the sound goes on, nothing but the sentence changes
        response = render(request, "feedback/tests/_trial_problem.html", {"problem": problem}, status=status)
        return reswap(retarget(response, "#trial-problem"), "outerHTML")
    if not request.htmx and not problem:
        return redirect("test-listen", test_id=trial.test_id)
    trial.test.refresh_from_db()
    template = "feedback/tests/_trial.html" if request.htmx else "feedback/tests/listen.html"
    return render(request, template, _next(request, trial.test) | {"problem": problem}, status=status)


def _vote(request: StudioRequest, token: str) -> tuple[str, int]:
    """What went wrong, in words ("" if nothing), and the status."""
    try:
        choice = request.POST.get("choice", "")
        if choice not in Trial.Choice.values:
            raise Refused(gettext("Choose one of the four answers."))
        votes.vote(rater=request.user, token=token, choice=choice, heard=_heard(request))
    except DomainError as error:
        return error.message, error.status
    return "", 200


@require_POST
def heard(request: StudioRequest, token: str) -> HttpResponse:
    """Add what the page has played; answers with the seconds heard of each sample."""
    try:
        first, second = _heard(request) or ([], [])
        trial = votes.report_heard(rater=request.user, token=token, first=first, second=second)
    except DomainError as error:
        return JsonResponse({"code": error.code, "detail": error.message}, status=error.status)
    return JsonResponse({"first": coverage.seconds(trial.heard_first), "second": coverage.seconds(trial.heard_second)})


@require_safe
def audio(request: StudioRequest, token: str) -> HttpResponseBase:
    """The sound of one clip of an open trial, sent by this process: a link to the store would name the file."""
    try:
        clip = votes.clip_of(rater=request.user, token=token)
        wav = trial_wav(clip.trial, first=clip.is_first)
    except TrialNotFound as error:
        raise Http404 from error
    except DomainError as error:
        return HttpResponse(error.message, status=error.status, content_type="text/plain; charset=utf-8")
    response = file_response(request, io.BytesIO(wav), size=len(wav), content_type=CONTENT_TYPE)
    response.headers["Content-Disposition"] = NAME
    response.headers["Cache-Control"] = KEEP
    if request.method == "GET" and _seconds_sent(response, clip.trial) >= votes.required_seconds(clip.trial):
        votes.note_sent(clip)
    return response


def _seconds_sent(response: HttpResponseBase, trial: Trial) -> float:
    """Players first ask for a few bytes to see what there is; that is no listening."""
    if response.status_code not in (200, 206):
        return 0.0
    return (int(response.headers["Content-Length"]) - HEADER_BYTES) / shape_of(trial.pair).bytes_per_second


def _heard(request: StudioRequest) -> tuple[object, object] | None:
    """The intervals the page's script reports of each clip, as JSON; None from a page without script."""
    if "heard_first" not in request.POST and "heard_second" not in request.POST:
        return None
    return _json(request, "heard_first"), _json(request, "heard_second")


def _json(request: StudioRequest, name: str) -> object:
    try:
        return json.loads(request.POST.get(name, "[]"))
    except (ValueError, RecursionError):
        return None


def _next(request: StudioRequest, test: ListeningTest) -> dict[str, Any]:
    """What the page shows now."""
    context: dict[str, Any] = {"test": test, "choices": Trial.Choice}
    try:
        trial = trials.next_trial(rater=request.user, test=test)
    except WrongState as error:
        context |= {"over": error.message}
        trial = None
    if trial is not None:
        return context | {"trial": shown_trial(trial)}
    guest = getattr(request, "is_guest", False)
    others = ListeningTest.objects.open_to(request.user).exclude(pk=test.pk).order_by("created_at")
    return context | {
        "progress": trials.rater_progress(rater=request.user, test=test),
        "others": others[:5],
        "results_shown": may_see_results(request.user, test) and not guest,
    }
