"""Base models as the models page shows them, in a fixed number of queries whatever their number."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, OuterRef, QuerySet, Subquery

from generation.models import BaseModel, ModelFetch


def model_cards(models: QuerySet[BaseModel] | None = None) -> list[BaseModel]:
    """Models with `latest_fetch` (a ModelFetch or None) and `job_count`."""
    newest = ModelFetch.objects.filter(base_model=OuterRef("pk")).order_by("-created_at", "-id").values("pk")[:1]
    queryset = BaseModel.objects.all() if models is None else models
    cards: list[Any] = list(
        queryset.annotate(latest_fetch_id=Subquery(newest), job_count=Count("jobs")).order_by("quality", "display_name")
    )
    fetches = ModelFetch.objects.in_bulk([card.latest_fetch_id for card in cards if card.latest_fetch_id])
    for card in cards:
        card.latest_fetch = fetches.get(card.latest_fetch_id)
    return cards
