"""Fetch a hub model's files in this process, with a progress line."""

from __future__ import annotations

import threading
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.template.defaultfilters import filesizeformat

from generation.base_models.fetching import run_fetch
from generation.models import BaseModel, ModelFetch
from generation.services import model_for
from text2song.exceptions import DomainError
from text2song.workers import presence


class Command(BaseCommand):
    help = "Fetch the files of a hub model, e.g. fetch_model musicgen-small"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("key", help="the model's key, as on the models page; facebook/<key> is fine too")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            model = model_for(options["key"].removeprefix("facebook/"))
        except DomainError as error:
            raise CommandError(error.message) from error
        if model.is_ready:
            self.stdout.write(f"The files of {model} are here already.")
            return
        if model.fetches.unfinished().exists():
            raise CommandError(f"{model} is being fetched already; see the models page.")
        self._fetch(model)

    def _fetch(self, model: BaseModel) -> None:
        fetch = ModelFetch(base_model=model)
        ended = threading.Event()
        shower = threading.Thread(target=self._show, args=(fetch.pk, ended), daemon=True)
        with presence("command") as name:
            fetch.be_claimed(name)
            fetch.save(force_insert=True)
            shower.start()
            run_fetch(fetch)
        ended.set()
        shower.join(timeout=5)
        fetch.refresh_from_db()
        if fetch.state != ModelFetch.State.COMPLETED:
            raise CommandError(fetch.error or f"The fetch ended {fetch.state}.")
        self.stdout.write(self.style.SUCCESS(f"{model} is ready."))

    def _show(self, fetch_id: UUID, ended: threading.Event) -> None:
        from django.db import connection

        while not ended.wait(2):
            fetch = ModelFetch.objects.get(pk=fetch_id)
            speed = filesizeformat(fetch.bytes_per_second)
            self.stderr.write(
                f"{fetch.stage}: file {fetch.files_done + 1} of {fetch.files_total}, {fetch.percent} %, {speed}/s"
            )
        connection.close()
