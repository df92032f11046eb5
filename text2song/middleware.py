"""Sign-in everywhere but on what is public, and times in the user's own zone."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable
from functools import cache
from typing import Any

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django_htmx.http import HttpResponseClientRedirect

API_PREFIX = "/api/"


class SignInRequiredMiddleware(LoginRequiredMiddleware):
    """Django's own, but the API answers for itself (401 in its error shape) and an HTMX poll moves the whole page."""

    def process_view(
        self, request: HttpRequest, view_func: Callable[..., Any], view_args: Any, view_kwargs: Any
    ) -> HttpResponse | None:
        if request.path.startswith(API_PREFIX):
            return None
        return super().process_view(request, view_func, view_args, view_kwargs)

    def handle_no_permission(self, request: HttpRequest, view_func: Callable[..., Any]) -> HttpResponse:
        if request.headers.get("HX-Request"):
            return HttpResponseClientRedirect(reverse("sign-in"))
        return super().handle_no_permission(request, view_func)


@cache
def known_zones() -> frozenset[str]:
    """Names of all time zones; read from disk once."""
    return frozenset(zoneinfo.available_timezones())


class TimeZoneMiddleware:
    """Show times in the browser's zone, which the pages' script keeps in the cookie `tz`; UTC without it.

    The API speaks UTC to everybody.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        zone = request.COOKIES.get("tz", "")
        if zone in known_zones() and not request.path.startswith(API_PREFIX):
            with timezone.override(zone):
                return self.get_response(request)
        return self.get_response(request)
