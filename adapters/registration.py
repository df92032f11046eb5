"""How an adapter gets into the registry: checked, stored, tried on its base by a worker, and listed."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, transaction

from adapters.exceptions import AdapterExists
from adapters.files import store_files
from adapters.inspection import inspect_folder, require_revision
from adapters.models import Adapter, AdapterFiles, AdapterRegistration
from adapters.unpacking import Upload, unpack_path, unpack_uploads
from adapters.validators import next_version
from text2song.exceptions import Refused
from text2song.work import ClaimLost

if TYPE_CHECKING:
    from generation.models import BaseModel

NOT_TYPED = ("base_model", "parent", "created_by", "files", "sha256", "size", "trained_parameters", "peft_config")
SHARED_FIELDS = tuple(field.name for field in AdapterFiles._meta.get_fields())


def request_registration(
    *, actor: AbstractBaseUser, files: Path | Sequence[Upload], **values: Any
) -> AdapterRegistration:
    """As `receive_adapter`, and a worker is woken to try the adapter on its base."""
    with transaction.atomic():
        registration = receive_adapter(actor=actor, files=files, **values)
        registration.wake_worker()
    return registration


def receive_adapter(
    *,
    actor: AbstractBaseUser | None,
    files: Path | Sequence[Upload],
    name: str,
    version: str,
    base_model: BaseModel,
    base_revision: str = "",
    parent: Adapter | None = None,
    source: str = AdapterFiles.Source.UPLOAD,
    activate: bool = True,
    description: str = "",
    training_config: dict[str, Any] | None = None,
    worker: str = "",
) -> AdapterRegistration:
    """Check everything that needs no torch and store it as a registration that waits for its trial.

    With `worker`, this process's name, it is claimed from the start: whoever calls tries it, and nobody else does.
    `files` is a local folder or zip archive, or uploaded files. Raises `ValidationError` (name, version),
    `AdapterExists`, `AdapterFilesRefused`, `ModelNotReady`, `AdapterFilesUnavailable`; then nothing is stored.
    """
    registration = AdapterRegistration(
        name=name.strip(),
        version=version.strip(),
        base_model=base_model,
        base_revision=base_model.revision,
        parent=parent,
        source=source,
        activate=activate,
        description=description.replace("\r\n", "\n").strip(),
        training_config=training_config or {},
        created_by=actor,
    )
    if worker:
        registration.be_claimed(worker)
    registration.full_clean(exclude=NOT_TYPED, validate_constraints=False)
    require_free(registration.name, registration.version)
    _check_parent(parent, base_model)
    if base_revision:
        require_revision(base_revision, base_model)
    with tempfile.TemporaryDirectory(prefix="adapter-") as scratch:
        folder = Path(scratch)
        (unpack_path if isinstance(files, Path) else unpack_uploads)(files, folder)  # type: ignore[operator]
        _take_in(registration, folder)
    return registration


def _take_in(registration: AdapterRegistration, folder: Path) -> None:
    inspection = inspect_folder(folder, registration.base_model)
    registration.files = f"adapters/{registration.pk}"
    registration.peft_config = inspection.config
    registration.sha256 = inspection.sha256
    registration.size = inspection.size
    registration.trained_parameters = inspection.trained_parameters
    store_files(registration, weights=inspection.weights, readme=inspection.readme)
    try:
        with transaction.atomic():
            registration.save(force_insert=True)
    except BaseException as error:
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


def _check_parent(parent: Adapter | None, base_model: BaseModel) -> None:
    if parent is not None and (parent.is_deleted or parent.base_model_id != base_model.pk):
        message = f"The parent “{parent.label}” is no adapter of {base_model.display_name}."
        raise Refused(message, fields={"parent": [message]})


# -- after the trial -----------------------------------------------------------------------------------------------


def accept(registration: AdapterRegistration) -> bool:
    """checking -> registered, with the adapter listed; False when the claim was lost.

    The adapter has the registration's id and files. When its name was taken meanwhile, the registration is refused.
    """
    shared = {name: getattr(registration, name) for name in SHARED_FIELDS}
    adapter = Adapter(id=registration.pk, is_active=registration.activate, parent=registration.parent, **shared)
    try:
        with registration.held():
            adapter.save(force_insert=True)
            return registration.complete(adapter=adapter)
    except ClaimLost:
        return False
    except IntegrityError:
        return registration.fail(_exists(registration.name, registration.version).message)
