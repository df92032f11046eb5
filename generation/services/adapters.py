"""Registering an adapter of this machine: its files are taken in, tried on their base in this process, and listed.

Uploads come in by `request_registration` (`adapters/services/registration.py`); a generation worker tries those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import User
from django.db import Error
from django.utils.translation import gettext

from adapters.exceptions import AdapterFilesRefused
from adapters.models import Adapter
from adapters.services.registration import receive_adapter
from generation.jobs.adapter_check import check_on_base, list_if_it_works
from text2song.workers import presence, worker_name

if TYPE_CHECKING:
    from generation.engine import EngineCache


def register_adapter(*, actor: User | None, files: Path, **values: Any) -> Adapter:
    """Register the adapter in `files`, a folder or zip archive; `values` are those of `receive_adapter`.

    For a process that does nothing else. Raises what `receive_adapter` raises, and `AdapterFilesRefused` with the
    reason for an adapter that does not work.
    """
    with presence("command") as worker, _engines() as engines:
        registration = receive_adapter(actor=actor, files=files, worker=worker, **values)
        check_on_base(registration, engines)
    if registration.adapter is None:
        raise AdapterFilesRefused(registration.error)
    return registration.adapter


def register_result(
    *, actor: User | None, files: Path, complete: Callable[[Adapter], object], **values: Any
) -> Adapter:
    """As `register_adapter`, for what the work in hand has made: `complete(adapter)` ends that work.

    Both happen in one transaction, so that work which is ended twice, because its worker died over it, lists one
    adapter. The work tells its owner what goes wrong: whatever is raised in the check or by `complete` is raised as is.
    """
    registration = receive_adapter(actor=actor, files=files, worker=worker_name(), **values)
    try:
        with _engines() as engines:
            return list_if_it_works(registration, engines, complete)
    except Exception:
        with suppress(Error):
            registration.fail(gettext("The run that made it did not complete."))
        raise


@contextmanager
def _engines() -> Iterator[EngineCache]:
    """Of the check alone: what this process does beside it needs the memory."""
    from generation.engine import EngineCache

    engines = EngineCache()
    try:
        yield engines
    finally:
        engines.clear()
