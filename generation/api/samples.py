"""Audio samples: finding, reading, playing, comparing, and making relatives of them."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from generation import services
from generation.api import sound
from generation.api.answers import ACCEPTED, IDEMPOTENCY_KEY, accepted, once
from generation.api.deletions import DELETION_ID, deleted
from generation.api.filters import AudioFilter
from generation.api.serializers import AudioSampleSerializer, ExtendSerializer, SampleChangeSerializer, VarySerializer
from generation.exceptions import StorageUnavailable
from generation.listening.comparison import samples_to_compare
from generation.listening.favorite_lists import mark_hearts
from generation.listening.library import ORDERS, further_orders
from generation.models import AudioSample
from generation.sound.files import load_codes_bytes
from text2song.api.lookups import UUIDLookup
from text2song.api.schema import CONFLICT, list_of_ids
from text2song.api.serializers import shown
from text2song.api.throttles import RequestThrottle, SubmitThrottle
from text2song.api.views import ApiViewSet
from text2song.exceptions import NotFound

SUBMITTING = {"methods": ["post"], "throttle_classes": [RequestThrottle, SubmitThrottle]}
READING = {"filterset_class": None, "pagination_class": None}
FILE_ACTIONS = ("stream", "download", "codes")


@extend_schema_view(
    list=extend_schema(summary="Find samples, newest first"),
    retrieve=extend_schema(summary="Read a sample"),
)
class AudioViewSet(UUIDLookup, mixins.ListModelMixin, mixins.RetrieveModelMixin, ApiViewSet):
    """Finished clips that are not deleted. Everyone reads; who made one, or a curator, names and deletes it."""

    queryset = AudioSample.objects.all()
    serializer_class = AudioSampleSerializer
    filterset_class = AudioFilter
    ordering_aliases: ClassVar[dict[str, str]] = {"title": "called"}
    extra_parameters = {"compare": ("ids",)}

    @property
    def ordering_fields(self) -> tuple[str, ...]:
        """The library's too, those that other parts of the studio add among them."""
        return ("created_at", "duration", "loudness_lufs", "seed", "title", *further_orders())

    def get_queryset(self) -> QuerySet[AudioSample]:
        samples = AudioSample.objects.visible().with_context().hearted_by(self.request.user)
        if self.action == "list" and "set_aside" not in self.request.query_params:
            samples = samples.kept()
        if self.action == "list":
            asked = {
                name.strip().removeprefix("-") for name in self.request.query_params.get("ordering", "").split(",")
            }
            for name in asked & {"title", *further_orders()}:
                samples = ORDERS[name].prepare(samples, self.request.user)
        return samples.order_by("-created_at", "job", "index")

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[Any, str]:
        # Files are what they are: a player that accepts audio alone is served too.
        return super().perform_content_negotiation(request, force=force or self.action in FILE_ACTIONS)

    @extend_schema(
        summary="Give a sample a title",
        description="The person who made it, or a curator.",
        request=SampleChangeSerializer,
        responses={200: AudioSampleSerializer},
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        body = SampleChangeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        sample = self.get_object()
        if body.validated_data:
            services.rename_sample(sample=sample, actor=request.user, **body.validated_data)
        return Response(self.get_serializer(sample).data)

    @extend_schema(
        summary="Delete a sample",
        description="It is hidden; hearts and feedback on it go with it.",
        parameters=[DELETION_ID],
        responses={204: OpenApiResponse(description="Deleted")},
    )
    def destroy(self, request: Request, pk: str) -> Response:
        return deleted(services.delete_sample(sample=self.get_object(), actor=request.user))

    @extend_schema(
        summary="Keep a sample after all",
        description="One that a taste has set aside stands among the others of its job again, and is not deleted.",
        request=None,
        responses={200: AudioSampleSerializer} | CONFLICT,
    )
    @action(detail=True, methods=["post"], **READING)
    def keep(self, request: Request, pk: str) -> Response:
        sample = self.get_object()
        services.keep_sample(sample=sample, actor=request.user)
        return Response(self.get_serializer(sample).data)

    @extend_schema(
        summary="Play a sample",
        description="FLAC. A `Range` is answered with 206 and those bytes. On S3: a redirect to a short-lived link.",
        responses={
            (200, "audio/flac"): OpenApiTypes.BINARY,
            (206, "audio/flac"): OpenApiTypes.BINARY,
            302: OpenApiResponse(description="On S3: the link is in `Location`."),
            416: OpenApiResponse(description="The range begins past the end."),
        },
    )
    @action(detail=True, **READING)
    def stream(self, request: Request, pk: str) -> HttpResponseBase:
        return _in_shape(sound.stream(request._request, sample_id=self.get_object().pk))

    @extend_schema(
        summary="Download a sample as WAV, FLAC or MP3",
        description="Prompt, seed and model are in the file's tags.",
        parameters=[OpenApiParameter("file_format", str, OpenApiParameter.PATH, enum=["wav", "flac", "mp3"])],
        responses={
            (200, "audio/wav"): OpenApiTypes.BINARY,
            (200, "audio/flac"): OpenApiTypes.BINARY,
            (200, "audio/mpeg"): OpenApiTypes.BINARY,
        },
    )
    @action(detail=True, url_path=r"download/(?P<file_format>[a-z0-9]+)", **READING)
    def download(self, request: Request, pk: str, file_format: str) -> HttpResponseBase:
        made = sound.download(request._request, sample_id=self.get_object().pk, file_format=file_format)
        return _in_shape(made)

    @extend_schema(
        summary="Download a sample's codes",
        description="A NumPy archive (npz) holding `codes`, `[K, T]` int16: what training uses.",
        responses={(200, "application/zip"): OpenApiTypes.BINARY},
    )
    @action(detail=True, **READING)
    def codes(self, request: Request, pk: str) -> HttpResponse:
        sample = self.get_object()
        name = f"attachment; filename={sample.pk}.npz"
        return HttpResponse(
            load_codes_bytes(sample), content_type="application/zip", headers={"Content-Disposition": name}
        )

    @extend_schema(
        summary="Compare 2 to 10 samples",
        description="Settings, measurements and a stream link of each, in the order asked for.",
        parameters=[
            OpenApiParameter(
                "ids",
                list_of_ids(2, 10),
                required=True,
                description="2 to 10 ids of samples with commas between them.",
            )
        ],
        responses={200: AudioSampleSerializer(many=True), 404: None},
        filters=False,
    )
    @action(detail=False, **READING)
    def compare(self, request: Request) -> Response:
        samples = samples_to_compare(ids_in(",".join(request.query_params.getlist("ids"))), one_prompt=False)
        mark_hearts(request.user, samples)
        return Response(self.get_serializer(samples, many=True).data)

    @extend_schema(
        summary="Continue a sample",
        parameters=[IDEMPOTENCY_KEY],
        request=ExtendSerializer,
        responses=ACCEPTED | CONFLICT,
    )
    @action(detail=True, **SUBMITTING)
    def extend(self, request: Request, pk: str) -> Response:
        body = ExtendSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        job = services.extend_sample(
            sample=self.get_object(),
            actor=request.user,
            **once(request),
            **body.validated_data,
        )
        return accepted(job, request)

    @extend_schema(
        summary="Make variations of a sample",
        parameters=[IDEMPOTENCY_KEY],
        request=VarySerializer,
        responses=ACCEPTED | CONFLICT,
    )
    @action(detail=True, **SUBMITTING)
    def variations(self, request: Request, pk: str) -> Response:
        body = VarySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        sample = self.get_object()
        values = {"keep_seconds": round(sample.duration / 4, 1)} | body.validated_data
        job = services.vary_sample(sample=sample, actor=request.user, **once(request), **values)
        return accepted(job, request)


def _in_shape(answer: HttpResponseBase) -> HttpResponseBase:
    """A file's answer as it is; the page's words for a missing or unreadable file in the API's error shape."""
    if isinstance(answer, HttpResponse) and answer.status_code in (404, 503):
        raise (NotFound if answer.status_code == 404 else StorageUnavailable)(answer.text)
    return answer


def ids_in(listed: str) -> list[uuid.UUID]:
    """Ids with commas between them; anything that is no id is refused by name."""
    ids, wrong = [], []
    for text in filter(None, (part.strip() for part in listed.split(","))):
        try:
            ids.append(uuid.UUID(text))
        except ValueError:
            wrong.append(shown(text))
    if wrong:
        raise serializers.ValidationError({"ids": [f"Not an id: {', '.join(wrong[:10])}."]})
    return ids
