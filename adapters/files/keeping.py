"""An adapter's files: on the configured storage for good, and beside a worker for as long as it needs them."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from django.conf import settings
from django.core.files.base import ContentFile, File
from django.core.files.storage import storages
from django.utils.translation import gettext, gettext_lazy

from adapters.exceptions import AdapterFilesUnavailable
from adapters.files.unpacking import Upload, by_kept_name, is_archive
from adapters.models import (
    ARCHIVE_FILE,
    CONFIG_FILE,
    README_FILE,
    SENT_FILES,
    WEIGHTS_FILE,
    AdapterFiles,
    AdapterRegistration,
)
from text2song.outages import write_refused
from text2song.work import HandedBack, raise_if_stopping

READ_SIZE = 1 << 20
REFUSED = gettext_lazy(
    "The store refused to write the adapter's files. Check its free space and access under Settings."
)
UPLOAD_REFUSED = gettext_lazy(
    "The store refused to keep the upload, so nothing was registered. Check its free space and access under Settings, "
    "then send the adapter again."
)
NOT_BROUGHT = gettext_lazy(
    "The adapter's files cannot be written beside the worker. Check the data folder's rights and free space."
)


def store_upload(registration: AdapterRegistration, uploads: Sequence[Upload]) -> None:
    """Keep what was sent as it came, below the row's `upload`, for a worker to unpack; all of it, or nothing."""
    sent = {ARCHIVE_FILE: uploads[0]} if is_archive(uploads) else by_kept_name(uploads)
    try:
        for name, upload in sent.items():
            upload.seek(0)
            storages["default"].save(f"{registration.upload}/{name}", upload)  # type: ignore[arg-type]  # read and sought as any file
    except Exception as error:
        registration.remove_upload()
        raise AdapterFilesUnavailable(write_refused(error, UPLOAD_REFUSED)) from error


def bring_upload(registration: AdapterRegistration, folder: Path) -> Path:
    """Copy what was sent from the store into `folder`; returns the archive, or `folder` where files came one by one.

    Raises `AdapterFilesUnavailable`, and `HandedBack` in a worker that is to end.
    """
    store = storages["default"]
    try:
        found = [name for name in SENT_FILES if store.exists(f"{registration.upload}/{name}")]
        for name in found:
            with store.open(f"{registration.upload}/{name}", "rb") as stored, (folder / name).open("wb") as local:
                while piece := stored.read(READ_SIZE):
                    raise_if_stopping()
                    local.write(piece)
    except HandedBack:
        raise
    except Exception as error:
        raise _upload_away(registration) from error
    if not found:
        raise _upload_away(registration)
    return folder / ARCHIVE_FILE if ARCHIVE_FILE in found else folder


def _upload_away(registration: AdapterRegistration) -> AdapterFilesUnavailable:
    return AdapterFilesUnavailable(
        gettext(
            "The upload of “%(label)s” cannot be brought to a worker. Check the store under Settings and the "
            "worker's free disk, then send the adapter again."
        )
        % {"label": registration.label}
    )


def store_files(files: AdapterRegistration, *, weights: Path, readme: bytes) -> None:
    """Write configuration, weights and README below the row's prefix; all of them, or none."""
    store = storages["default"]
    try:
        store.save(files.file_name(CONFIG_FILE), ContentFile(files.config_bytes))
        with weights.open("rb") as stream:
            store.save(files.file_name(WEIGHTS_FILE), File(stream))
        if readme:
            store.save(files.file_name(README_FILE), ContentFile(readme))
    except Exception as error:
        with contextlib.suppress(Exception):  # a store that is away cannot remove either; the reason is the first error
            files.remove_files()
        raise AdapterFilesUnavailable(write_refused(error, REFUSED)) from error


def open_weights(files: AdapterFiles) -> IO[bytes]:
    """The stored weights for reading. Raises `AdapterFilesUnavailable`."""
    try:
        return storages["default"].open(files.file_name(WEIGHTS_FILE), "rb")
    except Exception as error:
        raise AdapterFilesUnavailable(
            gettext(
                "The weights of the adapter “%(label)s” are not on the store. Check the store under Settings, or "
                "register the adapter again."
            )
            % {"label": files.label}
        ) from error


def read_readme(files: AdapterFiles) -> bytes:
    """The README, empty where there is none."""
    store = storages["default"]
    name = files.file_name(README_FILE)
    if not store.exists(name):
        return b""
    with store.open(name, "rb") as stream:
        return stream.read()


def write_zip(files: AdapterFiles, archive: zipfile.ZipFile) -> None:
    """Put the files into an archive, as a folder that peft loads. Raises `AdapterFilesUnavailable`."""
    archive.writestr(CONFIG_FILE, files.config_bytes)
    if readme := read_readme(files):
        archive.writestr(README_FILE, readme)
    with open_weights(files) as stored, archive.open(WEIGHTS_FILE, "w", force_zip64=True) as packed:
        shutil.copyfileobj(stored, packed, READ_SIZE)


def local_folder(files: AdapterFiles) -> Path:
    """A folder on this machine that peft can load, named by its content; brought from the storage the first time.

    Raises `AdapterFilesUnavailable` when the stored weights are missing or are not those that were registered, or when
    this machine cannot keep them.
    """
    folder = settings.ADAPTERS_DIR / files.content_hash
    if not folder.is_dir():
        try:
            _fetch_into(folder, files)
        except OSError as error:
            raise AdapterFilesUnavailable(write_refused(error, NOT_BROUGHT)) from error
    return folder


def _fetch_into(folder: Path, files: AdapterFiles) -> None:
    """Bring the files to `folder`, whole or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="fetch-") as scratch:
        _bring(files, Path(scratch) / "adapter")
        try:
            (Path(scratch) / "adapter").rename(folder)
        except OSError:
            if not folder.is_dir():  # otherwise another worker was faster with the same content
                raise


def _bring(files: AdapterFiles, folder: Path) -> None:
    folder.mkdir()
    (folder / CONFIG_FILE).write_bytes(files.config_bytes)
    with open_weights(files) as stored, (folder / WEIGHTS_FILE).open("wb") as local:
        shutil.copyfileobj(stored, local, READ_SIZE)
    if sha256_of(folder / WEIGHTS_FILE) != files.sha256:
        raise AdapterFilesUnavailable(
            gettext(
                "The stored weights of the adapter “%(label)s” are damaged: their SHA-256 is not the one registered. "
                "Register the adapter again."
            )
            % {"label": files.label}
        )


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
