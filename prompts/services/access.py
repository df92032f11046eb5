"""Who may do what, and finding what an id names."""

from __future__ import annotations

import uuid
from typing import TypeVar

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet

from prompts.exceptions import OnlyCurators

Row = TypeVar("Row", bound=Model)


def require_curator(actor: User | None) -> None:
    """`actor` None is the studio itself."""
    if actor is not None and not actor.is_staff:
        raise OnlyCurators


def first_of(rows: QuerySet[Row], row_id: str | uuid.UUID) -> Row | None:
    """The row of this id, None also where it is none."""
    try:
        return rows.filter(pk=row_id).first()
    except (ValidationError, ValueError):
        return None
