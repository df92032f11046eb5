"""Answering with a file or a part of it: HTTP range requests (RFC 9110, section 14).

One range a request is served. A request for several ranges gets the whole file, which the standard allows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response

CHUNK_BYTES = 64 * 1024
_ONE_RANGE = re.compile(r"bytes=([0-9]*)-([0-9]*)", re.IGNORECASE | re.ASCII)
_SIGNIFICANT_DIGITS = 19


class RangeNotSatisfiable(Exception):
    """The range is well formed, and nothing of it lies within the file."""


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes `first` to `last`, both included."""

    first: int
    last: int

    @property
    def length(self) -> int:
        return self.last - self.first + 1


def parse_range(header: str, size: int) -> ByteRange | None:
    """The one range a `Range` header asks for, cut to a file of `size` bytes.

    None means "send it all": another unit, several ranges, or a header that is not valid. Raises
    `RangeNotSatisfiable` when the range begins past the end, or is a suffix of no bytes.
    """
    match = _ONE_RANGE.fullmatch(header.strip())
    if match is None:
        return None
    first, last = (_number(digits) for digits in match.groups())
    if first is None:
        return None if last is None else _suffix(last, size)
    if last is not None and last < first:
        return None
    if first >= size:
        raise RangeNotSatisfiable
    return ByteRange(first, size - 1 if last is None else min(last, size - 1))


def _number(digits: str) -> int | None:
    """The number; one of absurd length is cut to something that is still larger than any file."""
    return int(digits.lstrip("0")[:_SIGNIFICANT_DIGITS] or 0) if digits else None


def _suffix(length: int, size: int) -> ByteRange:
    length = min(length, size)
    if length == 0:
        raise RangeNotSatisfiable
    return ByteRange(size - length, size - 1)


class FileSlice:
    """Iterates over `length` bytes of an open file from `start`, in chunks; closes the file, read or not."""

    def __init__(self, file: BinaryIO, start: int, length: int) -> None:
        self._file = file
        self._left = length
        file.seek(start)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        chunk = self._file.read(min(CHUNK_BYTES, self._left)) if self._left else b""
        if not chunk:
            self.close()
            raise StopIteration
        self._left -= len(chunk)
        return chunk

    def close(self) -> None:
        self._file.close()


def file_response(
    request: HttpRequest, file: BinaryIO, *, size: int, content_type: str, etag: str | None = None
) -> HttpResponseBase:
    """The file, or the range of it that `request` asks for: 200, 206, 304, 412 or 416. Takes over closing `file`.

    `etag` is a strong one without its quotes, None for a file that must not be recognised. Ranges belong to GET; a
    HEAD request is told about the whole file.
    """
    quoted = f'"{etag}"' if etag else None
    unchanged = get_conditional_response(request, etag=quoted) if quoted else None
    if unchanged is not None:
        file.close()
        return _described(unchanged, quoted)
    try:
        part = _wanted_range(request, size, quoted)
    except RangeNotSatisfiable:
        file.close()
        response = HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
        return _described(response, quoted)
    return _described(_sliced(request, file, part, size, content_type), quoted)


def _wanted_range(request: HttpRequest, size: int, etag: str | None) -> ByteRange | None:
    header = request.headers.get("Range")
    if header is None or request.method != "GET":
        return None
    # A validator that is not this very representation asks for all of it; dates are never sent, so never match.
    validator = request.headers.get("If-Range")
    if validator is not None and validator.strip() != etag:
        return None
    return parse_range(header, size)


def _sliced(
    request: HttpRequest, file: BinaryIO, part: ByteRange | None, size: int, content_type: str
) -> HttpResponseBase:
    start, length = (part.first, part.length) if part else (0, size)
    headers = {"Content-Type": content_type, "Content-Length": str(length)}
    if part:
        headers["Content-Range"] = f"bytes {part.first}-{part.last}/{size}"
    if request.method == "HEAD":
        file.close()
        return HttpResponse(headers=headers)
    return StreamingHttpResponse(FileSlice(file, start, length), status=206 if part else 200, headers=headers)


def _described(response: HttpResponseBase, etag: str | None) -> HttpResponseBase:
    response.headers["Accept-Ranges"] = "bytes"
    if etag:
        response.headers["ETag"] = etag
    return response
