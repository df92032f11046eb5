"""Hearts of the caller."""

from __future__ import annotations

import uuid

from django.db.models import QuerySet
from django.utils.translation import gettext
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, status
from rest_framework.request import Request
from rest_framework.response import Response

from generation import services
from generation.api.filters import FavoriteFilter
from generation.api.serializers import FavoriteAddSerializer, FavoriteNoteSerializer, FavoriteSerializer
from generation.exceptions import SampleNotFound
from generation.listening.favorite_lists import favorites_of
from generation.models import AudioSample, Favorite
from prompts.models import Prompt
from prompts.services import find_prompt
from text2song.api.lookups import UUIDLookup
from text2song.api.schema import CONFLICT
from text2song.api.views import ApiViewSet
from text2song.exceptions import NotFound


@extend_schema_view(
    list=extend_schema(summary="List your favourites, newest first"),
    retrieve=extend_schema(summary="Read a favourite"),
)
class FavoriteViewSet(UUIDLookup, mixins.ListModelMixin, mixins.RetrieveModelMixin, ApiViewSet):
    """Favourites belong to the user who set them; nobody else sees them."""

    queryset = Favorite.objects.all()
    serializer_class = FavoriteSerializer
    filterset_class = FavoriteFilter
    ordering_fields = ("created_at", "updated_at")

    def get_queryset(self) -> QuerySet[Favorite]:
        return favorites_of(self.request.user)

    @extend_schema(
        summary="Set a heart on a prompt or a sample",
        request=FavoriteAddSerializer,
        responses={201: FavoriteSerializer, 404: None} | CONFLICT,
    )
    def create(self, request: Request) -> Response:
        body = FavoriteAddSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        values = body.validated_data
        favorite = services.add_favorite(
            user=request.user,
            target=_target(values.get("prompt"), values.get("sample")),
            note=values.get("note", ""),
        )
        return Response(self.get_serializer(favorite).data, status=status.HTTP_201_CREATED)

    @extend_schema(summary="Change the note", request=FavoriteNoteSerializer, responses={200: FavoriteSerializer})
    def partial_update(self, request: Request, pk: str) -> Response:
        favorite = self.get_object()
        body = FavoriteNoteSerializer(favorite, data=request.data)
        body.is_valid(raise_exception=True)
        if body.validated_data:
            services.annotate_favorite(favorite=favorite, **body.validated_data)
        return Response(self.get_serializer(favorite).data)

    @extend_schema(summary="Take the heart away", responses={204: OpenApiResponse(description="Removed")})
    def destroy(self, request: Request, pk: str) -> Response:
        self.get_object().delete()
        return Response(status=status.HTTP_204_NO_CONTENT)


def _target(prompt_id: uuid.UUID | None, sample_id: uuid.UUID | None) -> Prompt | AudioSample:
    if prompt_id is not None:
        prompt = find_prompt(prompt_id)
        if prompt is None:
            raise NotFound(gettext("There is no prompt %(prompt_id)s.") % {"prompt_id": prompt_id})
        return prompt
    sample = AudioSample.objects.visible().with_context().filter(pk=sample_id).first() if sample_id else None
    if sample is None:
        raise SampleNotFound(gettext("There is no sample %(sample_id)s.") % {"sample_id": sample_id})
    return sample
