"""A user's favourites, as their page lists them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Count, Q, QuerySet

from generation.models import AudioSample, Favorite

_SHOWN = Q(prompt__isnull=False, prompt__deleted_at__isnull=True) | Q(
    sample__isnull=False,
    sample__deleted_at__isnull=True,
    sample__job__deleted_at__isnull=True,
    sample__job__withheld=False,
)
_KINDS: dict[str, dict[str, Any]] = {
    "all": {},
    "prompts": {"prompt__isnull": False},
    "audio": {"sample__isnull": False},
}


def favorites_of(user: User, kind: str = "all") -> QuerySet[Favorite]:
    """Newest first, with everything a row shows; `kind` is "all", "prompts" or "audio".

    What is deleted or withheld is left out.
    """
    related = ("prompt", "sample__job__prompt", "sample__job__base_model", "sample__job__adapter")
    return Favorite.objects.filter(_SHOWN, user=user, **_KINDS[kind]).select_related(*related)


def mark_hearts(user: User, samples: Iterable[AudioSample]) -> None:
    """Give samples that are at hand `is_favorite`, as `hearted_by` gives it to a query."""
    shown = list(samples)
    hearts = set(Favorite.objects.filter(user=user, sample__in=shown).values_list("sample_id", flat=True))
    for sample in shown:
        sample.is_favorite = sample.pk in hearts


def favorite_counts(user: User) -> dict[str, int]:
    """How many favourites there are of each kind, in one query."""
    return Favorite.objects.filter(_SHOWN, user=user).aggregate(
        **{kind: Count("pk", filter=Q(**condition)) for kind, condition in _KINDS.items()}
    )
