"""Rounds: beginning one, letting it go on, giving more votes, pausing, cancelling."""

from __future__ import annotations

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from text2song.api.lookups import UUIDLookup
from text2song.api.schema import CONFLICT
from text2song.api.views import ApiViewSet
from training.models import Round
from training.rounds import services
from training.rounds.api.filters import RoundFilter
from training.rounds.api.serializers import (
    AdvanceSerializer,
    MoreVotesSerializer,
    RoundSerializer,
    RoundStartSerializer,
)

DONE = {200: RoundSerializer} | CONFLICT


@extend_schema_view(
    list=extend_schema(summary="List rounds, newest first"),
    retrieve=extend_schema(summary="Read a round"),
)
class RoundViewSet(UUIDLookup, mixins.ListModelMixin, mixins.RetrieveModelMixin, ApiViewSet):
    """A person's own; curators see and stop all. Pairs are judged as any others are: `POST preferences/`."""

    queryset = Round.objects.all()
    serializer_class = RoundSerializer
    filterset_class = RoundFilter
    ordering_fields = ("created_at", "finished_at")

    def get_queryset(self) -> QuerySet[Round]:
        return Round.objects.visible_to(self.request.user).with_context().order_by("-created_at", "-id")

    @extend_schema(
        summary="Begin a round",
        description="It makes clips, is judged, learns the caller's taste, trains, and opens a blind test.",
        request=RoundStartSerializer,
        responses={201: RoundSerializer} | CONFLICT,
    )
    def create(self, request: Request) -> Response:
        body = RoundStartSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        values = dict(body.validated_data)
        model = values.pop("model", None)
        round_ = services.start_round(actor=request.user, base_model=model, **values)
        return Response(self.get_serializer(round_).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        summary="Let a round go on",
        description="Begins the step it waits to begin, tries again what failed, or ends a pause; with more budget "
        "where given. A round that goes on by itself is looked at.",
        request=AdvanceSerializer,
        responses=DONE,
    )
    @action(detail=True, methods=["post"])
    def advance(self, request: Request, pk: str) -> Response:
        round_ = self.get_object()
        body = AdvanceSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return self._told(services.go_on(actor=request.user, round_=round_, **body.validated_data))

    @extend_schema(summary="Give more votes before it trains", request=MoreVotesSerializer, responses=DONE)
    @action(detail=True, methods=["post"])
    def more(self, request: Request, pk: str) -> Response:
        round_ = self.get_object()
        body = MoreVotesSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return self._told(services.give_more_votes(actor=request.user, round_=round_, **body.validated_data))

    @extend_schema(
        summary="Pause a round", description="What is under way comes to its end.", request=None, responses=DONE
    )
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:
        return self._told(services.pause_round(actor=request.user, round_=self.get_object()))

    @extend_schema(
        summary="Cancel a round",
        description="What works for it is stopped; what was made stays.",
        request=None,
        responses=DONE,
    )
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        return self._told(services.cancel_round(actor=request.user, round_=self.get_object()))

    def _told(self, round_: Round) -> Response:
        return Response(self.get_serializer(round_).data)
