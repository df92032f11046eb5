"""Answers that need neither database nor session, in the form the caller reads: API, HTMX or a page."""

from __future__ import annotations

from collections.abc import Collection

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext

from text2song.api.errors import API_PREFIX, error_answer
from text2song.api.serializers import shown
from text2song.outages import Outage


def refuse(request: HttpRequest, status: int, code: str, title: str, sentence: str) -> HttpResponse:
    """`sentence` with `status`. HTMX gets it as plain text: the page stays and shows it beside “Try again”."""
    if request.path.startswith(API_PREFIX):
        return error_answer(status, code, sentence)
    if request.headers.get("HX-Request"):
        return HttpResponse(sentence, status=status, content_type="text/plain; charset=utf-8")
    again = request.get_full_path() if request.method in ("GET", "HEAD") else ""
    return render(None, "refused.html", {"title": title, "sentence": sentence, "again": again}, status=status)


def refuse_choice(request: HttpRequest, name: str, known: Collection[str]) -> HttpResponse | None:
    """400 that names the filter and the known values when the address asks for another; None when it does not."""
    given = request.GET.get(name, "")
    if given in ("", *known):
        return None
    sentence = gettext("%(name)s: there is no “%(given)s”. Known: %(join)s.") % {
        "name": name,
        "given": shown(given),
        "join": ", ".join(known),
    }
    return refuse(request, 400, "invalid", gettext("This filter cannot be used"), sentence)


def say_outage(request: HttpRequest, outage: Outage) -> HttpResponse:
    """503 with the outage's sentence."""
    response = refuse(request, 503, outage.code, gettext("The studio cannot work right now"), outage.sentence)
    response["Retry-After"] = str(outage.retry_after)
    return response
