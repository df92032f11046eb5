"""The API of datasets."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from datasets_app import services
from datasets_app.api.downloads import export_response
from datasets_app.api.filters import DatasetFilter
from datasets_app.api.serializers import (
    ChoiceOfRowsSerializer,
    CountSerializer,
    DatasetSerializer,
    DatasetStatisticsSerializer,
    ExportSerializer,
    NewDatasetSerializer,
    NewExportSerializer,
    ReadinessSerializer,
)
from datasets_app.building.selection import FEWEST_TOLD, readiness
from datasets_app.exceptions import DatasetNotReady, InvalidFilters
from datasets_app.models import Dataset, Export
from datasets_app.report.telling import statistics_for
from text2song.api.lookups import UUIDLookup
from text2song.api.schema import CONFLICT
from text2song.api.throttles import RequestThrottle, SubmitThrottle
from text2song.api.views import ApiViewSet

NEW_EXAMPLE = OpenApiExample(
    "Liked clips",
    value={"name": "liked pianos", "kind": "supervised", "filters": {"min_rating": 4, "required_tags": ["catchy"]}},
    request_only=True,
)
COUNT_EXAMPLE = OpenApiExample("Pairs", value={"kind": "preference", "filters": {}}, request_only=True)
EXPORT_EXAMPLE = OpenApiExample("Hugging Face", value={"format": "huggingface"}, request_only=True)


@extend_schema_view(
    list=extend_schema(summary="List datasets, newest first"),
    retrieve=extend_schema(summary="Read a dataset, or how its build is going"),
)
class DatasetViewSet(UUIDLookup, mixins.ListModelMixin, mixins.RetrieveModelMixin, ApiViewSet):
    """Immutable training data made from feedback: curators make it, everyone finds it and trains on it.

    What it tells of others' answers is told to curators, and to whoever has judged every clip in it.
    """

    queryset = Dataset.objects.all()
    serializer_class = DatasetSerializer
    filterset_class = DatasetFilter
    ordering_fields = ("created_at", "name", "built_at")

    def get_queryset(self) -> QuerySet[Dataset]:
        datasets = Dataset.objects.with_exports().order_by("-created_at", "-id")
        return datasets if self.action == "list" else datasets.visible()

    @extend_schema(
        summary="Build a dataset",
        description="Curators only (403). Refused (400) when nothing fits the filters. A worker builds it; poll the "
        "answer's `url`.",
        request=NewDatasetSerializer,
        examples=[NEW_EXAMPLE],
        responses={202: OpenApiResponse(DatasetSerializer, description="Being built; poll `url`.")},
    )
    def create(self, request: Request) -> Response:
        values = _body(NewDatasetSerializer, request)
        try:
            dataset = services.create_dataset(actor=request.user, **values)
        except InvalidFilters as error:
            raise _in_filters(error) from error
        answer = self.get_serializer(dataset).data
        return Response(answer, status=status.HTTP_202_ACCEPTED, headers={"Location": answer["url"]})

    @extend_schema(
        summary="Delete a dataset",
        description="It is hidden. 409 while an adapter or an experiment uses it.",
        responses={204: OpenApiResponse(description="Deleted")} | CONFLICT,
    )
    def destroy(self, request: Request, pk: str) -> Response:
        services.delete_dataset(dataset=self.get_object(), actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        summary="Read a dataset's quality report",
        description="409 until it is built. Figures made of answers are null, and `answers_told` false, for a rater "
        "who has not judged every clip in it.",
        responses={200: DatasetStatisticsSerializer} | CONFLICT,
    )
    @action(detail=True, filterset_class=None, pagination_class=None)
    def stats(self, request: Request, pk: str) -> Response:
        dataset = self.get_object()
        if not dataset.is_ready:
            raise DatasetNotReady(dataset.name, dataset.state)
        return Response(statistics_for(request.user, dataset))

    @extend_schema(
        summary="Count the rows a dataset would have",
        description="Curators only (403): counts by chosen filters tell what others answered on single clips. Fewer "
        f"than {FEWEST_TOLD} are told as that: `count` is null then, and `fewer_than` is the number.",
        request=ChoiceOfRowsSerializer,
        examples=[COUNT_EXAMPLE],
        responses={200: CountSerializer},
    )
    @action(detail=False, methods=["post"])
    def count(self, request: Request) -> Response:
        body = _body(ChoiceOfRowsSerializer, request)
        try:
            found = services.preview_parts(actor=request.user, **body)
        except InvalidFilters as error:
            raise _in_filters(error) from error
        told = {"count": found.rows, "fewer_than": FEWEST_TOLD if found.rows is None else None}
        return Response(told | ({"labelled": found.labelled} if body["filters"].get("taste") else {}))

    @extend_schema(
        summary="See whether the feedback suffices for a first dataset",
        description=f"Fewer than {FEWEST_TOLD} are told as that: `have` and `missing` are null then, and "
        "`fewer_than` is the number.",
        responses={200: ReadinessSerializer(many=True)},
    )
    @action(detail=False, filterset_class=None, pagination_class=None)
    def readiness(self, request: Request) -> Response:
        return Response(ReadinessSerializer(readiness(request.user), many=True).data)

    @extend_schema(
        summary="List a dataset's exports, newest first",
        methods=["get"],
        responses={200: ExportSerializer(many=True)},
    )
    @extend_schema(
        summary="Export a dataset",
        description="An export that is there or under way already is answered again. Poll the answer's `url`. 403 for "
        "a rater who has not judged every clip in the dataset: an export holds everybody's answers.",
        methods=["post"],
        request=NewExportSerializer,
        examples=[EXPORT_EXAMPLE],
        responses={202: OpenApiResponse(ExportSerializer, description="Being written; poll `url`.")} | CONFLICT,
    )
    @action(detail=True, methods=["get", "post"], filterset_class=None, pagination_class=None)
    def export(self, request: Request, pk: str) -> Response:
        dataset, context = self.get_object(), self.get_serializer_context()
        if request.method != "POST":
            return Response(ExportSerializer(dataset.exports.all(), many=True, context=context).data)
        wanted = _body(NewExportSerializer, request)["format"]
        export = services.start_export(dataset=dataset, file_format=wanted, actor=request.user)
        answer = ExportSerializer(export, context=context).data
        return Response(answer, status=status.HTTP_202_ACCEPTED, headers={"Location": answer["url"]})

    def get_throttles(self) -> list[Any]:
        submits = self.action == "create" or (self.action == "export" and self.request.method == "POST")
        return [RequestThrottle(), SubmitThrottle()] if submits else super().get_throttles()


@extend_schema_view(retrieve=extend_schema(summary="See how an export is going"))
class ExportViewSet(UUIDLookup, mixins.RetrieveModelMixin, ApiViewSet):
    """Datasets as files."""

    queryset = Export.objects.all()
    serializer_class = ExportSerializer

    def get_queryset(self) -> QuerySet[Export]:
        return Export.objects.filter(dataset__deleted_at__isnull=True).select_related("dataset")

    @extend_schema(
        summary="Download an export",
        description="403 for a rater who has not judged every clip in it, 409 while it is being written, 404 when its "
        "file is gone.",
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY} | CONFLICT,
    )
    @action(detail=True, pagination_class=None)
    def download(self, request: Request, pk: str) -> HttpResponseBase:
        return export_response(self.get_object(), request.user)


def _body(serializer: type[Any], request: Request) -> dict[str, Any]:
    body = serializer(data=request.data)
    body.is_valid(raise_exception=True)
    return dict(body.validated_data)


def _in_filters(error: InvalidFilters) -> InvalidFilters:
    """The same refusal, its fields named as they stand in the body."""
    error.fields = {f"filters.{name}": messages for name, messages in error.fields.items()}
    return error
