"""Pages of 20, at most 100, with the total."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request


class ApiPagination(PageNumberPagination):
    """`?page=2&page_size=50` -> `{"count", "next", "previous", "results"}`."""

    page_size = 20
    page_size_query_param = "page_size"
    max_page_size = 100

    def get_page_number(self, request: Request, paginator: Paginator) -> int | str:
        """A page that is no number from 1 on is wrong input (400); one after the last is not there (404)."""
        asked = super().get_page_number(request, paginator)
        if not (isinstance(asked, int) or asked in self.last_page_strings or _is_counting_number(asked)):
            raise ValidationError({"page": ["page must be a whole number from 1 on."]})
        return asked

    def get_page_size(self, request: Request) -> int:
        """A size that is no number from 1 to the maximum is refused."""
        asked = request.query_params.get(self.page_size_query_param)
        if asked is None:
            return self.page_size
        if not _is_counting_number(asked) or int(asked[:20]) > self.max_page_size:
            raise ValidationError({"page_size": [f"page_size must be a whole number from 1 to {self.max_page_size}."]})
        return int(asked)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """As REST framework says it, with the bounds."""
        bounds = {"page": {"minimum": 1}, "page_size": {"minimum": 1, "maximum": self.max_page_size}}
        told = super().get_schema_operation_parameters(view)
        return [parameter | {"schema": parameter["schema"] | bounds[parameter["name"]]} for parameter in told]


def _is_counting_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and text.strip("0") != ""
