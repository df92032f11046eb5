"""Getting an adapter's files out of what a person gives: a folder, a zip archive, or the files themselves.

Nothing a client names becomes a path: only three files are kept, under names of our own. `opened` does little work,
however large or dishonest the archive is: it reads a bounded list of names and sizes, and unpacks nothing.
"""

from __future__ import annotations

import stat
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any, Protocol

from django.conf import settings
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext

from adapters.exceptions import AdapterFilesRefused, AdapterFilesUnavailable
from adapters.models import CONFIG_FILE, KEPT_FILES, WEIGHTS_FILE
from text2song.work import raise_if_stopping

MOST_ENTRIES = 200
SMALL_FILE_BYTES = 1 << 20
"""Configuration and README are text; anything longer is something else."""
MOST_RATIO = 20
"""An adapter's numbers hardly compress; what unpacks to more than this many times its size is no adapter."""
RATIO_ALLOWANCE = 4 << 20
"""Bytes that may come out of any archive, however small: text compresses well."""
COMPRESSIONS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""Those that are unpacked piece by piece; zipfile holds whatever comes of a piece of bzip2 or LZMA in memory."""
PICKLES = frozenset({".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy"})
PICKLED_WEIGHTS = PurePosixPath(WEIGHTS_FILE).stem
"""Other pickles, such as the training_args.bin that trainers leave beside an adapter, are never opened."""
READ_SIZE = 1 << 18
GLANCE = 8 << 20
"""Bytes of an archive that are enough for its list, the configuration and the header of the weights."""
DAMAGED = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    struct.error,
    NotImplementedError,
    EOFError,
    RuntimeError,
    OSError,
    ValueError,
)
"""What zipfile raises of archives that are damaged, or made to harm."""


class Upload(Protocol):
    """A file as Django hands it to a view."""

    name: str | None
    size: int | None

    def seek(self, offset: int, /) -> int: ...
    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Member:
    """One of an adapter's files in what was given. `size` is what is declared, and no more than that is ever read."""

    name: str
    size: int
    _open: Callable[[], AbstractContextManager[Any]]

    def pieces(self) -> Iterator[bytes]:
        """The content, as it is unpacked. Raises `AdapterFilesRefused`, and `HandedBack` in a worker that is to end."""
        room = self.size
        with self._open() as stream:
            while piece := stream.read(READ_SIZE):
                raise_if_stopping()
                room -= len(piece)
                if room < 0:
                    raise AdapterFilesRefused(
                        gettext("%(name)s is larger than its declared %(size)s.")
                        % {"name": self.name, "size": filesizeformat(self.size)}
                    )
                yield piece

    def head(self, size: int) -> bytes:
        """Up to `size` bytes from the start; what follows is not unpacked."""
        head = bytearray()
        for piece in self.pieces():
            head += piece
            if len(head) >= size:
                break
        return bytes(head[:size])


Members = Mapping[str, Member]


@contextmanager
def opened(given: Path | Sequence[Upload]) -> Iterator[Members]:
    """The files of an adapter by the names they are kept under: of a local folder or archive, or of uploads.

    Of an uploaded archive no more than `GLANCE` bytes are read, so that only heads can be looked at: the rest is for a
    worker. Raises `AdapterFilesRefused` for what names and declared sizes tell.
    """
    with _members_of(given) as members:
        for name in (CONFIG_FILE, WEIGHTS_FILE):
            if name not in members:
                raise AdapterFilesRefused(gettext("There is no %(name)s; this is no PEFT adapter.") % {"name": name})
        for member in members.values():
            if member.name != WEIGHTS_FILE and member.size > SMALL_FILE_BYTES:
                raise AdapterFilesRefused(gettext("%(member_name)s is over 1 MB.") % {"member_name": member.name})
        yield members


def unpack(members: Members, folder: Path) -> None:
    """Write the files into `folder`. Raises `AdapterFilesRefused`, and `AdapterFilesUnavailable` on a full disk."""
    for name, member in members.items():
        with (folder / name).open("wb", buffering=0) as file:
            for piece in member.pieces():
                _write(file, piece)


