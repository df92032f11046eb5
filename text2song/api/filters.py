"""Filters that refuse what they do not know instead of ignoring it."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.exceptions import ValidationError
from rest_framework.filters import OrderingFilter
from rest_framework.request import Request
from rest_framework.views import APIView

PAGING = {"page", "page_size", "ordering", "format"}


class StrictFilterBackend(DjangoFilterBackend):
    """An unknown query parameter on a list is a mistake worth telling."""

    def filter_queryset(self, request: Request, queryset: QuerySet, view: APIView) -> QuerySet:
        filterset = self.get_filterset(request, queryset, view)
        known = set(filterset.get_filters()) if filterset is not None else set()
        unknown = set(request.query_params) - known - PAGING - set(getattr(view, "extra_parameters", ()))
        if unknown:
            names = ", ".join(sorted(unknown))
            allowed = ", ".join(sorted(known | PAGING)) or "none"
            raise ValidationError({name: [f"Unknown filter: {names}. Known: {allowed}."] for name in sorted(unknown)})
        return super().filter_queryset(request, queryset, view)


class StrictOrderingFilter(OrderingFilter):
    """`?ordering=-created_at`; an unknown field is refused."""

    def remove_invalid_fields(
        self, queryset: QuerySet, fields: list[str], view: APIView, request: Request
    ) -> list[str]:
        allowed: list[Any] = [name for name, _ in self.get_valid_fields(queryset, view, {"request": request})]
        unknown = [field for field in fields if field.removeprefix("-") not in allowed]
        if unknown:
            raise ValidationError({"ordering": [f"Cannot order by {', '.join(unknown)}. Known: {', '.join(allowed)}."]})
        # Rows that are equal in these fields must not move between pages.
        return [*fields, "pk"]
