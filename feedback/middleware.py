"""Guests, who came by an invitation, can listen and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext_lazy

from feedback.listening_tests.access import is_guest
from text2song.api.errors import API_PREFIX

OPEN_TO_GUESTS = {
    "tests",
    "test-listen",
    "trial-audio",
    "trial-heard",
    "trial-vote",
    "rater-reliability",
    "invitation",
    "sign-out",
    "api-listening-test-next-trial",
    "api-trial-detail",
    "api-trial-heard",
    "api-trial-vote",
}
"""URL names. What is not named here is closed, so that a page added later is too."""
REFUSAL = gettext_lazy("Guests can listen and judge, nothing else. Ask a curator for an account if you need more.")


class GuestMiddleware:
    """Sets `request.is_guest`, and answers 403 to a guest everywhere but on listening pages and public addresses."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.is_guest = SimpleLazyObject(lambda: is_guest(request.user))  # type: ignore[attr-defined]  # set here
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view_func: Callable[..., Any], view_args: Any, view_kwargs: Any
    ) -> HttpResponse | None:
        is_api = request.path.startswith(API_PREFIX)  # its views answer for sign-in themselves, so none is marked
        public = not is_api and not getattr(view_func, "login_required", True)
        named = request.resolver_match is not None and request.resolver_match.view_name in OPEN_TO_GUESTS
        if public or named or not request.is_guest:  # type: ignore[attr-defined]  # set here
            return None
        if is_api:
            return JsonResponse({"code": "permission_denied", "detail": str(REFUSAL)}, status=403)
        return render(request, "feedback/tests/guests_listen.html", {"refusal": REFUSAL}, status=403)
