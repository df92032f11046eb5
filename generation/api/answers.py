"""Answering with a job that was put in the queue."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from generation.models import GenerationJob
from generation.serializers import JobSerializer

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="Any text of up to 200 characters. Sent again, it is answered with the first job; none is made.",
)
ACCEPTED = {
    202: OpenApiResponse(JobSerializer, description="The job is in the queue; poll its `url`, which is `Location` too.")
}


def accepted(job: GenerationJob, request: Request) -> Response:
    """202 with the job, and where to poll it."""
    stored = GenerationJob.objects.with_samples().get(pk=job.pk)
    body = JobSerializer(stored, context={"request": request}).data
    return Response(body, status=status.HTTP_202_ACCEPTED, headers={"Location": body["url"]})


def idempotency_key(request: Request) -> str:
    """The request's `Idempotency-Key`, empty without one; a key that cannot be stored is refused."""
    key = request.headers.get("Idempotency-Key", "")
    if not key:
        return ""
    field = serializers.CharField(max_length=200)
    try:
        return field.run_validation(key)
    except serializers.ValidationError as error:
        raise serializers.ValidationError({"Idempotency-Key": error.detail}) from error
