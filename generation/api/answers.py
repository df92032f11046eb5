"""Answering with a job that was put in the queue."""

from __future__ import annotations

import hashlib
import json
from typing import TypedDict

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from generation.api.serializers import JobSerializer
from generation.models import GenerationJob
from text2song.api import fields as strict

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="Any text of up to 200 characters. Sent again with the same body, it is answered with the first "
    "job and none is made; with another body it is refused (409).",
)
ACCEPTED = {
    202: OpenApiResponse(JobSerializer, description="The job is in the queue; poll its `url`, which is `Location` too.")
}


def accepted(job: GenerationJob, request: Request) -> Response:
    """202 with the job, and where to poll it."""
    stored = GenerationJob.objects.with_samples().get(pk=job.pk)
    body = JobSerializer(stored, context={"request": request}).data
    return Response(body, status=status.HTTP_202_ACCEPTED, headers={"Location": body["url"]})


class Once(TypedDict):
    """What makes a request be done once: its key, empty without one, and the digest of what it asks for."""

    idempotency_key: str
    idempotency_digest: str


def once(request: Request) -> Once:
    """The request's `Idempotency-Key` with what was sent; a key that cannot be stored is refused."""
    key = request.headers.get("Idempotency-Key", "")
    if not key:
        return Once(idempotency_key="", idempotency_digest="")
    try:
        key = strict.CharField(max_length=200).run_validation(key)
    except serializers.ValidationError as error:
        raise serializers.ValidationError({"Idempotency-Key": error.detail}) from error
    asked = json.dumps([request.path, request.data], sort_keys=True)
    return Once(idempotency_key=key, idempotency_digest=hashlib.sha256(asked.encode("utf-8", "replace")).hexdigest())
