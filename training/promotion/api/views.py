"""Promotion: what new adapters are tested on, and their tests."""

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
from training.models import Promotion
from training.promotion.api.filters import PromotionFilter
from training.promotion.api.serializers import PromotionPolicySerializer, PromotionSerializer, PromotionStartSerializer
from training.promotion.services import current_policy, open_promotion, set_policy


@extend_schema_view(
    list=extend_schema(summary="List promotions, newest first"),
    retrieve=extend_schema(summary="Read a promotion"),
)
class PromotionViewSet(UUIDLookup, mixins.ListModelMixin, mixins.RetrieveModelMixin, ApiViewSet):
    """Everyone reads; curators open tests and choose what they are made of."""

    queryset = Promotion.objects.all()
    serializer_class = PromotionSerializer
    filterset_class = PromotionFilter
    ordering_fields = ("created_at", "decided_at")

    def get_queryset(self) -> QuerySet[Promotion]:
        return Promotion.objects.visible_to(self.request.user).with_context().order_by("-created_at", "-id")

    @extend_schema(
        summary="Test an adapter against what it goes on from (curators)",
        description="Opens a blind listening test. When it has its votes it decides: `outcome` is promoted if they "
        "are evidence enough that it is better and the guards hold.",
        request=PromotionStartSerializer,
        responses={201: PromotionSerializer} | CONFLICT,
    )
    def create(self, request: Request) -> Response:
        body = PromotionStartSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        promotion = open_promotion(actor=request.user, **body.validated_data)
        return Response(self.get_serializer(promotion).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        methods=["GET"], summary="Read what new adapters are tested on", responses={200: PromotionPolicySerializer}
    )
    @extend_schema(
        methods=["PUT"],
        summary="Choose what new adapters are tested on (curators)",
        request=PromotionPolicySerializer,
        responses={200: PromotionPolicySerializer},
    )
    @action(detail=False, methods=["get", "put"], filterset_class=None, pagination_class=None)
    def policy(self, request: Request) -> Response:
        if request.method == "PUT":
            body = PromotionPolicySerializer(data=request.data)
            body.is_valid(raise_exception=True)
            set_policy(actor=request.user, **body.validated_data)
        return Response(PromotionPolicySerializer(current_policy()).data)
