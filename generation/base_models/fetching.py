"""Fetching a model's files from the hub, with progress that survives leaving the page."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import httpx
from django.conf import settings
from django.utils.translation import gettext
from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError
from huggingface_hub.hf_api import RepoSibling
from tqdm.auto import tqdm

from adapters.files.keeping import sha256_of
from generation.base_models.folder import BrokenModelFolder, inspect_model_folder
from generation.exceptions import ModelFolderRefused
from generation.models import BaseModel, ModelFetch
from text2song.outages import write_refused
from text2song.work import ClaimLost, raise_if_stopping

WANTED = (".json", ".safetensors", ".txt", ".model")
"""Configuration, weights and tokenizer; never pickled weights."""

REPORT_SECONDS = 1.0
EXPECTED = (ModelFolderRefused, HfHubHTTPError, httpx.HTTPError, OSError)
"""Hubs out of reach, missing files and full disks happen; only the rest needs a stack trace in the log."""


def fetch_waiting(worker: str) -> None:
    """Fetch whatever waits for it, one after the other."""
    while fetch := ModelFetch.objects.claim_next(worker):
        run_fetch(fetch)


def run_fetch(fetch: ModelFetch) -> None:
    """Bring a claimed fetch to its end; its row tells how it went."""
    fetch.perform(_fetch_and_complete, lambda error: sentence_for(error, fetch.base_model), EXPECTED)


def _fetch_and_complete(fetch: ModelFetch) -> None:
    _fetch(fetch)
    fetch.complete()


def sentence_for(error: Exception, model: BaseModel) -> str:
    """One sentence: what is missing and what to do."""
    if isinstance(error, ModelFolderRefused):
        return error.message
    if isinstance(error, GatedRepoError | RepositoryNotFoundError):
        return gettext(
            "The hub does not give %(location)s to this machine: check the name, and set HF_TOKEN if it needs a "
            "licence accepted."
        ) % {"location": model.location}
    if isinstance(error, HfHubHTTPError) and not isinstance(error, LocalEntryNotFoundError):
        return gettext("The hub answered with an error for %(location)s; try again later.") % {
            "location": model.location
        }
    if isinstance(error, httpx.HTTPError | ConnectionError | TimeoutError | LocalEntryNotFoundError):
        return gettext(
            "The files of %(location)s are missing and this machine cannot reach the model hub: connect it to the "
            "internet and fetch again, or copy the model here and add its folder; installed models go on working."
        ) % {"location": model.location}
    if isinstance(error, OSError):
        otherwise = gettext("The files of %(location)s could not be written: %(strerror)s.") % {
            "location": model.location,
            "strerror": error.strerror or gettext("check disk space"),
        }
        return write_refused(error, otherwise)
    return gettext("Fetching %(location)s failed unexpectedly; the log of the worker has the details.") % {
        "location": model.location
    }


def _fetch(fetch: ModelFetch) -> None:
    model = fetch.base_model
    _report(fetch, stage=gettext("Asking the hub for the list of files"))
    info = HfApi().model_info(
        model.location, revision=model.hub_revision, files_metadata=True, timeout=settings.HF_HUB_TIMEOUT
    )
    files = _wanted(info.siblings or [], model)
    partial = settings.MODELS_DIR / f".{model.key}.partial"
    _report(fetch, files_total=len(files), bytes_total=sum(file.size or 0 for file in files))
    meter = _Meter(fetch)
    for number, file in enumerate(files):
        meter.stage(f"Fetching {file.rfilename}", files_done=number)
        hf_hub_download(
            model.location,
            file.rfilename,
            revision=info.sha,
            local_dir=partial,
            etag_timeout=settings.HF_HUB_TIMEOUT,
            tqdm_class=meter.bar_class(),
        )
        meter.file_done(file.size or 0)
    meter.stage(gettext("Checking the files"), files_done=len(files))
    _verify(files, partial)
    with fetch.held():
        _put_in_place(model, partial, info.sha or "")


def _wanted(siblings: list[RepoSibling], model: BaseModel) -> list[RepoSibling]:
    files = [file for file in siblings if file.rfilename.endswith(WANTED) and "/" not in file.rfilename]
    if not any(file.rfilename.endswith(".safetensors") for file in files):
        raise ModelFolderRefused(
            gettext("%(location)s has no safetensors weights, and pickled ones are not loaded.")
            % {"location": model.location}
        )
    return files


def _verify(files: list[RepoSibling], partial: Path) -> None:
    """Compare what came with the hub's SHA-256 of it: a fetch that went on from another may have mixed two."""
    for file in files:
        known = file.lfs.sha256 if file.lfs else None
        if known and sha256_of(partial / file.rfilename) != known:
            (partial / file.rfilename).unlink()
            raise ModelFolderRefused(
                gettext("%(rfilename)s came damaged and was removed. Fetch again.") % {"rfilename": file.rfilename}
            )


def _put_in_place(model: BaseModel, partial: Path, revision: str) -> None:
    try:
        inspect_model_folder(partial)
    except BrokenModelFolder as error:
        raise ModelFolderRefused(
            gettext("What the hub gave for %(location)s cannot be used: %(error)s")
            % {"location": model.location, "error": error}
        ) from error
    shutil.rmtree(partial / ".cache", ignore_errors=True)
    partial.replace(model.fetched_folder)
    BaseModel.objects.filter(pk=model.pk).update(revision=revision, copy_path="")


def _report(fetch: ModelFetch, **values: Any) -> None:
    """Write progress; a fetch that was cancelled or taken over meanwhile stops here, as does one asked to end."""
    raise_if_stopping()
    if not fetch.report(**values):
        raise ClaimLost


class _Meter:
    """Adds up bytes over all files and writes them at most once a second."""

    def __init__(self, fetch: ModelFetch) -> None:
        self._fetch = fetch
        self._done = 0
        self._in_file = 0
        self._started = time.monotonic()
        self._written_at = 0.0

    def stage(self, text: str, *, files_done: int) -> None:
        _report(self._fetch, stage=text, files_done=files_done)

    def file_done(self, size: int) -> None:
        self._done += size
        self._in_file = 0
        self._write()

    def advance(self, amount: float) -> None:
        self._in_file += int(amount)
        if time.monotonic() - self._written_at >= REPORT_SECONDS:
            self._write()

    def _write(self) -> None:
        self._written_at = time.monotonic()
        done = self._done + self._in_file
        _report(self._fetch, bytes_done=done, bytes_per_second=done / max(1e-3, time.monotonic() - self._started))

    def bar_class(self) -> type[tqdm]:
        meter = self

        class Bar(tqdm):
            """Feeds the meter and prints nothing."""

            def __init__(self, *args: Any, **kwargs: Any) -> None:
                kwargs.pop("name", None)
                super().__init__(*args, **{**kwargs, "disable": True})

            def update(self, n: float | None = 1) -> None:
                meter.advance(n or 0)

        return Bar
