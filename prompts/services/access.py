"""Who may do what, and finding what an id names."""

from __future__ import annotations

import uuid
from typing import Any

from django.core.exceptions import ValidationError

from prompts.exceptions import OnlyCurators


def require_curator(actor: Any) -> None:
    """`actor` None is the studio itself."""
    if actor is not None and not actor.is_staff:
        raise OnlyCurators


def first_of(rows: Any, row_id: str | uuid.UUID) -> Any:
    """The row of this id, None also where it is none."""
    try:
        return rows.filter(pk=row_id).first()
    except (ValidationError, ValueError):
        return None
