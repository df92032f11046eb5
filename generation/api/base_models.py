"""Base models: what there is, which is active, and getting more."""

from __future__ import annotations

from django.db.models import Prefetch, QuerySet
from django.http import Http404
from django.utils.translation import gettext
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from generation import services
from generation.api.serializers import AddFolderSerializer, BaseModelSerializer, ModelFetchSerializer
from generation.models import BaseModel, ModelFetch
from text2song.api.schema import CONFLICT
from text2song.api.views import ApiViewSet, ChangedByCurators
from text2song.exceptions import NotFound


@extend_schema_view(
    list=extend_schema(summary="List models, fastest first"),
    retrieve=extend_schema(summary="Read a model"),
)
class BaseModelViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ChangedByCurators, ApiViewSet):
    """Everyone reads; curators change."""

    queryset = BaseModel.objects.all()
    serializer_class = BaseModelSerializer
    lookup_field = "key"
    ordering_fields = ("quality", "display_name", "created_at")

    def get_queryset(self) -> QuerySet[BaseModel]:
        return super().get_queryset().prefetch_related(Prefetch("fetches", ModelFetch.objects.order_by("-created_at")))

    def get_object(self) -> BaseModel:
        try:
            return super().get_object()
        except Http404 as error:
            known = ", ".join(BaseModel.objects.order_by("key").values_list("key", flat=True))
            raise NotFound(
                gettext("There is no model with this key. Known models: %(known)s.") % {"known": known}
            ) from error

    @extend_schema(
        summary="Add a local folder as a model (curators)",
        description="A folder with the sizes of a known model whose files are not here becomes that model; 409 when it "
        "is here already.",
        request=AddFolderSerializer,
        responses={201: BaseModelSerializer} | CONFLICT,
    )
    def create(self, request: Request) -> Response:
        body = AddFolderSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        model = services.add_folder_model(actor=request.user, **body.validated_data)
        return Response(self.get_serializer(model).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        summary="Remove a model that was added from a folder (curators)",
        description="Its files stay where they are. The active model, and one that jobs need, cannot be removed.",
        responses={204: OpenApiResponse(description="Removed")} | CONFLICT,
    )
    def destroy(self, request: Request, key: str) -> Response:
        services.remove_model(model=self.get_object(), actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        summary="Make this the active model (curators)",
        description="New jobs use it unless they name another; jobs already sent keep theirs.",
        request=None,
        responses={200: BaseModelSerializer} | CONFLICT,
    )
    @action(detail=True, methods=["post"])
    def activate(self, request: Request, key: str) -> Response:
        model = self.get_object()
        services.activate_model(model=model, actor=request.user)
        return Response(self.get_serializer(model).data)

    @extend_schema(
        summary="Fetch a hub model's files (curators)",
        description="409 with the progress while a fetch of it is under way.",
        request=None,
        responses={202: ModelFetchSerializer} | CONFLICT,
    )
    @action(detail=True, methods=["post"])
    def fetch(self, request: Request, key: str) -> Response:
        fetch = services.request_fetch(model=self.get_object(), actor=request.user)
        return Response(ModelFetchSerializer(fetch).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(summary="See how the latest fetch is going", responses={200: ModelFetchSerializer})
    @fetch.mapping.get
    def fetch_progress(self, request: Request, key: str) -> Response:
        return Response(ModelFetchSerializer(self._latest_fetch()).data)

    @extend_schema(
        summary="Stop the fetch that is under way (curators)",
        responses={204: OpenApiResponse(description="Stopped"), 400: None},
    )
    @fetch.mapping.delete
    def fetch_cancel(self, request: Request, key: str) -> Response:
        services.cancel_fetch(fetch=self._latest_fetch(), actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _latest_fetch(self) -> ModelFetch:
        model = self.get_object()
        latest = next(iter(model.fetches.all()), None)
        if latest is None:
            raise NotFound(
                gettext("No fetch of %(display_name)s was ever started.") % {"display_name": model.display_name}
            )
        return latest
