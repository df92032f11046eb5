"""Feedback of all kinds: giving, finding, counting and taking it back."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    PolymorphicProxySerializer,
    extend_schema,
)
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from feedback import services
from feedback.api.filters import FeedbackFilter, ScopeFilter
from feedback.api.serializers import (
    BODIES,
    FeedbackAnswerSerializer,
    FeedbackItemSerializer,
    JobFeedbackSerializer,
    StatisticsSerializer,
)
from feedback.api.serializers.answers import any_item
from feedback.judgements import summaries
from feedback.judgements.history import feedback_on_job
from feedback.models import Rating
from feedback.services.deletion import Feedback
from generation.models import GenerationJob
from text2song.api.schema import CONFLICT
from text2song.api.serializers import shown
from text2song.api.views import ApiViewSet
from text2song.exceptions import NotFound

ANY_BODY = PolymorphicProxySerializer(
    component_name="FeedbackBody", serializers=BODIES, resource_type_field_name="kind", many=False
)
EXAMPLES = [
    OpenApiExample(example.name, value=example.value, request_only=True)
    for body in BODIES.values()
    for example in body._spectacular_annotation["examples"]
]


class FeedbackViewSet(ApiViewSet):
    """Raters see what others answered on a sample once they have judged it themselves; curators see everything."""

    queryset = Rating.objects.none()
    serializer_class = FeedbackItemSerializer
    filterset_class = FeedbackFilter
    filter_backends = [DjangoFilterBackend]

    def get_queryset(self) -> QuerySet:
        return Rating.objects.all()

    @extend_schema(
        summary="List feedback of all kinds, newest first",
        description="A filter that only one kind can fit (criterion, rating, tag, words of a note) leaves others out.",
        responses={200: any_item(many=True)},
    )
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(
        summary="Give feedback",
        description="201 when something new was stored, 200 when earlier feedback of yours was replaced.",
        request=ANY_BODY,
        examples=EXAMPLES,
        responses={201: FeedbackAnswerSerializer, 200: FeedbackAnswerSerializer, 404: None} | CONFLICT,
    )
    def create(self, request: Request) -> Response:
        return stored(request, _body(request.data))

    @extend_schema(summary="Read a feedback item", responses={200: any_item(many=False), 404: None})
    def retrieve(self, request: Request, pk: str) -> Response:
        return Response(self.get_serializer(self._item(pk)).data)

    @extend_schema(
        summary="Take feedback back",
        description="Raters their own, curators any. A preference that follows from a ranking goes with the ranking; "
        "a vote of a listening test stays.",
        responses={204: OpenApiResponse(description="Deleted"), 404: None} | CONFLICT,
    )
    def destroy(self, request: Request, pk: str) -> Response:
        services.delete_feedback(item=self._item(pk), actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        summary="Read the figures of feedback",
        description="Of everything, or of a sample, job, prompt, adapter or model. "
        "They are of the feedback you may see.",
        responses={200: StatisticsSerializer, 400: None},
        filters=True,
    )
    @action(detail=False, filterset_class=ScopeFilter, pagination_class=None)
    def stats(self, request: Request) -> Response:
        self.filter_queryset(self.get_queryset())
        scope = ScopeFilter(request.query_params, queryset=self.get_queryset(), request=request)
        scope.is_valid()
        figures = summaries.statistics(reader=request.user, samples=scope.samples(), whole_prompt=scope.is_whole_prompt)
        return Response(StatisticsSerializer(figures).data)

    @extend_schema(
        summary="Read the feedback on a job, sample by sample",
        description="Samples A to H, each with all feedback on it that you may see, newest first.",
        parameters=[OpenApiParameter("job", OpenApiTypes.UUID, OpenApiParameter.PATH)],
        responses={200: JobFeedbackSerializer, 400: None, 404: None},
        filters=False,
    )
    @action(detail=False, url_path=r"jobs/(?P<job>[^/.]+)", filterset_class=None, pagination_class=None)
    def jobs(self, request: Request, job: str) -> Response:
        found = GenerationJob.objects.visible().filter(pk=_uuid(job)).first()
        if found is None:
            raise NotFound(gettext("There is no such job."))
        told = JobFeedbackSerializer(feedback_on_job(found, request.user), context=self.get_serializer_context())
        return Response(told.data)

    def _item(self, pk: str) -> Feedback:
        return services.find_feedback(pk=_uuid(pk), reader=self.request.user)


def _uuid(given: str) -> uuid.UUID:
    try:
        return uuid.UUID(given)
    except ValueError as error:
        raise serializers.ValidationError(
            {"id": [gettext("“%(shown)s” is not a UUID.") % {"shown": shown(given)}]}
        ) from error


def _body(data: Any) -> serializers.BaseSerializer:
    """The serializer for the kind the body names."""
    kind = data.get("kind") if isinstance(data, dict) else None
    body = BODIES.get(kind) if isinstance(kind, str) else None
    if body is None:
        raise serializers.ValidationError({"kind": [f"The kind must be one of: {', '.join(BODIES)}."]})
    return body(data=data)


def stored(request: Request, body: Any) -> Response:
    """Check and store a body; the answer tells what is stored now."""
    body.is_valid(raise_exception=True)
    items, created = body.store(request.user)
    answer = {"kind": body.validated_data["kind"], "items": items}
    told = FeedbackAnswerSerializer(answer, context={"request": request}).data
    return Response(told, status=status.HTTP_201_CREATED if created else status.HTTP_200_OK)
