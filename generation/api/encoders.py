"""Audio encoders: what clips are heard with beside the base model, for tastes."""

from __future__ import annotations

from django.http import Http404
from django.utils.translation import gettext
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from generation import services
from generation.api.serializers import AddEncoderSerializer, EncoderSerializer
from generation.models import Encoder
from text2song.api.schema import CONFLICT
from text2song.api.views import ApiViewSet, ChangedByCurators
from text2song.exceptions import NotFound


@extend_schema_view(
    list=extend_schema(summary="List audio encoders"),
    retrieve=extend_schema(summary="Read an audio encoder"),
)
class EncoderViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ChangedByCurators, ApiViewSet):
    """Everyone reads; curators change."""

    queryset = Encoder.objects.all()
    serializer_class = EncoderSerializer
    lookup_field = "key"
    ordering_fields = ("display_name", "created_at")

    def get_object(self) -> Encoder:
        try:
            return super().get_object()
        except Http404 as error:
            known = ", ".join(Encoder.objects.order_by("key").values_list("key", flat=True)) or "none"
            raise NotFound(
                gettext("There is no encoder with this key. Known encoders: %(known)s.") % {"known": known}
            ) from error

    @extend_schema(
        summary="Add a local folder as an audio encoder (curators)",
        description="A folder that `transformers` loads by itself, with safetensors weights and a feature extractor; "
        "409 when it is here already. Clips that are there are heard with it while no job waits.",
        request=AddEncoderSerializer,
        responses={201: EncoderSerializer} | CONFLICT,
    )
    def create(self, request: Request) -> Response:
        body = AddEncoderSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        encoder = services.add_encoder(actor=request.user, **body.validated_data)
        return Response(self.get_serializer(encoder).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        summary="Remove an audio encoder and what it heard (curators)",
        description="Its files stay where they are. Tastes that listen with it score no further clips.",
        responses={204: OpenApiResponse(description="Removed")},
    )
    def destroy(self, request: Request, key: str) -> Response:
        services.remove_encoder(encoder=self.get_object(), actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        summary="Hear clips with this encoder (curators)",
        description="One that a worker could not load is tried again.",
        request=None,
        responses={200: EncoderSerializer},
    )
    @action(detail=True, methods=["post"])
    def activate(self, request: Request, key: str) -> Response:
        encoder = self.get_object()
        services.activate_encoder(encoder=encoder, actor=request.user)
        return Response(self.get_serializer(encoder).data)

    @extend_schema(
        summary="Hear no further clips with this encoder (curators)",
        description="What it heard stays. Tastes that listen with it score no further clips.",
        request=None,
        responses={200: EncoderSerializer},
    )
    @action(detail=True, methods=["post"])
    def deactivate(self, request: Request, key: str) -> Response:
        encoder = self.get_object()
        services.deactivate_encoder(encoder=encoder, actor=request.user)
        return Response(self.get_serializer(encoder).data)
