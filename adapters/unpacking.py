"""Getting an adapter's files out of what a person gives: a folder, a zip archive, or the files themselves.

Nothing a client names becomes a path: only three files are kept, under names of our own.
"""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

from django.conf import settings
from django.template.defaultfilters import filesizeformat

from adapters.exceptions import AdapterFilesRefused
from adapters.models import CONFIG_FILE, KEPT_FILES, WEIGHTS_FILE

MOST_ENTRIES = 200
SMALL_FILE_BYTES = 1 << 20
"""Configuration and README are text; anything longer is something else."""
PICKLES = frozenset({".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy"})
READ_SIZE = 1 << 20


class Upload(Protocol):
    """A file as Django hands it to a view."""

    name: str | None
    size: int | None

    def seek(self, offset: int, /) -> int: ...
    def read(self, size: int, /) -> bytes: ...


def unpack_uploads(uploads: Sequence[Upload], folder: Path) -> None:
    """Put the adapter's files, sent one by one or as one zip archive, into `folder`. Raises `AdapterFilesRefused`."""
    if not uploads:
        raise AdapterFilesRefused(f"Send {CONFIG_FILE} and {WEIGHTS_FILE}, or one zip archive of them.")
    if sum(upload.size or 0 for upload in uploads) > settings.ADAPTER_MAX_BYTES:
        raise _too_large()
    if len(uploads) == 1 and PurePosixPath(uploads[0].name or "").suffix.lower() == ".zip":
        _unpack_zip(uploads[0], folder)
        return
    if len(uploads) > MOST_ENTRIES:
        raise AdapterFilesRefused(f"{len(uploads)} files are too many for one adapter.")
    names = [PurePosixPath((upload.name or "").replace("\\", "/")).name for upload in uploads]
    _refuse_pickles(names)
    for name, upload in zip(names, uploads, strict=True):
        if name in KEPT_FILES:
            upload.seek(0)
            _copy(upload, folder / name, name)
    _require_both(folder)


def unpack_path(path: Path, folder: Path) -> None:
    """Put the adapter's files of a local folder or zip archive into `folder`. Raises `AdapterFilesRefused`."""
    if path.is_dir():
        _refuse_pickles([entry.name for entry in path.iterdir()])
        for name in KEPT_FILES:
            if (path / name).is_file():
                with (path / name).open("rb") as stream:
                    _copy(stream, folder / name, name)
        _require_both(folder)
    elif path.is_file():
        with path.open("rb") as stream:
            _unpack_zip(stream, folder)
    else:
        raise AdapterFilesRefused(f"There is no folder or file “{path}”.")


def _unpack_zip(stream: Upload | IO[bytes], folder: Path) -> None:
    try:
        with zipfile.ZipFile(stream) as archive:  # type: ignore[arg-type]
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            _check_entries(entries)
            for name, entry in _chosen(entries).items():
                with archive.open(entry) as packed:
                    _copy(packed, folder / name, name)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, EOFError, RuntimeError, OSError) as error:
        raise AdapterFilesRefused("The archive cannot be read: it is no zip file, or it is damaged.") from error
    _require_both(folder)


def _check_entries(entries: list[zipfile.ZipInfo]) -> None:
    if len(entries) > MOST_ENTRIES:
        raise AdapterFilesRefused(f"The archive holds {len(entries)} files; an adapter has two or three.")
    if sum(entry.file_size for entry in entries) > settings.ADAPTER_MAX_BYTES:
        raise _too_large()
    for entry in entries:
        path = PurePosixPath(entry.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in entry.filename:
            raise AdapterFilesRefused("The archive names a file outside of itself; pack the adapter's folder again.")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise AdapterFilesRefused("The archive holds a link; pack the files themselves.")
        if entry.flag_bits & 0x1:
            raise AdapterFilesRefused("The archive is encrypted; pack it without a password.")
    _refuse_pickles([entry.filename for entry in entries])


def _chosen(entries: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """The entries to keep, by the name to keep them under: all of the one folder that holds the configuration."""
    paths = [(PurePosixPath(entry.filename.replace("\\", "/")), entry) for entry in entries]
    homes = [path.parent for path, _ in paths if path.name == CONFIG_FILE]
    if len(homes) != 1:
        count = "no" if not homes else str(len(homes))
        raise AdapterFilesRefused(f"The archive holds {count} {CONFIG_FILE}; it should hold one adapter.")
    beside = [(path.name, entry) for path, entry in paths if path.parent == homes[0] and path.name in KEPT_FILES]
    if len(dict(beside)) != len(beside):
        raise AdapterFilesRefused("The archive holds a file twice; pack the adapter's folder again.")
    return dict(beside)


def _copy(stream: Upload | IO[bytes], target: Path, name: str) -> None:
    """Copy no more than is allowed, whatever size was announced."""
    room = settings.ADAPTER_MAX_BYTES if name == WEIGHTS_FILE else SMALL_FILE_BYTES
    with target.open("wb") as file:
        while piece := stream.read(READ_SIZE):
            room -= len(piece)
            if room < 0:
                raise _too_large() if name == WEIGHTS_FILE else AdapterFilesRefused(f"{name} is over 1 MB.")
            file.write(piece)


def _refuse_pickles(names: Sequence[str]) -> None:
    for name in names:
        if PurePosixPath(name).suffix.lower() in PICKLES:
            raise AdapterFilesRefused(
                f"“{PurePosixPath(name).name[:80]}” may be a pickle, which can run code when it is opened. "
                "Save the adapter as safetensors, and leave everything else out."
            )


def _require_both(folder: Path) -> None:
    for name in (CONFIG_FILE, WEIGHTS_FILE):
        if not (folder / name).is_file():
            raise AdapterFilesRefused(f"There is no {name}; this is no PEFT adapter.")


def _too_large() -> AdapterFilesRefused:
    return AdapterFilesRefused(f"An adapter may have up to {filesizeformat(settings.ADAPTER_MAX_BYTES)} in all.")
