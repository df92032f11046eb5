"""Collections, and links that play clips and collections without an account."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.db.models import Exists, OuterRef, QuerySet
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from generation import services
from generation.api.deletions import DELETION_ID, deleted
from generation.api.samples import ids_in
from generation.api.serializers import (
    CollectionChangeSerializer,
    CollectionDetailSerializer,
    CollectionMakeSerializer,
    CollectionSerializer,
    SampleIdsSerializer,
    ShareLinkSerializer,
    ShareSerializer,
)
from generation.exceptions import SampleNotFound
from generation.listening.archives import ARCHIVE_FORMATS, CONTENT_TYPE, make_archive, safe_name
from generation.models import AudioSample, Collection, ShareLink
from text2song.api.lookups import UUIDLookup
from text2song.api.schema import CONFLICT, list_of_ids
from text2song.api.views import ApiViewSet
from text2song.exceptions import NotFound


@extend_schema_view(
    list=extend_schema(summary="List your collections, then those that others share"),
    retrieve=extend_schema(summary="Read a collection with its clips", responses=CollectionDetailSerializer),
)
class CollectionViewSet(UUIDLookup, mixins.ListModelMixin, mixins.RetrieveModelMixin, ApiViewSet):
    """One's own collections and those that others share with the studio; their owner, or a curator, changes them."""

    queryset = Collection.objects.all()
    serializer_class = CollectionSerializer
    ordering_fields = ("name", "created_at", "updated_at")
    extra_parameters: ClassVar[dict[str, tuple[str, ...]]] = {"take_out": ("ids",)}

    def get_queryset(self) -> QuerySet[Collection]:
        return Collection.objects.visible_to(self.request.user).with_figures().own_first(self.request.user)

    def get_serializer_class(self) -> Any:
        return CollectionSerializer if self.action == "list" else CollectionDetailSerializer

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[Any, str]:
        return super().perform_content_negotiation(request, force=force or self.action == "download")

    @extend_schema(
        summary="Make a collection",
        request=CollectionMakeSerializer,
        responses={201: CollectionDetailSerializer} | CONFLICT,
    )
    def create(self, request: Request) -> Response:
        body = CollectionMakeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        made = services.make_collection(actor=request.user, **body.validated_data)
        return Response(self._told(made), status=status.HTTP_201_CREATED)

    @extend_schema(
        summary="Rename a collection, or share it with the studio",
        request=CollectionChangeSerializer,
        responses={200: CollectionDetailSerializer} | CONFLICT,
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        body = CollectionChangeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        collection = self.get_object()
        services.change_collection(collection=collection, actor=request.user, **body.validated_data)
        return Response(self._told(collection))

    @extend_schema(
        summary="Delete a collection",
        description="Its clips stay; its links end.",
        parameters=[DELETION_ID],
        responses={204: OpenApiResponse(description="Deleted")},
    )
    def destroy(self, request: Request, pk: str) -> Response:
        return deleted(services.delete_collection(collection=self.get_object(), actor=request.user))

    @extend_schema(
        summary="Add clips at the end of a collection",
        description="Those that are in it stay where they are.",
        request=SampleIdsSerializer,
        responses={200: CollectionDetailSerializer},
    )
    @action(detail=True, methods=["post"])
    def items(self, request: Request, pk: str) -> Response:
        collection = self.get_object()
        services.collect(collection=collection, samples=self._samples(request), actor=request.user)
        return Response(self._told(collection))

    @extend_schema(
        summary="Take clips out of a collection",
        description="One that is not in it is no mistake.",
        parameters=[
            OpenApiParameter("ids", list_of_ids(1, 500), required=True, description="Ids with commas between them."),
            DELETION_ID,
        ],
        responses={204: OpenApiResponse(description="Taken out")},
    )
    @items.mapping.delete
    def take_out(self, request: Request, pk: str) -> Response:
        collection = self.get_object()
        ids = ids_in(",".join(request.query_params.getlist("ids")))
        samples = list(AudioSample.objects.visible().filter(pk__in=ids))
        return deleted(services.take_out(collection=collection, samples=samples, actor=request.user))

    @extend_schema(
        summary="Put clips of a collection in order",
        description="The named ones take the places they have in the order given; all others keep theirs.",
        request=SampleIdsSerializer,
        responses={200: CollectionDetailSerializer},
    )
    @action(detail=True, methods=["post"])
    def order(self, request: Request, pk: str) -> Response:
        body = SampleIdsSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        collection = self.get_object()
        services.reorder(collection=collection, order=body.validated_data["samples"], actor=request.user)
        return Response(self._told(collection))

    @extend_schema(
        summary="Download a collection as a zip archive",
        description="Numbered files in its order, with `tracklist.txt` and `tracklist.m3u8`.",
        parameters=[OpenApiParameter("file_format", str, OpenApiParameter.PATH, enum=list(ARCHIVE_FORMATS))],
        responses={(200, CONTENT_TYPE): OpenApiTypes.BINARY},
    )
    @action(detail=True, url_path=r"download/(?P<file_format>[a-z0-9]+)")
    def download(self, request: Request, pk: str, file_format: str) -> HttpResponseBase:
        collection = self.get_object()
        samples = list(services.collection_samples(collection).with_context())
        parts = make_archive(samples, file_format, collection.name)
        name = content_disposition_header(True, f"{safe_name(collection.name, 'clips')}.zip") or ""
        return StreamingHttpResponse(parts, content_type=CONTENT_TYPE, headers={"Content-Disposition": name})

    def _samples(self, request: Request) -> list[AudioSample]:
        """What the body names, in its order; `SampleNotFound` names those that are not there."""
        body = SampleIdsSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        wanted: list[uuid.UUID] = list(dict.fromkeys(body.validated_data["samples"]))
        found = AudioSample.objects.visible().in_bulk(wanted)
        if missing := [str(pk) for pk in wanted if pk not in found]:
            raise SampleNotFound(f"There is no sample {', '.join(missing)}.", fields={"samples": missing})
        return [found[pk] for pk in wanted]

    def _told(self, collection: Collection) -> dict[str, Any]:
        stored = Collection.objects.with_figures().get(pk=collection.pk)
        return CollectionDetailSerializer(stored, context=self.get_serializer_context()).data


@extend_schema_view(
    list=extend_schema(summary="List your links, newest first"),
    retrieve=extend_schema(summary="Read one of your links"),
)
class ShareLinkViewSet(UUIDLookup, mixins.ListModelMixin, mixins.RetrieveModelMixin, ApiViewSet):
    """Links that play without an account. They belong to whoever made them; nobody else sees them."""

    queryset = ShareLink.objects.all()
    serializer_class = ShareLinkSerializer
    ordering_fields = ("created_at", "opened")

    def get_queryset(self) -> QuerySet[ShareLink]:
        works = Exists(ShareLink.objects.open().filter(pk=OuterRef("pk")))
        return ShareLink.objects.filter(created_by=self.request.user).annotate(is_open=works)

    @extend_schema(
        summary="Share a clip or a collection by a link",
        description="Who made the clip or owns the collection may, and curators. A collection's link leaves out clips "
        "that its maker could not share one by one.",
        request=ShareSerializer,
        responses={201: ShareLinkSerializer, 404: None},
    )
    def create(self, request: Request) -> Response:
        body = ShareSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        link = services.share(
            target=self._target(body.validated_data), actor=request.user, days=body.validated_data["days"]
        )
        told = self.get_serializer(self.get_queryset().get(pk=link.pk)).data
        return Response(told, status=status.HTTP_201_CREATED)

    @extend_schema(
        summary="Revoke a link",
        description="Nobody hears anything through it any more; it stays in the list.",
        responses={204: OpenApiResponse(description="Revoked")},
    )
    def destroy(self, request: Request, pk: str) -> Response:
        services.revoke_link(link=self.get_object(), actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _target(self, values: dict[str, Any]) -> AudioSample | Collection:
        if "sample" in values:
            sample = AudioSample.objects.visible().with_context().filter(pk=values["sample"]).first()
            if sample is None:
                raise SampleNotFound(f"There is no sample {values['sample']}.")
            return sample
        collection = Collection.objects.visible_to(self.request.user).filter(pk=values["collection"]).first()
        if collection is None:
            raise NotFound(f"There is no collection {values['collection']}.")
        return collection
