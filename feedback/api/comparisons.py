"""Preferences and rankings, each on its own."""

from __future__ import annotations

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins

from feedback.api.filters import ComparisonFilter, PreferenceFilter
from feedback.api.serializers import PreferenceItemSerializer, RankingItemSerializer
from feedback.models import Preference, Ranking
from text2song.api.lookups import UUIDLookup
from text2song.api.views import ApiViewSet


@extend_schema_view(
    list=extend_schema(
        summary="List preferences, newest first",
        description="Those given directly, those rankings imply, and votes of listening tests (`source`). "
        "Give one with `POST feedback/`.",
    ),
    retrieve=extend_schema(summary="Read a preference"),
)
class PreferenceViewSet(UUIDLookup, mixins.ListModelMixin, mixins.RetrieveModelMixin, ApiViewSet):
    """Others' preferences are told to raters who have judged both samples, and to curators."""

    queryset = Preference.objects.none()
    serializer_class = PreferenceItemSerializer
    filterset_class = PreferenceFilter
    ordering_fields = ("created_at", "strength")

    def get_queryset(self) -> QuerySet[Preference]:
        return Preference.objects.visible_to(self.request.user).with_context()


@extend_schema_view(
    list=extend_schema(
        summary="List rankings, newest first",
        description="Samples are told best first. Give one with `POST feedback/`.",
    ),
    retrieve=extend_schema(summary="Read a ranking"),
)
class RankingViewSet(UUIDLookup, mixins.ListModelMixin, mixins.RetrieveModelMixin, ApiViewSet):
    """Others' rankings are told to raters who have judged all their samples, and to curators."""

    queryset = Ranking.objects.none()
    serializer_class = RankingItemSerializer
    filterset_class = ComparisonFilter
    ordering_fields = ("created_at",)

    def get_queryset(self) -> QuerySet[Ranking]:
        return Ranking.objects.visible_to(self.request.user).with_context()