def _write(file: IO[bytes], piece: bytes) -> None:
    try:
        while piece:
            piece = piece[file.write(piece) :]
    except OSError as error:
        raise AdapterFilesUnavailable(
            gettext(
                "The machine that unpacks adapters has no room for this one. Free some of its disk, then try again."
            )
        ) from error


def is_archive(uploads: Sequence[Upload]) -> bool:
    """Whether one zip archive was sent, rather than the files one by one."""
    return len(uploads) == 1 and PurePosixPath(uploads[0].name or "").suffix.lower() == ".zip"


def by_kept_name(uploads: Sequence[Upload]) -> dict[str, Upload]:
    """Those of the uploads that are kept; a client's path goes no further than its last part."""
    named = {PurePosixPath((upload.name or "").replace("\\", "/")).name: upload for upload in uploads}
    return {name: named[name] for name in KEPT_FILES if name in named}


# -- a folder, files, an archive -------------------------------------------------------------------------------------


def _members_of(given: Path | Sequence[Upload]) -> AbstractContextManager[Members]:
    if not isinstance(given, Path):
        return _sent(given)
    if given.is_dir():
        return nullcontext(_in_folder(given))
    if given.is_file():
        return _in_archive_file(given)
    raise AdapterFilesRefused(gettext("There is no folder or file “%(given)s”.") % {"given": given})


def _sent(uploads: Sequence[Upload]) -> AbstractContextManager[Members]:
    if not uploads:
        raise AdapterFilesRefused(
            gettext("Send %(config_file)s and %(weights_file)s, or one zip archive of them.")
            % {"config_file": CONFIG_FILE, "weights_file": WEIGHTS_FILE}
        )
    _refuse_too_large(sum(upload.size or 0 for upload in uploads))
    if is_archive(uploads):
        return _in_archive(uploads[0], uploads[0].size or 0, GLANCE)
    if len(uploads) > MOST_ENTRIES:
        raise AdapterFilesRefused(
            gettext("%(uploads)s files are too many for one adapter.") % {"uploads": len(uploads)}
        )
    _refuse_pickles([upload.name or "" for upload in uploads])
    kept = by_kept_name(uploads)
    return nullcontext({name: Member(name, sent.size or 0, partial(_rewound, sent)) for name, sent in kept.items()})


def _rewound(upload: Upload) -> AbstractContextManager[Upload]:
    upload.seek(0)
    return nullcontext(upload)


def _in_folder(folder: Path) -> Members:
    _refuse_pickles([entry.name for entry in folder.iterdir()])
    files = {name: folder / name for name in KEPT_FILES if (folder / name).is_file()}
    members = {name: Member(name, file.stat().st_size, partial(file.open, "rb")) for name, file in files.items()}
    _refuse_too_large(sum(member.size for member in members.values()))
    return members


@contextmanager
def _in_archive_file(file: Path) -> Iterator[Members]:
    size = file.stat().st_size
    with file.open("rb") as stream, _in_archive(stream, size, sys.maxsize) as members:
        yield members


@contextmanager
def _in_archive(stream: Upload | IO[bytes], size: int, most_read: int) -> Iterator[Members]:
    with _readable():
        archive = zipfile.ZipFile(_InPieces(stream, most_read))
    with archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        _check_entries(entries, size)
        chosen = _chosen(entries)
        yield {name: Member(name, e.file_size, partial(_entry, archive, e)) for name, e in chosen.items()}


@contextmanager
def _entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[IO[bytes]]:
    with _readable(), archive.open(entry) as stream:
        yield stream


class _InPieces:
    """A stream of which no more than `READ_SIZE` bytes are read at once, and no more than `most` in all.

    zipfile reads the whole list of entries at once, and makes an object of each, before anybody can count them; and it
    reads on and on where much that is compressed unpacks to nothing.
    """

    def __init__(self, stream: Upload | IO[bytes], most: int) -> None:
        self._stream = stream
        self._left = most

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def read(self, size: int = -1) -> bytes:
        if size > READ_SIZE:
            raise AdapterFilesRefused(gettext("The archive lists far more files than an adapter has."))
        piece = self._stream.read(READ_SIZE if size < 0 else size)
        self._left -= len(piece)
        if self._left < 0:
            raise AdapterFilesRefused(gettext("The archive is packed so that it takes long to read; pack it again."))
        return piece


