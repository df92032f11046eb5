"""Runs: starting, watching, stopping, comparing, deleting."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from text2song.api.lookups import UUIDLookup
from text2song.api.schema import CONFLICT, list_of_ids
from text2song.api.serializers import shown
from text2song.api.throttles import RequestThrottle, SubmitThrottle
from text2song.api.views import ApiViewSet
from training import services
from training.api.filters import TrainingRunFilter
from training.api.serializers import (
    ComparisonSerializer,
    DeletedSerializer,
    RunLogSerializer,
    RunMetricsSerializer,
    RunStartSerializer,
    TrainingRunSerializer,
)
from training.config import MAX_COUNT
from training.exceptions import RunNotFound
from training.models import TrainingRun
from training.runs import comparison
from training.runs.curves import metric_curves
from training.runs.journal import log_lines

MOST_IDS = 100
IDS, COMPARED = (
    OpenApiParameter("ids", list_of_ids(*range_), required=True, description="Ids of runs, separated by commas.")
    for range_ in ((1, MOST_IDS), (2, 5))
)
STARTED = {202: OpenApiResponse(TrainingRunSerializer, description="Queued; poll its `url`.")}
NAMES = OpenApiParameter("names", str, description="Names of metrics, separated by commas; all when left out.")
FIRST, LAST = (
    OpenApiParameter(f"{which}_step", int, description=f"The {which} step to send, itself included.")
    for which in ("first", "last")
)
AFTER = OpenApiParameter("after", int, description="Lines with a higher number than this; 0 is all.")


@extend_schema_view(
    list=extend_schema(summary="List runs, newest first"),
    retrieve=extend_schema(summary="Read a run"),
)
class RunViewSet(UUIDLookup, mixins.ListModelMixin, mixins.RetrieveModelMixin, ApiViewSet):
    """Everyone reads; who made the experiment, or a curator, starts, stops and deletes its runs."""

    queryset = TrainingRun.objects.all()
    serializer_class = TrainingRunSerializer
    filterset_class = TrainingRunFilter
    ordering_fields = ("created_at", "queued_at", "started_at", "finished_at", "best_value")
    extra_parameters = {
        "metrics": ("names", "first_step", "last_step"),
        "logs": ("after",),
        "compare": ("ids",),
        "bulk_destroy": ("ids",),
    }

    def get_queryset(self) -> QuerySet[TrainingRun]:
        return TrainingRun.objects.with_context().order_by("-created_at", "-id")

    @extend_schema(summary="Start a run", request=RunStartSerializer, responses=STARTED | CONFLICT)
    def create(self, request: Request) -> Response:
        body = RunStartSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return self._accepted(services.start_run(actor=request.user, **body.validated_data))

    @extend_schema(
        summary="Delete a run",
        description="Its log, metrics and checkpoints go with it; the adapter it made stays.",
        responses={204: OpenApiResponse(description="Deleted")} | CONFLICT,
    )
    def destroy(self, request: Request, pk: str) -> Response:
        services.delete_runs(ids=[self.get_object().pk], actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        operation_id="runs_bulk_destroy",
        summary="Delete several runs",
        description="All or none: one that is not finished refuses all. The answer says how many were deleted.",
        parameters=[IDS],
        filters=False,
        responses={200: DeletedSerializer, 400: None, 404: None} | CONFLICT,
    )
    def bulk_destroy(self, request: Request) -> Response:
        deleted = services.delete_runs(ids=_ids(request), actor=request.user)
        return Response(DeletedSerializer({"deleted": deleted}).data)

    @extend_schema(summary="Cancel a run", request=None, responses={200: TrainingRunSerializer} | CONFLICT)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        run = self.get_object()
        services.cancel_run(run=run, actor=request.user)
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(
        summary="Resume a failed or cancelled run",
        description="It goes on from its newest checkpoint, and ends as if it had never stopped.",
        request=None,
        responses=STARTED | CONFLICT,
    )
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        run = self.get_object()
        services.resume_run(run=run, actor=request.user)
        return self._accepted(run)

    @extend_schema(
        summary="Read a run's metrics",
        parameters=[NAMES, FIRST, LAST],
        filters=False,
        responses={200: RunMetricsSerializer, 400: None},
    )
    @action(detail=True, filterset_class=None, pagination_class=None)
    def metrics(self, request: Request, pk: str) -> Response:
        run = self.get_object()
        names = [name for name in request.query_params.get("names", "").replace("\x00", "").split(",") if name]
        first, last = (_whole_number(request, name) for name in ("first_step", "last_step"))
        curves = metric_curves(run=run, names=names[:MOST_IDS] or None, first_step=first, last_step=last)
        message = "" if curves else "This run has no metrics here yet." if run.is_unfinished else "No metrics here."
        answer = {"is_over": not run.is_unfinished, "message": message, "curves": curves}
        return Response(RunMetricsSerializer(answer).data)

    @extend_schema(
        summary="Read a run's log", parameters=[AFTER], filters=False, responses={200: RunLogSerializer, 400: None}
    )
    @action(detail=True, filterset_class=None, pagination_class=None)
    def logs(self, request: Request, pk: str) -> Response:
        run = self.get_object()
        after = _whole_number(request, "after") or 0
        lines = log_lines(run=run, after=after)
        answer = {
            "is_over": not run.is_unfinished,
            "last": lines[-1].number if lines else after,
            "progress_line": run.progress_line,
            "lines": lines,
        }
        return Response(RunLogSerializer(answer).data)

    @extend_schema(
        summary="Compare 2 to 5 runs",
        parameters=[COMPARED],
        filters=False,
        responses={200: ComparisonSerializer, 400: None, 404: None},
    )
    @action(detail=False, filterset_class=None, pagination_class=None)
    def compare(self, request: Request) -> Response:
        ids = _ids(request)
        found = TrainingRun.objects.with_context().in_bulk(ids)
        if missing := [pk for pk in ids if pk not in found]:
            raise RunNotFound(missing)
        made = comparison.compare_runs(runs=[found[pk] for pk in ids])
        return Response(ComparisonSerializer(made, context=self.get_serializer_context()).data)

    def _accepted(self, run: TrainingRun) -> Response:
        answer = self.get_serializer(self.get_queryset().get(pk=run.pk)).data
        return Response(answer, status=status.HTTP_202_ACCEPTED, headers={"Location": answer["url"]})

    def get_throttles(self) -> list[object]:
        return [RequestThrottle(), SubmitThrottle()] if self.action in ("create", "resume") else super().get_throttles()


def _ids(request: Request) -> list[UUID]:
    """The ids in the query; refused when there are none, or one is no UUID."""
    given = [part.strip() for part in request.query_params.get("ids", "").split(",") if part.strip()]
    if not 1 <= len(given) <= MOST_IDS:
        raise serializers.ValidationError({"ids": [f"ids must name 1 to {MOST_IDS} runs, separated by commas."]})
    try:
        return [UUID(part) for part in given]
    except ValueError as error:
        raise serializers.ValidationError({"ids": [f"ids: “{shown(','.join(given))}” holds no UUIDs."]}) from error


def _whole_number(request: Request, name: str) -> int | None:
    given = request.query_params.get(name)
    if given is None:
        return None
    if not (given.isascii() and given.isdecimal() and len(given) < 12 and int(given) <= MAX_COUNT):
        raise serializers.ValidationError({name: [f"{name} must be a whole number from 0."]})
    return int(given)
