"""Orders that refuse what they do not know instead of ignoring it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.filters import OrderingFilter
from rest_framework.request import Request
from rest_framework.views import APIView


class StrictOrderingFilter(OrderingFilter):
    """`?ordering=-created_at`; an unknown field is refused.

    `ordering_aliases` of a view names what it orders by where that is no field.
    """

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        name = f"-?({'|'.join(getattr(view, 'ordering_fields', None) or ())})"
        told = super().get_schema_operation_parameters(view)
        return [p | {"schema": {"type": "string", "pattern": f"^{name}(,{name})*$"}} for p in told]

    def remove_invalid_fields(
        self, queryset: QuerySet, fields: list[str], view: APIView, request: Request
    ) -> list[str]:
        allowed: list[Any] = [name for name, _ in self.get_valid_fields(queryset, view, {"request": request})]
        unknown = [field for field in fields if field.removeprefix("-") not in allowed]
        if unknown:
            raise ValidationError({"ordering": [f"Cannot order by {', '.join(unknown)}. Known: {', '.join(allowed)}."]})
        # Rows that are equal in these fields must not move between pages.
        return [*(_aliased(field, getattr(view, "ordering_aliases", {})) for field in fields), "pk"]


def _aliased(field: str, aliases: Mapping[str, str]) -> str:
    name = field.removeprefix("-")
    return f"{'-' if name != field else ''}{aliases.get(name, name)}"
