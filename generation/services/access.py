"""Whose jobs and samples may be changed by whom."""

from __future__ import annotations

from django.contrib.auth.models import User

from text2song.exceptions import Forbidden


def require_owner(owner_id: int | None, actor: User | None, otherwise: str) -> None:
    """Raise `Forbidden`, saying `otherwise`, unless `actor` is the owner, a curator, or the studio itself (None)."""
    if actor is not None and owner_id != actor.pk and not actor.is_staff:
        raise Forbidden(otherwise)
