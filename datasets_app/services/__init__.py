"""What people do with datasets. Pages, API, admin and commands call these; the actor is always named."""

from datasets_app.services.datasets import (
    create_dataset,
    delete_dataset,
    may_change,
    new_dataset,
    preview,
    preview_parts,
    start_export,
)

__all__ = [
    "create_dataset",
    "delete_dataset",
    "may_change",
    "new_dataset",
    "preview",
    "preview_parts",
    "start_export",
]
