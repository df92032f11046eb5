"""The API of prompts, templates and suites."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from prompts import services
from prompts.api.filters import PromptFilter, PromptSuiteFilter, PromptTemplateFilter
from prompts.api.serializers import (
    PreviewAnswerSerializer,
    PreviewSerializer,
    PromptSerializer,
    PromptSuiteSerializer,
    PromptTemplateSerializer,
    VocabularySerializer,
)
from prompts.coach.advice import coach
from prompts.models import Prompt, PromptSuite, PromptTemplate
from prompts.wording.reading import read
from prompts.wording.vocabulary import INSTRUMENT_GROUPS, MAX_TEMPO, MAX_TEXT_LENGTH, MIN_TEMPO, MOODS, STYLES
from text2song.api.auth import IsCurator
from text2song.api.lookups import UUIDLookup
from text2song.api.schema import CONFLICT
from text2song.api.views import ApiModelViewSet, ApiViewSet

PROMPT_EXAMPLE = OpenApiExample(
    "A prompt with every attribute",
    value={
        "text": "A calm melody that opens slowly, like a town waking up under snow",
        "style": "jazz",
        "mood": "peaceful",
        "tempo": 80,
        "primary_instruments": ["acoustic-piano"],
        "secondary_instruments": ["shaker"],
    },
    request_only=True,
)
TEMPLATE_EXAMPLE = OpenApiExample(
    "A template of one's own",
    value={
        "name": "Rainy evening",
        "category": "lo-fi",
        "text": "Slow dusty beat under warm chords, rain on the window",
        "style": "lo-fi",
        "tempo": 76,
        "primary_instruments": ["electric-piano"],
        "secondary_instruments": ["rain"],
    },
    request_only=True,
)
SUITE_EXAMPLE = OpenApiExample(
    "A suite of two prompts",
    value={
        "name": "House style check",
        "description": "Asked of every new adapter",
        "prompts": ["7b0d5c86-3f0a-4a52-9a5e-0c3fb4f0a001", "7b0d5c86-3f0a-4a52-9a5e-0c3fb4f0a002"],
    },
    request_only=True,
)


@extend_schema_view(
    list=extend_schema(summary="List and search prompts", description="Newest first; with `q`, the best match first."),
    create=extend_schema(summary="Save a prompt", examples=[PROMPT_EXAMPLE], responses={201: PromptSerializer}),
    retrieve=extend_schema(summary="Read a prompt"),
    destroy=extend_schema(
        summary="Delete a prompt",
        description="For its author and curators. Favourites go with it, samples stay; refused in a frozen suite.",
        responses={204: None} | CONFLICT,
    ),
)
class PromptViewSet(
    UUIDLookup,
    mixins.CreateModelMixin,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.DestroyModelMixin,
    ApiViewSet,
):
    """Prompts never change once saved, so there is no update."""

    queryset = Prompt.objects.none()
    serializer_class = PromptSerializer
    filterset_class = PromptFilter
    ordering_fields = ("created_at", "tempo")

    def get_queryset(self) -> QuerySet[Prompt]:
        return Prompt.objects.visible().with_author().with_hearts_of(self.request.user)

    def perform_create(self, serializer: Any) -> None:
        serializer.instance = services.create_prompt(actor=self.request.user, **serializer.validated_data)

    def perform_destroy(self, instance: Prompt) -> None:
        services.delete_prompt(actor=self.request.user, prompt=instance)

    @extend_schema(
        summary="Styles, moods and instruments by group",
        request=None,
        responses=VocabularySerializer,
        filters=False,
    )
    @action(detail=False, filter_backends=[], pagination_class=None)
    def vocabulary(self, request: Request) -> Response:
        """What `style`, `mood` and the instruments may say."""
        vocabulary = {
            "styles": STYLES,
            "moods": MOODS,
            "instrument_groups": INSTRUMENT_GROUPS,
            "tempo": {"min": MIN_TEMPO, "max": MAX_TEMPO},
            "max_text_length": MAX_TEXT_LENGTH,
        }
        return Response(VocabularySerializer(vocabulary).data)

    @extend_schema(
        summary="Render a draft and ask the coach",
        request=PreviewSerializer,
        responses={200: PreviewAnswerSerializer},
        examples=[PROMPT_EXAMPLE],
        filters=False,
    )
    @action(detail=False, methods=["post"], filter_backends=[], pagination_class=None)
    def preview(self, request: Request) -> Response:
        """What the model would read of a draft, what it would not, and what would help most. Stores nothing."""
        serializer = PreviewSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        values = dict(serializer.validated_data)
        model = values.pop("model", "")
        draft = services.check_draft(**values)
        reading = read(draft.rendered, model)
        advice = coach(draft, reading)
        answer = {
            "rendered_text": str(draft.rendered),
            "reading": reading,
            "used": len(draft.text),
            "limit": MAX_TEXT_LENGTH,
            "missing": advice.missing,
            "suggestions": advice.suggestions,
            "remarks": advice.remarks,
        }
        return Response(PreviewAnswerSerializer(answer).data)


@extend_schema_view(
    list=extend_schema(summary="List templates", description="System ones first, by category; then the caller's own."),
    create=extend_schema(
        summary="Save a template",
        examples=[TEMPLATE_EXAMPLE],
        responses={201: PromptTemplateSerializer} | CONFLICT,
    ),
    retrieve=extend_schema(summary="A template"),
    update=extend_schema(
        summary="Replace a template", examples=[TEMPLATE_EXAMPLE], responses={200: PromptTemplateSerializer} | CONFLICT
    ),
    partial_update=extend_schema(
        summary="Change a template", examples=[TEMPLATE_EXAMPLE], responses={200: PromptTemplateSerializer} | CONFLICT
    ),
    destroy=extend_schema(summary="Delete a template", description="Prompts made from it stay as they are."),
)
class PromptTemplateViewSet(UUIDLookup, ApiModelViewSet):
    """The shipped templates and the caller's own. System ones cannot be changed by users (403)."""

    queryset = PromptTemplate.objects.none()
    serializer_class = PromptTemplateSerializer
    filterset_class = PromptTemplateFilter
    ordering_fields = ("name", "category", "created_at", "updated_at")

    def get_queryset(self) -> QuerySet[PromptTemplate]:
        return PromptTemplate.objects.available_to(self.request.user)

    def perform_create(self, serializer: Any) -> None:
        serializer.instance = services.save_template(actor=self.request.user, **serializer.validated_data)

    def store(self, serializer: Any, changes: Mapping[str, Any]) -> None:
        serializer.instance = services.update_template(actor=self.request.user, template=serializer.instance, **changes)

    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        services.require_editable(actor=request.user, template=self.get_object())
        return super().update(request, *args, **kwargs)

    def perform_destroy(self, instance: PromptTemplate) -> None:
        services.delete_template(actor=self.request.user, template=instance)


