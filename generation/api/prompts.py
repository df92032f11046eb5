"""Prompts with what was made from them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from generation.api.serializers import PromptDetailSerializer
from generation.models import GenerationJob
from prompts.api.views import PromptViewSet


class PlayedPromptViewSet(PromptViewSet):
    """Prompts never change once saved, so there is no update."""

    @extend_schema(summary="A prompt with its samples", responses=PromptDetailSerializer)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        prompt = self.get_object()
        jobs = GenerationJob.objects.visible().filter(prompt=prompt).with_samples()
        prompt.samples = [sample for job in jobs for sample in job.visible_samples]
        return Response(PromptDetailSerializer(prompt, context=self.get_serializer_context()).data)
