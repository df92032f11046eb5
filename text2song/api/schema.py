"""The OpenAPI schema: every operation names the errors it can answer with, all in the one shape."""

from __future__ import annotations

import re
from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction, OpenApiExample, OpenApiResponse, PolymorphicProxySerializer

from text2song.api.errors import ErrorSerializer
from text2song.api.serializers import StrictFieldsMixin

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


UUID_PATTERN = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


def list_of_ids(fewest: int, most: int) -> dict[str, Any]:
    """The schema of a query parameter of ids with commas between them."""
    return {"type": "string", "pattern": f"^{UUID_PATTERN}(,{UUID_PATTERN}){{{fewest - 1},{most - 1}}}$"}


def error_response(code: str) -> OpenApiResponse:
    """The documented answer for one status of error."""
    description, example = EXAMPLES[code]
    shown = OpenApiExample(f"error-{code}", value=example, response_only=True, status_codes=[code])
    return OpenApiResponse(ErrorSerializer, description=description, examples=[shown])


class StudioSchema(AutoSchema):
    """drf-spectacular's schema of a view, with the errors every operation shares filled in."""

    def _get_response_bodies(self, direction: Direction = "response") -> dict[str, Any]:
        bodies = super()._get_response_bodies(direction)
        if direction == "response":
            for code in self._error_codes(bodies):
                bodies[code] = self._get_response_for_code(error_response(code), code)
        return dict(sorted(bodies.items()))

    def _error_codes(self, declared: dict[str, Any]) -> list[str]:
        """400 everywhere: of a body, of ids, and of query parameters, which are known or refused."""
        codes = {"400", "401", "403", "429"} | ({"409"} & set(declared))
        if re.search(r"\{\w+\}", self.path) or self._is_paged() or "404" in declared:
            codes.add("404")
        return sorted(codes)

    def get_filter_backends(self) -> list[Any]:
        """What narrows and orders lists; another action has filters only by a set of its own."""
        backends = super().get_filter_backends()
        action = getattr(self.view, "action", None)
        filters: Any = getattr(self.view, "known_filters", dict)()
        return backends if action == "list" or filters else []

    def _get_parameters(self) -> list[dict[str, Any]]:
        """Query parameters that need a value have one."""
        needing: Any = getattr(self.view, "parameters_with_values", set)()
        told = super()._get_parameters()
        for parameter in told:
            schema = parameter.get("schema", {})
            if parameter["in"] == "query" and parameter["name"] in needing and schema.get("type") == "string":
                schema.setdefault("minLength", 1)
        return told

    def _is_paged(self) -> bool:
        return self._is_list_view() and getattr(self.view, "pagination_class", None) is not None

    def _resolve_path_parameters(self, variables: list[str]) -> list[dict[str, Any]]:
        """Ids in addresses are UUIDs, unless the view looks something up by another name."""
        told = super()._resolve_path_parameters(variables)
        ids = {"id", "pk"} if getattr(self.view, "lookup_field", "pk") == "pk" else set()
        return [p | {"schema": {"type": "string", "format": "uuid"}} if p["name"] in ids else p for p in told]

    def _get_request_body(self, direction: str = "request") -> dict[str, Any] | None:
        """Bodies that cannot be empty cannot be left out."""
        body = super()._get_request_body(direction)
        if body is not None:
            serializer = self.get_request_serializer()
            rules = getattr(serializer, "schema_rules", {})
            body |= {"required": True} if rules or isinstance(serializer, dict | PolymorphicProxySerializer) else {}
        return body

    def _map_basic_serializer(self, serializer: Any, direction: str) -> dict[str, Any]:
        """Bodies hold the fields that are named and no others."""
        told = super()._map_basic_serializer(serializer, direction)
        is_strict = direction == "request" and isinstance(serializer, StrictFieldsMixin)
        return told | ({"additionalProperties": False} | serializer.schema_rules if is_strict else {})
