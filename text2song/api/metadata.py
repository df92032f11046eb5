"""What OPTIONS tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework.metadata import SimpleMetadata
from rest_framework.request import Request

if TYPE_CHECKING:
    # The views import their metadata from here.
    from rest_framework.views import APIView


class PlainMetadata(SimpleMetadata):
    """Name, description and media types. What bodies hold is told by the OpenAPI schema, and nowhere else.

    REST framework's own looks up the object of every address that takes PUT, whether it names one or not.
    """

    def determine_actions(self, request: Request, view: APIView) -> dict[str, Any]:
        return {}
