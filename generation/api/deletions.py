"""Deletions that can still be undone."""

from __future__ import annotations

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from generation import services
from generation.models import Deletion
from text2song.api.lookups import UUIDLookup
from text2song.api.schema import CONFLICT
from text2song.api.views import ApiViewSet

HEADER = "Deletion-Id"
DELETION_ID = OpenApiParameter(
    HEADER,
    OpenApiTypes.UUID,
    OpenApiParameter.HEADER,
    response=[204],
    description="For a minute `POST deletions/<id>/undo/` brings everything back.",
)


def deleted(deletion: Deletion) -> Response:
    """204, and by which id it can be undone."""
    return Response(status=status.HTTP_204_NO_CONTENT, headers={HEADER: str(deletion.pk)})


class DeletionViewSet(UUIDLookup, ApiViewSet):
    """What the caller deleted a moment ago."""

    queryset = Deletion.objects.all()
    serializer_class = serializers.Serializer

    def get_queryset(self) -> QuerySet[Deletion]:
        return Deletion.objects.filter(actor=self.request.user)

    @extend_schema(
        summary="Undo a deletion",
        description="Clips, jobs, collections and what was taken out of one come back with everything that went along.",
        request=None,
        responses={204: OpenApiResponse(description="It is back")} | CONFLICT,
    )
    @action(detail=True, methods=["post"])
    def undo(self, request: Request, pk: str) -> Response:
        services.undo_deletion(deletion=self.get_object(), actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)