class CuratorsWrite(BasePermission):
    """Everybody reads, curators write."""

    message = IsCurator.message

    def has_permission(self, request: Request, view: Any) -> bool:
        return request.method in SAFE_METHODS or IsCurator().has_permission(request, view)


@extend_schema_view(
    list=extend_schema(summary="List evaluation suites"),
    create=extend_schema(
        summary="Make a suite", examples=[SUITE_EXAMPLE], responses={201: PromptSuiteSerializer} | CONFLICT
    ),
    retrieve=extend_schema(summary="A suite with the ids of its prompts"),
    update=extend_schema(
        summary="Replace an open suite", examples=[SUITE_EXAMPLE], responses={200: PromptSuiteSerializer} | CONFLICT
    ),
    partial_update=extend_schema(
        summary="Change an open suite", examples=[SUITE_EXAMPLE], responses={200: PromptSuiteSerializer} | CONFLICT
    ),
    destroy=extend_schema(summary="Delete an open suite", responses={204: None} | CONFLICT),
)
class PromptSuiteViewSet(UUIDLookup, ApiModelViewSet):
    """Lists of prompts for evaluation; a frozen one can never change (409)."""

    queryset = PromptSuite.objects.prefetch_related("items")
    serializer_class = PromptSuiteSerializer
    filterset_class = PromptSuiteFilter
    ordering_fields = ("name", "created_at", "frozen_at")

    def get_permissions(self) -> list[BasePermission]:
        return [*super().get_permissions(), CuratorsWrite()]

    def perform_create(self, serializer: Any) -> None:
        values = dict(serializer.validated_data)
        serializer.instance = services.create_suite(actor=self.request.user, **values)

    def store(self, serializer: Any, changes: Mapping[str, Any]) -> None:
        serializer.instance = services.update_suite(actor=self.request.user, suite=serializer.instance, **changes)

    def perform_destroy(self, instance: PromptSuite) -> None:
        services.delete_suite(actor=self.request.user, suite=instance)

    @extend_schema(
        summary="Freeze a suite for good", request=None, responses={200: PromptSuiteSerializer, 400: None} | CONFLICT
    )
    @action(detail=True, methods=["post"])
    def freeze(self, request: Request, pk: str) -> Response:
        """Close the list: it can never change again, and its prompts are never trained on."""
        suite = services.freeze_suite(actor=request.user, suite=self.get_object())
        return Response(self.get_serializer(suite).data, status=status.HTTP_200_OK)
