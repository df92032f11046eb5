"""Where a form was sent from, and going back there, and never to another site."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from text2song.pages.requests import StudioRequest


def next_url(request: HttpRequest, default: str) -> str:
    """`next` of form or query if it is an address of this studio, else the address of the view named `default`."""
    wanted = request.POST.get("next") or request.GET.get("next", "")
    if url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()):
        return wanted
    return reverse(default)


def redirect_back(request: HttpRequest, default: str) -> HttpResponseRedirect:
    """Redirect to `next_url`."""
    return HttpResponseRedirect(next_url(request, default))


def here(request: StudioRequest) -> str:
    """The page the reader is on; empty where a form was sent to an address of its own."""
    if request.htmx:
        return request.htmx.current_url_abs_path or ""
    return request.get_full_path() if request.method in ("GET", "HEAD") else ""
