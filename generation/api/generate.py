"""Sending a job, polling it, cancelling it."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle

from adapters.services.selection import find_adapter
from generation import services
from generation.api.answers import ACCEPTED, IDEMPOTENCY_KEY, Once, accepted, once
from generation.api.serializers import GenerateSerializer, JobSerializer
from generation.api.serializers.jobs import ATTRIBUTES
from generation.exceptions import SampleNotFound
from generation.jobs.presets import PRESET_BY_KEY
from generation.models import AudioSample, BaseModel, GenerationJob
from prompts.models import Prompt
from prompts.services import create_prompt, find_prompt
from text2song.api.lookups import UUIDLookup
from text2song.api.schema import CONFLICT
from text2song.api.throttles import SubmitThrottle
from text2song.api.views import ApiViewSet
from text2song.exceptions import NotFound

DEFAULT_SECONDS = 10


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
        return accepted(submit(request.user, body.validated_data, once(request)), request)

    @extend_schema(
        summary="Cancel a queued or running job",
        description="A running one stops within two seconds and leaves no files.",
        responses={204: OpenApiResponse(description="Cancelled")} | CONFLICT,
    )
    def destroy(self, request: Request, pk: str) -> Response:
        services.cancel_job(job=self.get_object(), actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


@transaction.atomic
def submit(actor: User, values: dict[str, Any], key: Once) -> GenerationJob:
    """Send the job that `values` (`GenerateSerializer`'s) describe. A refused or repeated one leaves no prompt."""
    if earlier := services.first_of_key(actor, key["idempotency_key"], key["idempotency_digest"]):
        return earlier
    values = dict(values)
    attributes = {name: values.pop(name) for name in ATTRIBUTES if name in values}
    source = _source(values.pop("source_sample", None))
    model = _model(values.pop("model", None), values.pop("preset", None), source)
    adapter = find_adapter(given) if (given := values.pop("adapter", None)) else None
    prompt = create_prompt(actor=actor, **attributes) if attributes else _prompt(values["prompt"])
    values.pop("prompt", None)
    values.setdefault("duration", min(DEFAULT_SECONDS, model.max_duration))
    return services.submit_job(
        actor=actor,
        prompt=prompt,
        base_model=model,
        adapter=adapter,
        source_sample=source,
        **key,
        **values,
    )


def _prompt(prompt_id: uuid.UUID) -> Prompt:
    prompt = find_prompt(prompt_id)
    if prompt is None:
        raise NotFound(f"There is no prompt {prompt_id}.")
    return prompt


def _source(sample_id: uuid.UUID | None) -> AudioSample | None:
    if sample_id is None:
        return None
    sample = AudioSample.objects.visible().with_context().filter(pk=sample_id).first()
    if sample is None:
        raise SampleNotFound(f"There is no sample {sample_id}.")
    return sample


def _model(key: str | None, preset: str | None, source: AudioSample | None) -> BaseModel:
    """The model named; else the source's, for only it can go on; else the preset's choice; else the active one."""
    if key is None and source is not None:
        return source.job.base_model
    if (
        key is None
        and preset in PRESET_BY_KEY
        and (chosen := PRESET_BY_KEY[preset].model_among(BaseModel.objects.all()))
    ):
        return chosen
    return services.model_for(key)
