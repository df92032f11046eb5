"""What belongs to a backup: every table and every file that a row names, but for what is listed here.

Models are those of the migrations which the database has had, so that a studio can be backed up before it is migrated,
and an old backup restored by a new version.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.apps.registry import Apps
from django.db import models

LEFT_OUT: Mapping[str, str] = {
    "sessions.session": "people sign in again",
    "text2song.workerpresence": "the workers of another time",
    "django_q.ormq": "wake-ups; the rows they are about are kept, and workers look for them by themselves",
    "django_q.task": "results of wake-ups, which nobody reads",
    "django_q.schedule": "made by `manage.py setup`",
}
"""Tables that are not backed up, and why. Restoring empties them, but for the schedule."""

KEPT_AS_IT_IS = frozenset({"django_q.schedule"})

MADE_BY_SETUP: Mapping[str, Mapping[str, Any]] = {
    "auth.permission": {},
    "auth.user": {"username": "studio"},
    "contenttypes.contenttype": {},
    "feedback.criterion": {},
    "feedback.tag": {"is_curated": True},
    "generation.basemodel": {"source__in": ("bundled", "hub")},
    "prompts.prompttemplate": {"owner": None},
}
"""Rows that a studio has before anybody used it. A studio with no others is empty."""


@dataclass(frozen=True, slots=True)
class FilesBelow:
    """Files of a row that no field names: all below a prefix on the store."""

    prefixes: Callable[[Mapping[str, Any]], tuple[str, ...]]
    """From the row's values by column to the prefixes; an empty one is none."""
    needed: bool
    """Whether a row without any file has lost something."""


FOLDERS: Mapping[str, FilesBelow] = {
    "adapters.adapter": FilesBelow(lambda row: (row["files"],), needed=True),
    "adapters.adapterregistration": FilesBelow(lambda row: (row["files"], row.get("upload", "")), needed=False),
    "training.trainingrun": FilesBelow(lambda row: (f"runs/{row['id']}",), needed=False),
}
"""Models that name files by prefixes, and how these follow from the row (which may be of an older version)."""


def tables(apps: Apps) -> dict[str, type[models.Model]]:
    """Every model with a table of its own, by its label in lower case."""
    found = apps.get_models(include_auto_created=True)
    return {model._meta.label_lower: model for model in found if model._meta.managed and not model._meta.proxy}


def backed_up(apps: Apps) -> dict[str, type[models.Model]]:
    """The models whose rows are in a backup."""
    return {label: model for label, model in tables(apps).items() if label not in LEFT_OUT}


def columns(model: type[models.Model]) -> list[models.Field]:
    """The fields that hold a row's values; what the database computes itself is not among them."""
    return [field for field in model._meta.local_concrete_fields if not field.generated]
