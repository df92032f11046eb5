"""Limits per time, by user. The refusal names the limit that was passed (see `api_errors`).

Time is cut into windows of the limit's period, by the clock. Counting is atomic in the cache, so a limit holds over all
threads, processes and machines that share one. A request that is refused is not counted, and where the cache is away
nobody is refused.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.throttling import UserRateThrottle

if TYPE_CHECKING:
    # The views import their throttles from here.
    from rest_framework.views import APIView

PERIODS = {"s": "second", "m": "minute", "h": "hour", "d": "day"}


class RequestThrottle(UserRateThrottle):
    """All requests of a user: the rate "user" in the settings."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        self.now = self.timer()
        window = int(self.now // self.duration)
        self.key = f"{self.get_cache_key(request, view)}:{self.rate}:{window}"
        self.seconds_left = (window + 1) * self.duration - self.now
        allowed = self._count()
        if not allowed:
            request.passed_limit = self.limit_in_words
        return allowed

    def _count(self) -> bool:
        """Count this request unless the limit is reached. A count that cannot be kept allows it."""
        try:
            self.cache.add(self.key, 0, timeout=2 * self.duration)
            if self.cache.incr(self.key) <= self.num_requests:
                return True
        except ValueError:
            return True
        self.give_back()
        return False

    def give_back(self) -> None:
        """Take one request from the count again."""
        with contextlib.suppress(ValueError):  # the window is over, or the cache is away
            self.cache.decr(self.key)

    def wait(self) -> float:
        """Seconds until the next window."""
        return self.seconds_left

    @property
    def limit_in_words(self) -> str:
        """As in “60 requests a minute”."""
        count, period = self.rate.split("/")
        return f"{count} requests a {PERIODS[period[0]]}"


class SubmitThrottle(RequestThrottle):
    """Requests that put work in the queue: the rate "generate". Only those that were accepted count."""

    scope = "generate"

    def allow_request(self, request: Request, view: APIView) -> bool:
        allowed = super().allow_request(request, view)
        if allowed:
            request.counted_submission = self
        return allowed

    @property
    def limit_in_words(self) -> str:
        return super().limit_in_words.replace("requests", "submitted jobs")


class AddressThrottle(RequestThrottle):
    """Requests without an account, by the address they come from: the rate "shared". For pages too."""

    scope = "shared"

    def get_cache_key(self, request: Request | HttpRequest, view: APIView | None) -> str:
        return self.cache_format % {"scope": self.scope, "ident": self.get_ident(request)}


def give_back_submission(request: Request | None) -> None:
    """Called for a request that was refused after all: what it has not submitted does not count as submitted."""
    throttle = getattr(request, "counted_submission", None)
    if isinstance(throttle, SubmitThrottle):
        throttle.give_back()
