"""What all views of the API do alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import django_filters
from django.db.models import QuerySet
from rest_framework import viewsets
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from text2song.api.auth import IsCurator
from text2song.api.serializers import shown

PAGING = ("page", "page_size")
FORMAT = "format"


class StrictQueries:
    """An unknown query parameter is a mistake worth telling, wherever it is sent; so is one without a value.

    `extra_parameters` has those of an action that are neither filters nor paging. Filters narrow lists: what an
    address names is found whatever else is said.
    """

    action: str | None
    detail: bool
    extra_parameters: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)  # type: ignore[misc]  # the view's
        if self.action is not None:
            self._refuse_wrong_parameters(request)

    def known_parameters(self) -> list[str]:
        """The query parameters of the action that was asked for, as the OpenAPI schema names them."""
        names = [*self.extra_parameters.get(self.action or "", ()), *self.known_filters()]
        if self.action == "list":
            names += ["ordering"] if getattr(self, "ordering_fields", ()) else []
            names += PAGING if getattr(self, "pagination_class", None) else ()
        return names

    def known_filters(self) -> Mapping[str, django_filters.Filter]:
        """Filters of the list, or of another action that has a filter set of its own."""
        own = getattr(getattr(self, self.action or "", None), "kwargs", {}).get("filterset_class")
        filterset = getattr(self, "filterset_class", None) if self.action == "list" else own
        return filterset.get_filters() if filterset else {}

    def parameters_with_values(self) -> set[str]:
        """Those that say nothing when they are empty: all but searches."""
        searches = {name for name, made in self.known_filters().items() if isinstance(made, django_filters.CharFilter)}
        return set(self.known_parameters()) - searches

    def filter_queryset(self, queryset: QuerySet) -> QuerySet:
        return queryset if self.detail else super().filter_queryset(queryset)  # type: ignore[misc]  # the view's

    def _refuse_wrong_parameters(self, request: Request) -> None:
        known = {*self.known_parameters(), FORMAT}
        names = ", ".join(sorted(known))
        wrong = {
            name: [f"Unknown filter: {shown(name)}. Known: {names}."]
            for name in sorted(set(request.query_params) - known)
        }
        empty = {
            name: [f"{name} is empty: give a value, or leave it out."]
            for name in sorted(self.parameters_with_values() & set(request.query_params))
            if not request.query_params[name]
        }
        if wrong or empty:
            raise ValidationError(wrong | empty)


class ChangedByCurators(viewsets.GenericViewSet):
    """Everyone reads; only curators change."""

    def get_permissions(self) -> list[BasePermission]:
        curators = [] if self.request is None or self.request.method in SAFE_METHODS else [IsCurator()]
        return [*super().get_permissions(), *curators]


class ApiViewSet(StrictQueries, viewsets.GenericViewSet):
    """The base of every viewset."""


class ApiModelViewSet(StrictQueries, viewsets.ModelViewSet):
    """Everything that can be done to rows. `PUT` replaces: what a body leaves out goes back to its default."""

    def perform_update(self, serializer: Any) -> None:
        changes = serializer.validated_data if serializer.partial else serializer.replacing_data
        self.store(serializer, changes)

    def store(self, serializer: Any, changes: Mapping[str, Any]) -> None:
        """Change `serializer.instance` by a service."""
        raise NotImplementedError
