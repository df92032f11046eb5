"""What votes say: one test's results, and the leaderboard of all."""

from __future__ import annotations

from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from feedback.listening_tests.pages.tests import test_or_404
from feedback.listening_tests.services.results import results
from feedback.listening_tests.services.standings import standings
from text2song.exceptions import Forbidden
from text2song.pages.requests import StudioRequest


@require_safe
def results_page(request: StudioRequest, test_id: UUID) -> HttpResponse:
    """For curators, and for raters when the test is over."""
    test = test_or_404(request, test_id)
    try:
        found = results(actor=request.user, test=test)
    except Forbidden as error:
        raise PermissionDenied(error.message) from error
    return render(request, "feedback/tests/results.html", {"test": test, "results": found})


@require_safe
def leaderboard_page(request: StudioRequest) -> HttpResponse:
    return render(request, "feedback/tests/leaderboard.html", {"board": standings(actor=request.user)})
