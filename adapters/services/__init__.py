"""What people do with adapters. Pages, API, admin and commands call these; the actor is always named."""

from adapters.services.registry import (
    activate_adapter,
    deactivate_adapter,
    delete_adapter,
    earlier_default,
    edit_adapter,
    make_default,
    may_change,
    roll_back,
)

__all__ = [
    "activate_adapter",
    "deactivate_adapter",
    "delete_adapter",
    "earlier_default",
    "edit_adapter",
    "make_default",
    "may_change",
    "roll_back",
]
