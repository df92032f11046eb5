"""Pages of the studio as a whole: overview, status, sign-in, errors, API documentation."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import login_not_required, login_required
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_safe
from rest_framework.views import APIView

from text2song.outages import outage_behind
from text2song.pages import overview as loop
from text2song.pages.next_step import next_step
from text2song.pages.requests import StudioRequest
from text2song.refusals import say_outage
from text2song.workforce import workforce_of


@require_safe
def overview(request: StudioRequest) -> HttpResponse:
    """The next useful action, the newest samples, and the loop with live counts."""
    totals = loop.figures(request.user)
    context = _loop_context(request, totals) | {"newest": loop.newest_samples(request.user), "figures": totals}
    return render(request, "overview.html", context)


@require_safe
def overview_loop(request: StudioRequest) -> HttpResponse:
    """The loop, and beside it the next action, for polling while there is work."""
    context = _loop_context(request, loop.figures(request.user))
    return render(request, "_loop_update.html", context)


def _loop_context(request: StudioRequest, totals: loop.Figures) -> dict[str, Any]:
    workforce = workforce_of(request)
    stations = loop.stations(totals, workforce)
    active = any(station.at_work for station in stations) or bool(workforce.standing_still)
    return {"stations": stations, "next_step": next_step(request.user, workforce), "active": active}


@require_safe
def studio_status(request: StudioRequest) -> HttpResponse:
    """The status alone, for its refresh."""
    return render(request, "_studio_status.html", {"status": loop.status(request.user, workforce_of(request))})


class SignInView(LoginView):
    """Sign in with user name and password; somebody signed in already goes straight on."""

    template_name = "registration/sign_in.html"
    redirect_authenticated_user = True


@method_decorator(login_not_required, name="dispatch")
class SignOutView(LogoutView):
    """Sign out by POST."""


def api_docs(view_class: type[APIView]) -> Callable[..., HttpResponse]:
    """The interactive API documentation as a page of the studio, for whoever is signed in.

    `view_class` is drf-spectacular's split view: its script is a file of its own, so the strict policy holds here too.
    """
    return require_safe(login_required(view_class.as_view(template_name="api_docs.html", url_name="api-schema")))


@login_not_required
def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404 inside the shell."""
    return render(request, "404.html", status=404)


@login_not_required
def server_error(request: HttpRequest) -> HttpResponse:
    """Needs neither database nor session: 503 that names what is out of order, 500 for what is nobody's outage.

    Django calls this while the error is being handled, wherever it was raised: in a view, a template, the session.
    """
    if (outage := outage_behind(sys.exc_info()[1])) is not None:
        return say_outage(request, outage)
    return render(None, "500.html", status=500)
