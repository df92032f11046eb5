"""Limits per time, by user. The refusal names the limit that was passed (see `api_errors`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.request import Request
from rest_framework.throttling import UserRateThrottle

if TYPE_CHECKING:
    # The views import their throttles from here.
    from rest_framework.views import APIView

PERIODS = {"s": "second", "m": "minute", "h": "hour", "d": "day"}


class RequestThrottle(UserRateThrottle):
    """All requests of a user: the rate "user" in the settings."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        allowed = super().allow_request(request, view)
        if not allowed:
            request.passed_limit = self.limit_in_words  # type: ignore[attr-defined]
        return allowed

    @property
    def limit_in_words(self) -> str:
        """As in “60 requests a minute”."""
        count, period = self.rate.split("/")
        return f"{count} requests a {PERIODS[period[0]]}"


class SubmitThrottle(RequestThrottle):
    """Requests that put work in the queue: the rate "generate"."""

    scope = "generate"

    @property
    def limit_in_words(self) -> str:
        return super().limit_in_words.replace("requests", "submitted jobs")
