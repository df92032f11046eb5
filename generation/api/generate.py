"""Sending a job, polling it, cancelling it."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle

from generation import services
from generation.api.answers import ACCEPTED, IDEMPOTENCY_KEY, accepted, once
from generation.api.serializers import GenerateSerializer, JobSerializer
from generation.api.serializers.jobs import ATTRIBUTES
from generation.jobs.presets import PRESET_BY_KEY
from generation.models import GenerationJob
from text2song.api.lookups import UUIDLookup
from text2song.api.schema import CONFLICT
from text2song.api.throttles import SubmitThrottle
from text2song.api.views import ApiViewSet


@extend_schema_view(
    retrieve=extend_schema(
        summary="Poll a job",
        description="State, progress, steps, time left, place in the queue; samples with audio links as they are "
        "finished; a sentence when it failed.",
    )
)
class GenerateViewSet(UUIDLookup, mixins.RetrieveModelMixin, ApiViewSet):
    """The short way from a prompt to music: send, poll, listen."""

    queryset = GenerationJob.objects.all()
    serializer_class = JobSerializer

    def get_queryset(self) -> QuerySet[GenerationJob]:
        return GenerationJob.objects.visible().with_samples()

    def get_throttles(self) -> list[BaseThrottle]:
        return [*super().get_throttles(), *([SubmitThrottle()] if self.action == "create" else [])]

    @extend_schema(
        summary="Send a job",
        description="Name a stored prompt, or send a text with attributes, which is stored as a new prompt first.",
        parameters=[IDEMPOTENCY_KEY],
        request=GenerateSerializer,
        responses=ACCEPTED | {404: None} | CONFLICT,
    )
    def create(self, request: Request) -> Response:
        body = GenerateSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        job = services.make_music(actor=request.user, **once(request), **_asked(body.validated_data))
        return accepted(job, request)

    @extend_schema(
        summary="Cancel a queued or running job",
        description="A running one stops within two seconds and leaves no files.",
        responses={204: OpenApiResponse(description="Cancelled")} | CONFLICT,
    )
    def destroy(self, request: Request, pk: str) -> Response:
        services.cancel_job(job=self.get_object(), actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _asked(values: dict[str, Any]) -> dict[str, Any]:
    """What `make_music` takes, of what `GenerateSerializer` found: a text with attributes, or a stored prompt."""
    values = dict(values)
    attributes = {name: values.pop(name) for name in ATTRIBUTES if name in values}
    return {
        "prompt": attributes or values.pop("prompt"),
        "base_model": values.pop("model", None),
        "preset": PRESET_BY_KEY.get(values.pop("preset", "")),
        **values,
    }