@contextmanager
def _readable() -> Iterator[None]:
    """Within, only what was given is read: what goes wrong is its fault."""
    try:
        yield
    except DAMAGED as error:
        raise AdapterFilesRefused(
            gettext("The archive cannot be read: it is no zip file, or it is damaged.")
        ) from error


def _check_entries(entries: list[zipfile.ZipInfo], archive_size: int) -> None:
    if len(entries) > MOST_ENTRIES:
        raise AdapterFilesRefused(
            gettext("The archive holds %(entries)s files; an adapter has two or three.") % {"entries": len(entries)}
        )
    unpacked = sum(entry.file_size for entry in entries)
    _refuse_too_large(unpacked)
    for entry in entries:
        _check_entry(entry)
    _refuse_pickles([entry.filename for entry in entries])
    if unpacked > MOST_RATIO * archive_size + RATIO_ALLOWANCE:
        raise AdapterFilesRefused(
            gettext(
                "The archive of %(archive_size)s would unpack to %(unpacked)s; the numbers of an adapter "
                "do not compress like that."
            )
            % {"archive_size": filesizeformat(archive_size), "unpacked": filesizeformat(unpacked)}
        )


def _check_entry(entry: zipfile.ZipInfo) -> None:
    path = PurePosixPath(entry.filename.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in entry.filename:
        raise AdapterFilesRefused(
            gettext("The archive names a file outside of itself; pack the adapter's folder again.")
        )
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise AdapterFilesRefused(gettext("The archive holds a link; pack the files themselves."))
    if entry.flag_bits & 0x1:
        raise AdapterFilesRefused(gettext("The archive is encrypted; pack it without a password."))
    if entry.compress_type not in COMPRESSIONS:
        raise AdapterFilesRefused(
            gettext("The archive is compressed in an unusual way; pack it as an ordinary zip archive.")
        )


def _chosen(entries: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """The entries to keep, by the name to keep them under: all of the one folder that holds the configuration."""
    paths = [(PurePosixPath(entry.filename.replace("\\", "/")), entry) for entry in entries]
    homes = [path.parent for path, _ in paths if path.name == CONFIG_FILE]
    if len(homes) != 1:
        count = "no" if not homes else str(len(homes))
        raise AdapterFilesRefused(
            gettext("The archive holds %(count)s %(config_file)s; it should hold one adapter.")
            % {"count": count, "config_file": CONFIG_FILE}
        )
    beside = [(path.name, entry) for path, entry in paths if path.parent == homes[0] and path.name in KEPT_FILES]
    if len(dict(beside)) != len(beside):
        raise AdapterFilesRefused(gettext("The archive holds a file twice; pack the adapter's folder again."))
    return dict(beside)


def _refuse_pickles(names: Sequence[str]) -> None:
    """Raise `AdapterFilesRefused` for weights that are a pickle; of what else is sent, only names are read."""
    for name in names:
        last = PurePosixPath(name.replace("\\", "/")).name.lower()
        if PurePosixPath(last).stem == PICKLED_WEIGHTS and PurePosixPath(last).suffix in PICKLES:
            raise AdapterFilesRefused(
                gettext(
                    "“%(value)s” may be a pickle, which can run code when it is opened. Save the adapter as "
                    "safetensors (%(weights_file)s), and leave that file out."
                )
                % {"value": last[:80], "weights_file": WEIGHTS_FILE}
            )


def _refuse_too_large(size: int) -> None:
    if size > settings.ADAPTER_MAX_BYTES:
        raise AdapterFilesRefused(
            gettext("An adapter may have up to %(adapter_max_bytes)s in all.")
            % {"adapter_max_bytes": filesizeformat(settings.ADAPTER_MAX_BYTES)}
        )
