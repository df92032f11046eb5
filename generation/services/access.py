"""Whose jobs and samples may be changed by whom."""

from __future__ import annotations

from django.contrib.auth.models import User

from text2song.exceptions import Forbidden


def require_owner(owner_id: int | None, actor: User, otherwise: str) -> None:
    """Raise `Forbidden`, saying `otherwise`, unless `actor` is the owner or a curator."""
    if owner_id != actor.pk and not actor.is_staff:
        raise Forbidden(otherwise)
