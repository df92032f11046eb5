"""Experiments: making, changing, archiving."""

from __future__ import annotations

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from text2song.api.lookups import UUIDLookup
from text2song.api.schema import CONFLICT
from text2song.api.views import ApiViewSet
from training.api.filters import ExperimentFilter
from training.api.serializers import ExperimentSerializer, ExperimentWriteSerializer
from training.models import Experiment
from training.services import (
    archive_experiment,
    create_experiment,
    unarchive_experiment,
    update_experiment,
)


@extend_schema_view(
    list=extend_schema(summary="List experiments, newest first"),
    retrieve=extend_schema(summary="Read an experiment"),
)
class ExperimentViewSet(UUIDLookup, mixins.ListModelMixin, mixins.RetrieveModelMixin, ApiViewSet):
    """Everyone reads and makes experiments; who made one, or a curator, changes it."""

    queryset = Experiment.objects.all()
    serializer_class = ExperimentSerializer
    filterset_class = ExperimentFilter
    ordering_fields = ("created_at", "updated_at", "name", "state")

    def get_queryset(self) -> QuerySet[Experiment]:
        return Experiment.objects.with_context().order_by("-created_at", "-id")

    @extend_schema(
        summary="Make an experiment",
        description="Settings left out keep their defaults; the method is what fits the dataset.",
        request=ExperimentWriteSerializer,
        responses={201: ExperimentSerializer} | CONFLICT,
    )
    def create(self, request: Request) -> Response:
        body = ExperimentWriteSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        experiment = create_experiment(actor=request.user, **body.validated_data)
        return Response(self._answer(experiment), status=status.HTTP_201_CREATED)

    @extend_schema(
        summary="Change an experiment",
        description="Runs keep what they were started with.",
        request=ExperimentWriteSerializer,
        responses={200: ExperimentSerializer} | CONFLICT,
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        experiment = self.get_object()
        body = ExperimentWriteSerializer(experiment, data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        update_experiment(experiment=experiment, actor=request.user, **body.validated_data)
        return Response(self._answer(experiment))

    @extend_schema(
        summary="Archive an experiment",
        description="Its runs and adapters stay.",
        responses={204: OpenApiResponse(description="Archived")} | CONFLICT,
    )
    def destroy(self, request: Request, pk: str) -> Response:
        archive_experiment(experiment=self.get_object(), actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(summary="Archive an experiment", request=None, responses={200: ExperimentSerializer} | CONFLICT)
    @action(detail=True, methods=["post"])
    def archive(self, request: Request, pk: str) -> Response:
        experiment = self.get_object()
        archive_experiment(experiment=experiment, actor=request.user)
        return Response(self._answer(experiment))

    @extend_schema(
        summary="Take an experiment out of the archive",
        request=None,
        responses={200: ExperimentSerializer} | CONFLICT,
    )
    @action(detail=True, methods=["post"])
    def unarchive(self, request: Request, pk: str) -> Response:
        experiment = self.get_object()
        unarchive_experiment(experiment=experiment, actor=request.user)
        return Response(self._answer(experiment))

    def _answer(self, experiment: Experiment) -> dict[str, object]:
        return dict(self.get_serializer(self.get_queryset().get(pk=experiment.pk)).data)
