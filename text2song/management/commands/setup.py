"""Bring the studio to a state in which it can run; safe to run again."""

from __future__ import annotations

import os
import secrets
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.staticfiles.finders import get_finders
from django.core.files.storage import storages
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django_q.models import Schedule

from generation.base_models.catalogue import sync_catalogue
from text2song.catalogues import compile_catalogues
from text2song.storage import StudioS3Storage

FIRST_USER = "studio"
EVERY_MINUTE = {"schedule_type": Schedule.MINUTES, "minutes": 1}
SCHEDULES = {
    "sweep-listening-tests": {"func": "feedback.tasks.sweep", **EVERY_MINUTE},
    "refit-tastes": {"func": "training.tasks.refit_tastes", "schedule_type": Schedule.MINUTES, "minutes": 5},
    "forget-set-aside": {
        "func": "generation.tasks.forget_set_aside",
        "schedule_type": Schedule.DAILY,
        "minutes": None,
    },
    "purge-deletions": {"func": "generation.tasks.purge_deletions", **EVERY_MINUTE},
    "sweep-rounds": {"func": "training.tasks.sweep_rounds", **EVERY_MINUTE},
    "prune": {"func": "text2song.tasks.prune", "schedule_type": Schedule.DAILY, "minutes": None},
}
"""What goes on by itself. Taking up the work of dead workers is no part of it: every worker does."""
NOT_SERVED = [
    "__tests__",
    "*.d.ts",
    "*.cjs",
    "redoc*",
    "inter-*-italic.woff2",
    "inter-*-opsz-*",
    "inter-*-standard-*",
    "inter-[cgv]*",
]
"""Parts of front-end packages that no page loads; of the typeface all but the upright Latin letters."""


class Command(BaseCommand):
    help = "Prepare database, texts, static files, object store, base models, schedules and the first user."

    def handle(self, *args: Any, **options: Any) -> None:
        settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
        call_command("migrate", interactive=False, verbosity=0)
        compile_catalogues()
        self._collect_static()
        self._ensure_bucket()
        sync_catalogue()
        Schedule.objects.exclude(name__in=SCHEDULES).delete()
        for name, values in SCHEDULES.items():
            Schedule.objects.update_or_create(name=name, defaults={**values, "repeats": -1, "cluster": "default"})
        self._ensure_first_user()

    def _collect_static(self) -> None:
        """Collect what pages load, unless what was collected is newer than every source."""
        collected = settings.STATIC_ROOT / "staticfiles.json"
        found = [storage.path(name) for finder in get_finders() for name, storage in finder.list(NOT_SERVED)]
        newest = max(max(os.path.getmtime(path), os.path.getctime(path)) for path in found)
        if not collected.exists() or collected.stat().st_mtime < newest:
            call_command("collectstatic", interactive=False, verbosity=0, ignore_patterns=NOT_SERVED)

    def _ensure_bucket(self) -> None:
        """Create the S3 bucket if the store has none of that name yet."""
        store = storages["default"]
        if isinstance(store, StudioS3Storage) and store.ensure_bucket():
            self.stdout.write(f"Created the bucket {store.bucket_name}.")

    def _ensure_first_user(self) -> None:
        users = get_user_model()
        if users.objects.exists():
            return
        password = settings.FIRST_PASSWORD or secrets.token_urlsafe(9)
        users.objects.create_superuser(FIRST_USER, password=password)
        shown = "the password from STUDIO_PASSWORD" if settings.FIRST_PASSWORD else f"password  {password}"
        self.stdout.write(
            "\n"
            "  First sign-in\n"
            f"    user      {FIRST_USER}\n"
            f"    {shown}\n"
            "  Shown this once. Change it with: make password\n"
        )
