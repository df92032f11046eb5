"""The listening queue for scripts and players."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from feedback.api.serializers.listening import TurnQuerySerializer, TurnSerializer
from feedback.services.listening_queue import next_turn
from generation.models import AudioSample
from text2song.api.views import ApiViewSet


class ListenViewSet(ApiViewSet):
    """What most needs the caller's ears."""

    queryset: QuerySet[AudioSample] = AudioSample.objects.none()
    serializer_class = TurnSerializer
    extra_parameters: ClassVar[Mapping[str, tuple[str, ...]]] = {"next": ("singles", "skipped")}

    @extend_schema(
        summary="Read what to hear next",
        description="A listening test that waits, and the pair whose answer teaches most of the caller's taste; where "
        "there is none, the clip judged least. Answer by `POST feedback/`. It stays the same until it is answered.",
        parameters=[TurnQuerySerializer],
        responses={200: TurnSerializer, 400: None},
        filters=False,
    )
    @action(detail=False, pagination_class=None)
    def next(self, request: Request) -> Response:
        query = TurnQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        asked = query.validated_data
        skipped = [key for key in asked["skipped"].split(",") if key]
        turn = next_turn(rater=request.user, skipped_pairs=skipped, singles=asked["singles"])
        return Response(self.get_serializer(turn).data)
