"""The API of the registry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from adapters import services
from adapters.api.downloads import zip_response
from adapters.api.filters import AdapterFilter, grouped
from adapters.api.serializers import AdapterSerializer, RegistrationSerializer, UploadSerializer
from adapters.models import Adapter, AdapterRegistration
from adapters.services.registration import request_registration
from prompts.api.filters import TruthFilter
from text2song.api.lookups import UUIDLookup
from text2song.api.parsers import BoundedJSONParser
from text2song.api.schema import CONFLICT
from text2song.api.throttles import RequestThrottle, SubmitThrottle
from text2song.api.views import ApiViewSet

UPLOAD_EXAMPLE = OpenApiExample(
    "A zip archive",
    value={"files": ["warm-keys.zip"], "name": "warm-keys", "version": "1.0.0", "base_model": "studio-tiny"},
    request_only=True,
    media_type="multipart/form-data",
)
EDIT_EXAMPLE = OpenApiExample("Another name", value={"name": "warm-keys-soft"}, request_only=True)
SWITCH: dict[str, Any] = {"request": None, "responses": {200: AdapterSerializer} | CONFLICT}
BY_NAME = OpenApiParameter(
    "group_by_name",
    bool,
    description="true: `results` holds one entry a name, `{name, versions}`; the default and active versions first.",
)


@extend_schema_view(
    list=extend_schema(summary="List adapters, newest first", parameters=[BY_NAME]),
    retrieve=extend_schema(summary="Read an adapter"),
)
class AdapterViewSet(UUIDLookup, mixins.ListModelMixin, mixins.RetrieveModelMixin, ApiViewSet):
    """Everyone reads and uploads; who registered an adapter, or a curator, changes it; curators choose defaults."""

    queryset = Adapter.objects.all()
    serializer_class = AdapterSerializer
    filterset_class = AdapterFilter
    ordering_fields = ("created_at", "name", "updated_at")
    extra_parameters = {"list": ("group_by_name",)}

    def get_queryset(self) -> QuerySet[Adapter]:
        return Adapter.objects.visible().with_context().with_usage().order_by("-created_at", "-id")

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        if not TruthFilter().field.clean(request.query_params.get("group_by_name")):
            return super().list(request, *args, **kwargs)
        page = self.paginate_queryset(grouped(self.filter_queryset(self.get_queryset())))
        answer = [{"name": g.name, "versions": self.get_serializer(g.adapters, many=True).data} for g in page]
        return self.get_paginated_response(answer)

    @extend_schema(
        summary="Upload an adapter",
        description="multipart/form-data. What names, sizes, the configuration and the shapes of the tensors tell is "
        "refused at once (400). Then a worker unpacks the files, checks them completely, loads the adapter onto its "
        "base model, and refuses one that is damaged or changes nothing. Poll the answer's `url`.",
        request={"multipart/form-data": UploadSerializer},
        examples=[UPLOAD_EXAMPLE],
        responses={202: OpenApiResponse(RegistrationSerializer, description="Being checked; poll `url`.")} | CONFLICT,
    )
    def create(self, request: Request) -> Response:
        body = UploadSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        registration = request_registration(actor=request.user, **body.validated_data)
        answer = RegistrationSerializer(registration, context=self.get_serializer_context()).data
        return Response(answer, status=status.HTTP_202_ACCEPTED, headers={"Location": answer["url"]})

    def get_parsers(self) -> Sequence[Any]:
        # Only uploads are multipart; `action` is not known yet when the parsers are chosen.
        uploads = self.action_map.get("post") == "create"
        return [MultiPartParser()] if uploads else [BoundedJSONParser()]

    @extend_schema(
        summary="Rename an adapter, or change its description",
        examples=[EDIT_EXAMPLE],
        responses={200: AdapterSerializer} | CONFLICT,
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        adapter = self.get_object()
        body = self.get_serializer(adapter, data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        services.edit_adapter(adapter=adapter, actor=request.user, **body.validated_data)
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(
        summary="Delete an adapter",
        description="It is hidden and cannot be used any more; jobs and samples made with it stay.",
        responses={204: OpenApiResponse(description="Deleted")},
    )
    def destroy(self, request: Request, pk: str) -> Response:
        services.delete_adapter(adapter=self.get_object(), actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(summary="Offer an adapter for new jobs", **SWITCH)
    @action(detail=True, methods=["post"])
    def activate(self, request: Request, pk: str) -> Response:
        return self._switch(services.activate_adapter)

    @extend_schema(
        summary="Offer an adapter no more", description="Jobs already sent finish with it; it is no default.", **SWITCH
    )
    @action(detail=True, methods=["post"])
    def deactivate(self, request: Request, pk: str) -> Response:
        return self._switch(services.deactivate_adapter)

    @extend_schema(summary="Make an adapter its base model's default (curators)", **SWITCH)
    @action(detail=True, methods=["post"], url_path="default")
    def make_default(self, request: Request, pk: str) -> Response:
        return self._switch(services.make_default)

    @extend_schema(
        summary="Give the default back to the one before (curators)",
        description="409 when the adapter is not the default.",
        **SWITCH,
    )
    @action(detail=True, methods=["post"], url_path="roll-back")
    def roll_back(self, request: Request, pk: str) -> Response:
        return self._switch(services.roll_back)

    @extend_schema(
        summary="Download an adapter",
        description="A zip archive with adapter_config.json and adapter_model.safetensors, which peft loads.",
        responses={(200, "application/zip"): OpenApiTypes.BINARY},
    )
    @action(detail=True, filterset_class=None, pagination_class=None)
    def download(self, request: Request, pk: str) -> HttpResponseBase:
        return zip_response(self.get_object())

    def _switch(self, service: Callable[..., object]) -> Response:
        service(adapter=self.get_object(), actor=self.request.user)
        return Response(self.get_serializer(self.get_object()).data)

    def get_throttles(self) -> Sequence[Any]:
        return [RequestThrottle(), SubmitThrottle()] if self.action == "create" else super().get_throttles()


@extend_schema_view(
    list=extend_schema(summary="List the caller's uploads, newest first"),
    retrieve=extend_schema(summary="See how an upload's check is going"),
)
class RegistrationViewSet(UUIDLookup, mixins.ListModelMixin, mixins.RetrieveModelMixin, ApiViewSet):
    """Uploads being checked, registered, or refused with the reason."""

    queryset = AdapterRegistration.objects.all()
    serializer_class = RegistrationSerializer
    ordering_fields = ("created_at", "finished_at")

    def get_queryset(self) -> QuerySet[AdapterRegistration]:
        return AdapterRegistration.objects.visible_to(self.request.user).select_related("base_model")
