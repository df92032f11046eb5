"""Pages of 20, at most 100, with the total."""

from __future__ import annotations

from rest_framework.pagination import PageNumberPagination


class ApiPagination(PageNumberPagination):
    """`?page=2&page_size=50` -> `{"count", "next", "previous", "results"}`."""

    page_size = 20
    page_size_query_param = "page_size"
    max_page_size = 100
