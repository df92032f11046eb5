"""What holds for every request: language, packing, the API's errors, sizes of bodies, sign-in, the user's time zone."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable
from functools import cache
from typing import Any

from django.conf import settings
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.middleware.locale import LocaleMiddleware
from django.urls import resolve, reverse
from django.utils import timezone, translation
from django.utils.translation import gettext
from django_htmx.http import HttpResponseClientRedirect

from text2song.api.errors import API_PREFIX, in_shape
from text2song.refusals import refuse

RANGE_NOT_SATISFIABLE = 416
"""Its answer is the media type's own, with `Content-Range`; players read it, nobody else."""


class LanguageMiddleware(LocaleMiddleware):
    """Speak the language of the cookie or of `Accept-Language`; it stands first, so that refusals of all others do too.

    Files that are the same in every language are answered as if this were not here.
    """

    def __call__(self, request: HttpRequest) -> Any:
        if request.path.startswith(settings.STATIC_URL):
            return self.get_response(request)
        try:
            return super().__call__(request)
        finally:
            translation.deactivate()  # what this thread does next, a task or a test, is nobody's request


class PackedWordsMiddleware(GZipMiddleware):
    """Send pages, fragments and lists packed: rows of clips shrink to a tenth. What streams, as sound does, stays."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponseBase:
        is_words = response.get("Content-Type", "").startswith(("text/", "application/json"))
        return super().process_response(request, response) if is_words and not response.streaming else response


class ApiErrorShapeMiddleware:
    """Errors under /api/ have the one shape, whoever raised them: a wrong host or method, the form token, a bug."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        is_error = response.status_code >= 400 and response.status_code != RANGE_NOT_SATISFIABLE
        if not (is_error and request.path.startswith(API_PREFIX)):
            return response
        return response if response.get("Content-Type") == "application/json" else in_shape(response)


class BodyLimitMiddleware:
    """Refuse bodies that are too large by what their headers say, before anything reads or stores them.

    `DATA_UPLOAD_MAX_MEMORY_SIZE` everywhere, `UPLOAD_MAX_BYTES` at `UPLOAD_VIEWS` for who is signed in: for pages that
    is looked up here, the API asks for the key before it reads. A body without a length is refused, because it cannot
    be judged (and Django would take it for empty).
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "HTTP_TRANSFER_ENCODING" in request.META:
            sentence = gettext("Send the body with a Content-Length; bodies in chunks are not read.")
            return refuse(request, 411, "length_required", gettext("The size of the request is missing"), sentence)
        length = self._length(request)
        if length > self._small:
            limit = settings.UPLOAD_MAX_BYTES if self._may_be_large(request) else self._small
            if length > limit:
                return self._too_large(request, limit)
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view_func: Callable[..., Any], view_args: Any, view_kwargs: Any
    ) -> HttpResponse | None:
        if self._length(request) <= self._small or request.path.startswith(API_PREFIX):
            return None
        return (
            None if request.user.is_authenticated else self._too_large(request, self._small, gettext(" Sign in first."))
        )

    @property
    def _small(self) -> int:
        return settings.DATA_UPLOAD_MAX_MEMORY_SIZE

    @staticmethod
    def _length(request: HttpRequest) -> int:
        length = request.META.get("CONTENT_LENGTH") or ""
        return int(length) if length.isascii() and length.isdecimal() else 0

    def _may_be_large(self, request: HttpRequest) -> bool:
        try:
            return request.method == "POST" and resolve(request.path_info).view_name in settings.UPLOAD_VIEWS
        except Http404:
            return False

    def _too_large(self, request: HttpRequest, limit: int, advice: str = "") -> HttpResponse:
        sentence = gettext("The request body is over the limit of %(value)s MB.%(advice)s") % {
            "value": f"{limit / 1000000.0:g}",
            "advice": advice,
        }
        return refuse(request, 413, "body_too_large", gettext("That is too large"), sentence)


class SignInRequiredMiddleware(LoginRequiredMiddleware):
    """Django's own, but the API answers for itself (401 in its error shape) and an HTMX poll moves the whole page."""

    def process_view(
        self, request: HttpRequest, view_func: Callable[..., Any], view_args: Any, view_kwargs: Any
    ) -> HttpResponseBase | None:
        if request.path.startswith(API_PREFIX):
            return None
        return super().process_view(request, view_func, view_args, view_kwargs)

    def handle_no_permission(self, request: HttpRequest, view_func: Callable[..., Any]) -> Any:
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
