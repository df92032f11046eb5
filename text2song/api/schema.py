"""The OpenAPI schema: every operation names the errors it can answer with, all in the one shape."""

from __future__ import annotations

import re
from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiResponse

from text2song.api.errors import ErrorSerializer

EXAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "400": (
        "The input is wrong; `fields` names what is at fault.",
        {
            "code": "duration_over_limit",
            "detail": "45 s is over the 30 s limit of MusicGen Small. Shorten it, or turn on long form (up to 120 s).",
            "fields": {"duration": ["45 s is over the 30 s limit of MusicGen Small. …"]},
        },
    ),
    "401": (
        "No key or session, or a key that is wrong, expired or revoked.",
        {"code": "not_authenticated", "detail": "Authentication credentials were not provided."},
    ),
    "403": (
        "The caller may not do this: wrong role, missing scope, somebody else's thing, or no CSRF token.",
        {"code": "permission_denied", "detail": "Only curators can change models."},
    ),
    "404": (
        "Unknown, deleted, or not visible to the caller.",
        {"code": "not_found", "detail": "There is nothing with this id here."},
    ),
    "409": (
        "It exists already, is busy, or its state does not allow this.",
        {
            "code": "job_finished",
            "detail": "The job is already completed; only queued and running jobs can be cancelled.",
        },
    ),
    "429": (
        "A limit per time, or the quota of unfinished jobs, is passed; `Retry-After` says how many seconds to wait.",
        {"code": "throttled", "detail": "Too many requests: the limit is 60 a minute. Try again in 12 s."},
    ),
}
CONFLICT: dict[int, type[ErrorSerializer]] = {409: ErrorSerializer}
"""For `extend_schema(responses={...} | CONFLICT)`: the one error that only some operations have."""


def error_response(code: str) -> OpenApiResponse:
    """The documented answer for one status of error."""
    description, example = EXAMPLES[code]
    shown = OpenApiExample(f"error-{code}", value=example, response_only=True, status_codes=[code])
    return OpenApiResponse(ErrorSerializer, description=description, examples=[shown])


class StudioSchema(AutoSchema):
    """drf-spectacular's schema of a view, with the errors every operation shares filled in."""

    def _get_response_bodies(self, direction: str = "response") -> dict[str, Any]:
        bodies = super()._get_response_bodies(direction)
        if direction == "response":
            for code in self._error_codes(bodies):
                bodies[code] = self._get_response_for_code(error_response(code), code)
        return dict(sorted(bodies.items()))

    def _error_codes(self, declared: dict[str, Any]) -> list[str]:
        codes = {"401", "403", "429"} | ({"409"} & set(declared))
        if self.method in {"POST", "PUT", "PATCH"} or self._is_list_view() or "400" in declared:
            codes.add("400")
        if re.search(r"\{\w+\}", self.path) or "404" in declared:
            codes.add("404")
        return sorted(codes)
