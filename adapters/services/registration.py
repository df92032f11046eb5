"""How an adapter gets into the registry: its files are checked and kept, tried on its base, and listed.

Uploads come in two steps: while the person waits, what is cheap to know is checked and the upload is kept as it came
(`request_registration`); a worker unpacks and inspects it (`take_in`). Files of this machine go the second step alone
(`receive_adapter`). Whoever holds the claim then tries the adapter on its base, which takes an engine
(`generation/jobs/adapter_check.py`), and lists it (`accept`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.translation import gettext

from adapters.base import Base
from adapters.exceptions import AdapterExists
from adapters.files.inspection import inspect_folder, inspect_heads, require_revision
from adapters.files.keeping import bring_upload, store_files, store_upload
from adapters.files.unpacking import Upload, opened, unpack
from adapters.models import CONFIG_FILE, Adapter, AdapterFiles, AdapterRegistration
from adapters.models.names import next_version
from text2song.exceptions import Refused
from text2song.work import ClaimLost, patiently

NOT_TYPED = ("base_model", "parent", "created_by", *AdapterRegistration.TAKEN_IN)
SHARED_FIELDS = tuple(field.name for field in AdapterFiles._meta.get_fields())


def request_registration(*, actor: User | None, files: Sequence[Upload], **values: Any) -> AdapterRegistration:
    """Keep uploaded files as a registration, and wake a worker to unpack them and try the adapter on its base.

    Takes little time and memory whatever was sent: looks at names, sizes, the configuration and the header of the
    weights. `values` and errors are those of `receive_adapter`; when it raises, nothing is stored.
    """
    registration = _new_registration(actor=actor, **values)
    with opened(files) as members:
        inspect_heads(members, registration.base_model)
    registration.upload = f"uploads/{registration.pk}"
    store_upload(registration, files)
    _insert(registration)
    return registration


def receive_adapter(
    *, actor: User | None, files: Path, worker: str, name: str, version: str | None = None, **values: Any
) -> AdapterRegistration:
    """Inspect and store a folder or zip archive of this machine as a registration that `worker`, the caller, tries.

    It is claimed from the start, so that nobody else does. `values` are those of `_new_registration`; without a version
    it gets the next free one of its name. Raises `ValidationError` (name, version), `AdapterExists`,
    `AdapterFilesRefused`, `ModelNotReady`, `AdapterFilesUnavailable`; then nothing is stored.
    """
    version = version or free_version(name.strip())
    registration = _new_registration(actor=actor, name=name, version=version, **values)
    registration.be_claimed(worker)
    _unpack_and_store(registration, files)
    _insert(registration)
    return registration


def _new_registration(
    *,
    actor: User | None,
    name: str,
    version: str,
    base_model: Base,
    base_revision: str = "",
    parent: Adapter | None = None,
    source: str = AdapterFiles.Source.UPLOAD,
    activate: bool = True,
    description: str = "",
    training_config: dict[str, Any] | None = None,
) -> AdapterRegistration:
    """A registration that is not stored yet, in order as far as its values go."""
    registration = AdapterRegistration(
        name=name.strip(),
        version=version.strip(),
        base_model=base_model,  # type: ignore[misc]  # in truth a row
        base_revision=base_model.revision,
        parent=parent,
        source=source,
        activate=activate,
        description=description.replace("\r\n", "\n").strip(),
        training_config=training_config or {},
        created_by=actor,
    )
    registration.full_clean(exclude=NOT_TYPED, validate_constraints=False)
    require_free(registration.name, registration.version)
    _check_parent(parent, base_model)
    if base_revision:
        require_revision(base_revision, base_model)
    return registration


def _unpack_and_store(registration: AdapterRegistration, given: Path) -> None:
    """Unpack and inspect `given`, and store its files under a name of this claim.

    The object knows them then, its row does not: the caller commits them, or removes them.
    """
    with tempfile.TemporaryDirectory(prefix="adapter-") as scratch:
        with opened(given) as members:
            unpack(members, Path(scratch))
        inspection = inspect_folder(Path(scratch), registration.base_model)
        registration.files = f"adapters/{registration.claimed_name('files')}"
        registration.peft_config = inspection.config
        registration.sha256 = inspection.sha256
        registration.size = inspection.size
        registration.trained_parameters = inspection.trained_parameters
        store_files(registration, weights=inspection.weights, readme=inspection.readme)


def _insert(registration: AdapterRegistration) -> None:
    """Write the row, with a wake-up if it waits for a worker; or else remove what was stored for it."""
    try:
        with transaction.atomic():
            registration.save(force_insert=True)
            if registration.is_waiting:
                registration.wake_worker()
    except BaseException as error:
        registration.remove_upload()
        registration.remove_files()
        if isinstance(error, IntegrityError):
            raise _exists(registration.name, registration.version) from error
        raise


def require_free(name: str, version: str, *, but: Adapter | None = None) -> None:
    """Raise `AdapterExists` when another adapter, or an upload being checked, has this name and version."""
    taken = Adapter.objects.visible().filter(name=name, version=version)
    taken = taken.exclude(pk=but.pk) if but else taken
    waiting = AdapterRegistration.objects.unfinished().filter(name=name, version=version)
    if taken.exists() or waiting.exists():
        raise _exists(name, version)


def _exists(name: str, version: str) -> AdapterExists:
    return AdapterExists(name, version, free_version(name))


def free_version(name: str) -> str:
    """The version after the newest one of this name; 1.0.0 for a new name."""
    taken = Adapter.objects.visible().filter(name=name).values_list("version", flat=True)
    waiting = AdapterRegistration.objects.unfinished().filter(name=name).values_list("version", flat=True)
    return next_version([*taken, *waiting])


def _check_parent(parent: Adapter | None, base_model: Base) -> None:
    if parent is not None and (parent.is_deleted or parent.base_model_id != base_model.pk):
        message = gettext("The parent “%(parent_label)s” is no adapter of %(base_model_display_name)s.") % {
            "parent_label": parent.label,
            "base_model_display_name": base_model.display_name,
        }
        raise Refused(message, fields={"parent": [message]})


# -- by a worker -----------------------------------------------------------------------------------------------------


def take_in(registration: AdapterRegistration) -> None:
    """Unpack and inspect a claimed upload and make its files the row's, unless that was done before.

    The upload goes then. Raises `AdapterFilesRefused`, `ModelNotReady`, `AdapterFilesUnavailable`, `ClaimLost`.
    """
    if registration.is_unpacked:
        return
    with tempfile.TemporaryDirectory(prefix="upload-") as scratch:
        _unpack_and_store(registration, bring_upload(registration, Path(scratch)))
    facts = {name: getattr(registration, name) for name in AdapterRegistration.TAKEN_IN}
    if not patiently(lambda: registration.report(**facts, upload="", progressed=True)):
        if not AdapterRegistration.named_among([registration.file_name(CONFIG_FILE)]):
            registration.remove_files()  # else an earlier try succeeded, though its answer was lost
        raise ClaimLost
    registration.remove_upload()
    registration.upload = ""


def accept(registration: AdapterRegistration, complete: Callable[[Adapter], object] | None = None) -> Adapter:
    """checking -> registered, with the adapter listed under the registration's id, and with its files.

    `complete(adapter)` ends the work that made it, in the same transaction: both, or neither. Raises `ClaimLost`,
    `AdapterExists` when the name was taken meanwhile, and what `complete` raises.
    """
    assert registration.is_unpacked, "only what was inspected is listed"
    shared = {name: getattr(registration, name) for name in SHARED_FIELDS}
    adapter = Adapter(id=registration.pk, is_active=registration.activate, parent=registration.parent, **shared)
    with registration.held():
        try:
            with transaction.atomic():
                adapter.save(force_insert=True)
        except IntegrityError as error:
            raise _exists(registration.name, registration.version) from error
        registration.complete(adapter=adapter)
        if complete is not None:
            complete(adapter)
    return adapter
