"""Hearts: set, cleared and annotated by the user they belong to."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from generation.exceptions import FavoriteExists
from generation.models import AudioSample, Favorite
from prompts.models import Prompt


def add_favorite(*, user: User, target: Prompt | AudioSample, note: str = "") -> Favorite:
    """Set a heart; raises `FavoriteExists` when it is set already."""
    favorite = Favorite(user=user, note=note, **_target(target))
    favorite.full_clean(validate_unique=False, validate_constraints=False)
    try:
        with transaction.atomic():
            favorite.save(force_insert=True)
    except IntegrityError as error:
        raise FavoriteExists from error
    return favorite


def toggle_favorite(*, user: User, target: Prompt | AudioSample) -> bool:
    """Set the heart if it is empty, empty it if it is set; returns whether it is set now."""
    removed, _ = Favorite.objects.filter(user=user, **_target(target)).delete()
    if removed:
        return False
    with contextlib.suppress(FavoriteExists):  # set in another tab a moment ago: set is what was asked for
        add_favorite(user=user, target=target)
    return True


def add_favorites(*, user: User, samples: Sequence[AudioSample]) -> int:
    """Set the hearts on all of several samples; those that are set stay, notes and all. Returns how many are new."""
    new = 0
    with transaction.atomic():
        for sample in samples:
            with contextlib.suppress(FavoriteExists):
                add_favorite(user=user, target=sample)
                new += 1
    return new


def annotate_favorite(*, favorite: Favorite, note: str) -> None:
    """Replace the note of a favourite (up to 500 characters)."""
    favorite.note = note.strip()
    favorite.full_clean(validate_unique=False, validate_constraints=False)
    favorite.save(update_fields=["note", "updated_at"])


def _target(target: Prompt | AudioSample) -> dict[str, Prompt | AudioSample]:
    return {"prompt" if isinstance(target, Prompt) else "sample": target}
