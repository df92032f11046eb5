"""The words of feedback: criteria and tags."""

from __future__ import annotations

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from feedback import services
from feedback.api.filters import TagFilter
from feedback.api.serializers import (
    CriterionSerializer,
    TagChangeSerializer,
    TagCreateSerializer,
    TagMergeSerializer,
    TagSerializer,
)
from feedback.judgements.tag_names import normal_name
from feedback.models import Criterion, Tag
from text2song.api.lookups import UUIDLookup
from text2song.api.schema import CONFLICT
from text2song.api.views import ApiViewSet
from text2song.exceptions import Refused


@extend_schema_view(list=extend_schema(summary="List the criteria samples are rated on"))
class CriterionViewSet(mixins.ListModelMixin, ApiViewSet):
    """In the order of the panel. Curators add their own in the admin."""

    queryset = Criterion.objects.filter(is_active=True)
    serializer_class = CriterionSerializer
    ordering_fields = ("position", "name")


@extend_schema_view(
    list=extend_schema(summary="List and search the vocabulary of tags"),
    retrieve=extend_schema(summary="Read a tag"),
)
class TagViewSet(UUIDLookup, mixins.ListModelMixin, mixins.RetrieveModelMixin, ApiViewSet):
    """Every rater may add a word; curators edit, merge and remove."""

    queryset = Tag.objects.all()
    serializer_class = TagSerializer
    filterset_class: type[TagFilter] | None = TagFilter
    ordering_fields = ("name", "created_at")

    def get_queryset(self) -> QuerySet[Tag]:
        return Tag.objects.select_related("synonym_of")

    def get_object(self) -> Tag:
        # A tag that was merged is still found by its id, though lists leave it out.
        self.filterset_class = None
        return super().get_object()

    @extend_schema(
        summary="Add a word",
        request=TagCreateSerializer,
        responses={201: TagSerializer} | CONFLICT,
    )
    def create(self, request: Request) -> Response:
        body = TagCreateSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        tag = services.create_tag(actor=request.user, **body.validated_data)
        return Response(self.get_serializer(tag).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        summary="Change a tag (curators)", request=TagChangeSerializer, responses={200: TagSerializer} | CONFLICT
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        body = TagChangeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        tag = services.change_tag(tag=self.get_object(), actor=request.user, **body.validated_data)
        return Response(self.get_serializer(tag).data)

    @extend_schema(
        summary="Remove an unused tag (curators)",
        responses={204: OpenApiResponse(description="Removed")} | CONFLICT,
    )
    def destroy(self, request: Request, pk: str) -> Response:
        services.delete_tag(tag=self.get_object(), actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        summary="Merge a tag into another (curators)",
        description="All uses move to the other tag; the merged word stays as a synonym that leads there.",
        request=TagMergeSerializer,
        responses={200: TagSerializer} | CONFLICT,
    )
    @action(detail=True, methods=["post"], filterset_class=None, pagination_class=None)
    def merge(self, request: Request, pk: str) -> Response:
        body = TagMergeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        into = Tag.objects.filter(name=normal_name(body.validated_data["into"])).first()
        if into is None:
            message = "There is no such tag to merge into."
            raise Refused(message, fields={"into": [message]})
        target = services.merge_tag(tag=self.get_object(), into=into, actor=request.user)
        return Response(self.get_serializer(target).data)
