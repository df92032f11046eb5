"""Several samples as one zip archive: numbered files with their provenance, and lists of them for people and players.

The archive is written while it is sent: one clip at a time is held in memory.
"""

from __future__ import annotations

import io
import unicodedata
import zipfile
from collections.abc import Iterator, Sequence
from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext

from generation.exceptions import StorageUnavailable
from generation.listening.downloads import make_download
from generation.models import AudioSample
from text2song.exceptions import Refused

ARCHIVE_FORMATS = ("flac", "wav")
MOST_CLIPS = 500
MOST_SECONDS = 3 * 60 * 60
NAME_LENGTH = 80
CONTENT_TYPE = "application/zip"
_FORBIDDEN = frozenset('\\/:*?"<>|')


def make_archive(samples: Sequence[AudioSample], file_format: str, title: str) -> Iterator[bytes]:
    """The parts of a zip archive of `samples` (with context), in their order, as "flac" or "wav".

    What cannot be sent is told before the first part: `Refused` for too much, too little or another format,
    `StorageUnavailable` where the first clip cannot be read. A later one that cannot be read is left out, and
    `unreadable.txt` names it.
    """
    _require_fitting(samples, file_format)
    first = make_download(samples[0], file_format).content
    return _parts(samples, file_format, title, first)


def safe_name(text: str, otherwise: str) -> str:
    """`text` as every system takes it for a file's name, without an ending."""
    kept = "".join(
        " " if letter in _FORBIDDEN or unicodedata.category(letter)[0] in "CZ" else letter
        for letter in unicodedata.normalize("NFC", text)
    )
    return " ".join(kept.split())[:NAME_LENGTH].strip(" .") or otherwise


def _require_fitting(samples: Sequence[AudioSample], file_format: str) -> None:
    if file_format not in ARCHIVE_FORMATS:
        message = gettext("An archive has flac or wav files.")
        raise Refused(message, fields={"file_format": [message]})
    if not samples:
        raise Refused(gettext("There is nothing to download: no clip is chosen, or none is left."))
    if len(samples) > MOST_CLIPS:
        told = gettext("An archive holds up to %(most)s clips; these are %(count)s. Download them in parts.")
        raise Refused(told % {"most": MOST_CLIPS, "count": len(samples)})
    seconds = sum(sample.duration for sample in samples)
    if seconds > MOST_SECONDS:
        told = gettext("An archive holds up to %(most)s minutes; these are %(minutes)s. Download them in parts.")
        raise Refused(told % {"most": MOST_SECONDS // 60, "minutes": round(seconds / 60)})


class _Parts(io.RawIOBase):
    """A file that only goes forward, and gives away what was written to it."""

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]  # bytes are all that zipfile writes
        self._written.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        taken, self._written = b"".join(self._written), []
        return taken


def _parts(samples: Sequence[AudioSample], file_format: str, title: str, first: bytes) -> Iterator[bytes]:
    parts = _Parts()
    width = max(2, len(str(len(samples))))
    names = [
        f"{number:0{width}d} {safe_name(sample.name, gettext('Clip'))}.{file_format}"
        for number, sample in enumerate(samples, 1)
    ]
    sent: list[tuple[str, AudioSample]] = []
    unreadable: list[str] = []
    with zipfile.ZipFile(parts, "w") as archive:
        for number, (name, sample) in enumerate(zip(names, samples, strict=True)):
            try:
                content = make_download(sample, file_format).content if number else first
            except StorageUnavailable as error:
                unreadable.append(f"{name}: {error.message}")
                continue
            archive.writestr(_entry(name, sample.created_at), content)
            sent.append((name, sample))
            yield parts.take()
        now = timezone.now()
        archive.writestr(_entry("tracklist.txt", now), _list_for_people(title, sent))
        archive.writestr(_entry("tracklist.m3u8", now), _list_for_players(title, sent))
        if unreadable:
            archive.writestr(_entry("unreadable.txt", now), _lines(unreadable))
    yield parts.take()


def _entry(name: str, moment: datetime) -> zipfile.ZipInfo:
    """Stored as it is: sound that is compressed already gains nothing by more."""
    entry = zipfile.ZipInfo(name, timezone.localtime(moment).timetuple()[:6])
    entry.external_attr = 0o644 << 16
    return entry


def _list_for_people(title: str, sent: Sequence[tuple[str, AudioSample]]) -> str:
    lines = [title, ""]
    for name, sample in sent:
        lines += [
            f"{name}  {_clock(sample.duration)}",
            "    " + gettext("Prompt: %(prompt)s") % {"prompt": _one_line(sample.job.prompt.text)},
            "    " + gettext("Model: %(model)s") % {"model": _model(sample)},
        ]
    return _lines(lines)


def _list_for_players(title: str, sent: Sequence[tuple[str, AudioSample]]) -> str:
    lines = ["#EXTM3U", f"#PLAYLIST:{_one_line(title)}"]
    for name, sample in sent:
        lines += [
            f"#EXTINF:{round(sample.duration)},{_one_line(sample.name)}",
            f"# {_one_line(sample.job.prompt.text)}",
            f"# {_model(sample)}",
            name,
        ]
    return _lines(lines)


def _model(sample: AudioSample) -> str:
    job = sample.job
    return f"{job.base_model.display_name}, {job.adapter_label}" if job.adapter_id else job.base_model.display_name


def _clock(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02d}"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _lines(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
