"""What an adapter's clips are like beside its opponent's."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from adapters.models import Adapter
from text2song.pages.requests import StudioRequest
from training.quality.guards import Guards


@require_safe
def adapter_quality(request: StudioRequest, adapter_id: UUID) -> HttpResponse:
    """The guards of an adapter's blind tests that were measured, the newest first."""
    adapter = get_object_or_404(Adapter.objects.visible().with_context(), pk=adapter_id)
    promotions = [p for p in adapter.promotions.with_context() if p.guards and p.is_visible_to(request.user)]
    measured = [(promotion, Guards.from_mapping(promotion.guards).guards) for promotion in promotions]
    return render(request, "training/quality.html", {"adapter": adapter, "measured": measured})
