"""What feedback tells of adapters."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from adapters.models import Adapter
from feedback.api.serializers.performance import PerformanceSerializer
from feedback.judgements.performance import performance
from text2song.api.lookups import UUIDLookup
from text2song.api.views import ApiViewSet


class AdapterPerformanceViewSet(UUIDLookup, ApiViewSet):
    """Under the registry's addresses; it is here because adapters know nothing of feedback."""

    queryset = Adapter.objects.visible().with_context()
    serializer_class = PerformanceSerializer

    @extend_schema(
        summary="Read how an adapter fares beside its base model",
        description="Generations, samples, ratings, and the votes between its samples and those of the base model "
        "alone, wherever they were given. Counted is the feedback you may see, less that of excluded raters.",
    )
    @action(detail=True, pagination_class=None)
    def performance(self, request: Request, pk: str) -> Response:
        found = performance(adapter=self.get_object(), reader=request.user)
        return Response(self.get_serializer(found).data)
