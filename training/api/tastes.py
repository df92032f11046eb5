"""Tastes: learning, reading, learning again, deleting; and how fits are going."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from adapters.models import Taste
from adapters.querysets import with_hearing
from text2song.api.lookups import UUIDLookup
from text2song.api.schema import CONFLICT
from text2song.api.throttles import RequestThrottle, SubmitThrottle
from text2song.api.views import ApiViewSet
from training.api.filters import TasteFilter, TasteFitFilter
from training.api.taste_serializers import (
    ClipScoreSerializer,
    TasteFitSerializer,
    TasteLearnSerializer,
    TasteSerializer,
)
from training.models import TasteFit
from training.services.tastes import delete_taste, fit_again, fit_taste
from training.tastes.files import file_response
from training.tastes.scores import scores_for

QUEUED = {202: OpenApiResponse(TasteFitSerializer, description="Queued; poll its `url`.")}


@extend_schema_view(
    list=extend_schema(summary="List tastes, newest first"),
    retrieve=extend_schema(summary="Read a taste, and how good it is"),
)
class TasteViewSet(UUIDLookup, mixins.ListModelMixin, mixins.RetrieveModelMixin, ApiViewSet):
    """What people like, learned from their votes: the caller's own and everybody's; all for curators."""

    queryset = Taste.objects.all()
    serializer_class = TasteSerializer
    filterset_class = TasteFilter
    ordering_fields = ("created_at", "name", "version", "votes")

    def get_queryset(self) -> QuerySet[Taste]:
        return Taste.objects.visible_to(self.request.user).with_context().order_by("-created_at", "-id")

    def paginate_queryset(self, queryset: Any) -> list[Any] | None:
        page = super().paginate_queryset(queryset)
        return with_hearing(page) if page and self.action == "list" else page

    @extend_schema(
        summary="Learn a taste",
        description="From the caller's own votes (`raters` with their name) or from everybody's (without); "
        "curators also from those of others, or from a preference dataset. The same name again makes its next version.",
        request=TasteLearnSerializer,
        responses=QUEUED | CONFLICT,
    )
    def create(self, request: Request) -> Response:
        body = TasteLearnSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return self._queued(fit_taste(actor=request.user, **body.validated_data))

    @extend_schema(
        summary="Learn a taste again",
        description="From the votes that there are by now: its next version.",
        request=None,
        responses=QUEUED | CONFLICT,
    )
    @action(detail=True, methods=["post"], url_path="fit-again")
    def fit_again(self, request: Request, pk: str) -> Response:
        return self._queued(fit_again(actor=request.user, taste=self.get_object()))

    @extend_schema(
        summary="Delete a taste",
        description="With all its versions. Votes stay, and so does what it labelled.",
        responses={204: OpenApiResponse(description="Deleted")},
    )
    def destroy(self, request: Request, pk: str) -> Response:
        delete_taste(actor=request.user, taste=self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        summary="Download a taste's weights",
        description="A safetensors file; `described` of the taste says what it reads.",
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    @action(detail=True, filterset_class=None, pagination_class=None)
    def download(self, request: Request, pk: str) -> HttpResponseBase:
        return file_response(self.get_object())

    @extend_schema(
        operation_id="tastes_scores",
        summary="List what a taste makes of clips, the most liked first",
        description="Differences of `score` are log-odds. Scores are no votes, and are for clips that nobody "
        "is about to judge: those of an open listening test are left out, and of a taste of others' votes clips that "
        "others judged and the caller has not.",
        filters=False,
        responses={200: ClipScoreSerializer(many=True)},
    )
    @action(detail=True, filterset_class=None)
    def scores(self, request: Request, pk: str) -> Response:
        page = self.paginate_queryset(scores_for(request.user, self.get_object()))
        return self.get_paginated_response(ClipScoreSerializer(page, many=True).data)

    extra_parameters = {"scores": ("page", "page_size")}

    def _queued(self, fit: TasteFit) -> Response:
        answer = TasteFitSerializer(fit, context=self.get_serializer_context()).data
        return Response(answer, status=status.HTTP_202_ACCEPTED, headers={"Location": answer["url"]})

    def get_throttles(self) -> Sequence[Any]:
        sends = self.action in ("create", "fit_again")
        return [RequestThrottle(), SubmitThrottle()] if sends else super().get_throttles()


@extend_schema_view(
    list=extend_schema(summary="List the caller's fits of tastes, newest first"),
    retrieve=extend_schema(summary="See how a fit is going"),
)
class TasteFitViewSet(UUIDLookup, mixins.ListModelMixin, mixins.RetrieveModelMixin, ApiViewSet):
    """Tastes being learned, learned, or refused with the reason; all for curators."""

    queryset = TasteFit.objects.all()
    serializer_class = TasteFitSerializer
    filterset_class = TasteFitFilter
    ordering_fields = ("created_at", "finished_at")

    def get_queryset(self) -> QuerySet[TasteFit]:
        return TasteFit.objects.visible_to(self.request.user).with_context().order_by("-created_at", "-id")
