"""Jobs: listing, reading, deleting, sending again."""

from __future__ import annotations

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from generation import services
from generation.api.answers import ACCEPTED, accepted
from generation.api.deletions import DELETION_ID, deleted
from generation.api.filters import JobApiFilter
from generation.api.serializers import JobSerializer, JobStatisticsSerializer
from generation.models import GenerationJob
from text2song.api.lookups import UUIDLookup
from text2song.api.schema import CONFLICT
from text2song.api.throttles import RequestThrottle, SubmitThrottle
from text2song.api.views import ApiViewSet


@extend_schema_view(
    list=extend_schema(summary="List jobs, newest first"),
    retrieve=extend_schema(summary="Read a job"),
)
class JobViewSet(UUIDLookup, mixins.ListModelMixin, mixins.RetrieveModelMixin, ApiViewSet):
    """All jobs that are not deleted. Everyone reads; only the person who sent a job, or a curator, changes it."""

    queryset = GenerationJob.objects.all()
    serializer_class = JobSerializer
    filterset_class = JobApiFilter
    ordering_fields = ("created_at", "queued_at", "started_at", "finished_at", "duration", "num_samples")

    def get_queryset(self) -> QuerySet[GenerationJob]:
        return GenerationJob.objects.visible().with_samples().with_position()

    @extend_schema(
        summary="Delete a job",
        description="It is cancelled if unfinished, and hidden; hearts and feedback on its samples go with it.",
        parameters=[DELETION_ID],
        responses={204: OpenApiResponse(description="Deleted")} | CONFLICT,
    )
    def destroy(self, request: Request, pk: str) -> Response:
        return deleted(services.delete_job(job=self.get_object(), actor=request.user))

    @extend_schema(summary="Read the queue's statistics", filters=False, responses={200: JobStatisticsSerializer})
    @action(detail=False, filterset_class=None, pagination_class=None)
    def statistics(self, request: Request) -> Response:
        return Response(JobStatisticsSerializer(GenerationJob.objects.visible().statistics()).data)

    @extend_schema(
        summary="Send the same settings as a new job",
        description="The seed is the same too, so that a failed job is made as it was meant.",
        request=None,
        responses=ACCEPTED | CONFLICT,
    )
    @action(detail=True, methods=["post"], throttle_classes=[RequestThrottle, SubmitThrottle])
    def retry(self, request: Request, pk: str) -> Response:
        return accepted(services.retry_job(job=self.get_object(), actor=request.user), request)
