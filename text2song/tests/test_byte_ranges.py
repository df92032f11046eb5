"""Ranges as RFC 9110 has them, without a database or a store."""

from __future__ import annotations

import io

import pytest
from django.http.response import HttpResponseBase
from django.test import RequestFactory

from text2song import byte_ranges
from text2song.byte_ranges import ByteRange, FileSlice, RangeNotSatisfiable, file_response, parse_range

CONTENT = bytes(range(256)) * 4
SIZE = len(CONTENT)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", ByteRange(0, 0)),
        ("bytes=0-99", ByteRange(0, 99)),
        ("bytes=100-", ByteRange(100, SIZE - 1)),
        ("bytes=0-", ByteRange(0, SIZE - 1)),
        ("bytes=1000-5000", ByteRange(1000, SIZE - 1)),
        ("bytes=-1", ByteRange(SIZE - 1, SIZE - 1)),
        ("bytes=-100", ByteRange(SIZE - 100, SIZE - 1)),
        ("bytes=-5000", ByteRange(0, SIZE - 1)),
        (" Bytes=5-9 ", ByteRange(5, 9)),
        ("bytes=0005-09", ByteRange(5, 9)),
        (f"bytes=7-{'9' * 5000}", ByteRange(7, SIZE - 1)),
    ],
)
def test_one_range_is_cut_to_the_file(header, expected):
    assert parse_range(header, SIZE) == expected


@pytest.mark.parametrize(
    "header",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=5-4",
        "bytes=--5",
        "bytes=5--",
        "bytes=+5-9",
        "bytes=0x1-2",
        "bytes=٣-٤",
        "bytes=1 - 2",
        "items=0-5",
        "seconds=0-5",
        "bytes=0-1,5-6",
        "bytes=0-1, -5",
        "bytes 0-5",
    ],
)
def test_what_is_no_single_valid_range_is_ignored(header):
    assert parse_range(header, SIZE) is None


@pytest.mark.parametrize("header", [f"bytes={SIZE}-", "bytes=5000-6000", "bytes=-0", f"bytes={'9' * 5000}-"])
def test_a_range_past_the_end_cannot_be_satisfied(header):
    with pytest.raises(RangeNotSatisfiable):
        parse_range(header, SIZE)


@pytest.mark.parametrize("header", ["bytes=0-", "bytes=-5", "bytes=0-0"])
def test_an_empty_file_has_no_range(header):
    with pytest.raises(RangeNotSatisfiable):
        parse_range(header, 0)


def respond(method: str = "get", content: bytes = CONTENT, **headers: str) -> tuple[HttpResponseBase, io.BytesIO]:
    file = io.BytesIO(content)
    request = getattr(RequestFactory(), method)("/", headers=headers)
    return (
        file_response(request, file, size=len(content), content_type="audio/flac", etag="abc"),
        file,
    )


def body(response: HttpResponseBase) -> bytes:
    return b"".join(response) if response.streaming else response.content


def test_without_a_range_all_of_it_is_sent():
    response, file = respond()
    assert response.status_code == 200
    assert response["Content-Length"] == str(SIZE)
    assert response["Accept-Ranges"] == "bytes"
    assert response["ETag"] == '"abc"'
    assert response["Content-Type"] == "audio/flac"
    assert "Content-Range" not in response
    assert body(response) == CONTENT
    assert file.closed


def test_a_range_gets_206_and_exactly_those_bytes():
    response, _ = respond(range="bytes=10-19")
    assert response.status_code == 206
    assert response["Content-Range"] == f"bytes 10-19/{SIZE}"
    assert response["Content-Length"] == "10"
    assert body(response) == CONTENT[10:20]


def test_a_range_past_the_end_gets_416_with_the_size():
    response, file = respond(range=f"bytes={SIZE}-")
    assert response.status_code == 416
    assert response["Content-Range"] == f"bytes */{SIZE}"
    assert body(response) == b""
    assert file.closed


def test_head_tells_of_the_whole_file_and_ignores_ranges():
    response, file = respond("head", range="bytes=10-19")
    assert response.status_code == 200
    assert response["Content-Length"] == str(SIZE)
    assert body(response) == b""
    assert file.closed


@pytest.mark.parametrize(
    ("validator", "status"),
    [('"abc"', 206), ('"other"', 200), ('W/"abc"', 200), ("Sun, 22 Nov 2026 09:00:00 GMT", 200), ("", 200)],
)
def test_if_range_keeps_the_range_only_for_this_very_file(validator, status):
    response, _ = respond(range="bytes=10-19", **{"if-range": validator})
    assert response.status_code == status
    assert body(response) == (CONTENT[10:20] if status == 206 else CONTENT)


def test_a_file_the_client_has_is_not_sent_again():
    response, file = respond(**{"if-none-match": '"abc"'})
    assert response.status_code == 304
    assert response["ETag"] == '"abc"'
    assert file.closed


def test_a_condition_that_fails_comes_before_the_range():
    response, file = respond(range="bytes=10-19", **{"if-match": '"other"'})
    assert response.status_code == 412
    assert file.closed


def test_large_files_are_sent_in_chunks(monkeypatch):
    monkeypatch.setattr(byte_ranges, "CHUNK_BYTES", 100)
    chunks = list(FileSlice(io.BytesIO(CONTENT), 10, 250))
    assert [len(chunk) for chunk in chunks] == [100, 100, 50]
    assert b"".join(chunks) == CONTENT[10:260]


@pytest.mark.django_db  # the end of a request looks after the database connection
def test_a_client_that_goes_away_leaves_no_open_file():
    response, file = respond(range="bytes=10-19")
    assert not file.closed
    response.close()
    assert file.closed


def test_a_file_that_shrank_ends_early_instead_of_hanging():
    assert b"".join(FileSlice(io.BytesIO(b"short"), 0, 100)) == b"short"
