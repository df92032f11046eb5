"""Bodies are refused by their size before they are read, and nothing of them reaches a disk."""

from __future__ import annotations

import re
import socket
import threading
from pathlib import Path

import httpx
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from text2song.tests.clients import caller
from text2song.tests.live import PASSWORD
from text2song.tests.live_web import LiveWeb

LARGE = 150_000_000
FORM = "multipart/form-data; boundary=x"
START = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.zip"\r\n\r\n'


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    """The web process with a folder for temporary files of its own."""
    folder = tmp_path_factory.mktemp("bodies")
    (folder / "tmp").mkdir()
    with LiveWeb(folder, TMPDIR=str(folder / "tmp"), ADAPTER_MAX_MB="200", LOG_LEVEL="ERROR") as studio:
        yield studio


class Watch:
    """The most bytes that lay in the folder for temporary files while it was watched, deleted files of it included."""

    def __init__(self, studio):
        self.pids = [studio.supervisor.pid, *(process.pid for process in studio.processes())]
        self.folder = studio.folder / "tmp"
        self.most = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._over.set()
        self._thread.join()

    def _look(self):
        while not self._over.wait(0.005):
            self.most = max(self.most, sum(self._sizes()))

    def _sizes(self):
        for pid in self.pids:
            for link in Path(f"/proc/{pid}/fd").iterdir():
                try:
                    if str(link.readlink()).startswith(str(self.folder)):
                        yield link.stat().st_size
                except OSError:
                    continue


def post(studio, path, length, headers=(), chunked=False):
    """Start to send a body of `length` bytes; returns status and answer, which come without waiting for the rest."""
    size = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {length}"
    lines = [f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{studio.port}", size, f"Content-Type: {FORM}", *headers]
    with socket.create_connection(("127.0.0.1", studio.port), timeout=30) as connection:
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        connection.sendall(b"5\r\nhello\r\n0\r\n\r\n" if chunked else START)
        sent = len(START)
        piece = bytes(1 << 16)
        connection.settimeout(0.01)
        answer = b""
        while not chunked and sent < length and not answer:
            try:
                answer = connection.recv(1 << 16)
            except TimeoutError:
                try:
                    sent += connection.send(piece[: length - sent])
                except OSError:
                    break
        connection.settimeout(30)
        try:
            while more := connection.recv(1 << 16):
                answer += more
        except OSError:
            pass
    return int(answer.split()[1]), answer.partition(b"\r\n\r\n")[2].decode()


@pytest.mark.worker
@pytest.mark.slow
@pytest.mark.parametrize(
    "path", ["/sign-in/", "/adapters/upload/", "/api/v1/adapters/", "/api/v1/prompts/", "/nowhere/"]
)
def test_a_large_body_of_nobody_is_refused_and_never_stored(studio, path):
    with Watch(studio) as watch:
        status, answer = post(studio, path, LARGE)
    assert status == (401 if path == "/api/v1/adapters/" else 413), answer
    assert watch.most == 0
    if path.startswith("/api/"):
        assert '"code"' in answer
    else:
        assert "over the limit of 2.5 MB" in answer and "<h1>" in answer


@pytest.mark.worker
@pytest.mark.slow
def test_a_wrong_key_opens_nothing_and_one_over_the_uploads_limit_is_refused(studio):
    wrong = ["Authorization: Api-Key t2s_0000"]
    right = [f"Authorization: Api-Key {studio.key}"]
    with Watch(studio) as watch:
        assert post(studio, "/api/v1/adapters/", LARGE, wrong)[0] == 401
        status, answer = post(studio, "/api/v1/adapters/", 300_000_000, right)
        assert status == 413 and "body_too_large" in answer
        assert post(studio, "/api/v1/prompts/", LARGE, right)[0] == 413
    assert watch.most == 0


@pytest.mark.worker
@pytest.mark.slow
def test_who_is_signed_in_uploads_large_files(studio):
    """And the watch above does see what is spooled."""
    with httpx.Client(base_url=studio.url, timeout=60) as browser:
        token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', browser.get("/sign-in/").text)[1]
        browser.post("/sign-in/", data={"username": "studio", "password": PASSWORD, "csrfmiddlewaretoken": token})
        headers = {"X-CSRFToken": browser.cookies["csrftoken"]}
        with Watch(studio) as watch:
            files = {"files": ("a.zip", bytes(20_000_000))}
            answer = browser.post("/adapters/upload/", files=files, data={"name": "a"}, headers=headers)
    assert answer.status_code == 400 and "Upload" in answer.text
    assert watch.most > 10_000_000


@pytest.mark.worker
@pytest.mark.slow
def test_a_body_without_a_length_is_refused(studio):
    status, answer = post(studio, "/api/v1/prompts/", 0, [f"Authorization: Api-Key {studio.key}"], chunked=True)
    assert status == 411 and "Content-Length" in answer


@pytest.mark.worker
@pytest.mark.slow
@pytest.mark.parametrize(
    ("head", "status", "code"),
    [
        (f"GET /api/v1/jobs/?ids={'a' * 9000} HTTP/1.1", 414, "uri_too_long"),
        ("GET /api/v1/jobs/ HTTP/1.1\r\nHost: localhost\r\nX: " + "a" * 9000, 431, "request_header_fields_too_large"),
        ("nonsense", 400, "bad_request"),
        ("GET /api/v1/jobs/ HTTP/1.1\r\nHost: elsewhere.example", 400, "bad_request"),
    ],
)
def test_what_is_no_http_is_answered_in_the_shape(studio, head, status, code):
    with socket.create_connection(("127.0.0.1", studio.port), timeout=30) as connection:
        connection.sendall(f"{head}\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while more := connection.recv(1 << 16):
            answer += more
    assert int(answer.split()[1]) == status
    assert f'"code": "{code}"' in answer.decode()


# -- the same by the middleware alone -----------------------------------------------------------------------------


def test_uploads_of_signed_in_people_may_be_larger(page, user, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE, settings.UPLOAD_MAX_BYTES = 1000, 5000
    address = reverse("adapter-upload")

    def files(size):
        return {"files": [SimpleUploadedFile("a.zip", bytes(size))]}

    assert page.post(address, files(3000)).status_code == 400, "read, and found wanting"
    too_large = page.post(address, files(9000))
    assert too_large.status_code == 413 and "limit of 0.005 MB" in too_large.content.decode()
    assert Client().post(address, files(3000)).status_code == 413
    assert page.post(reverse("create"), {"text": "x" * 3000}).status_code == 413
    answer = caller(user).post("/api/v1/adapters/", files(9000), format="multipart")
    assert answer.status_code == 413 and answer.json()["code"] == "body_too_large"
    assert caller(user).post("/api/v1/adapters/", files(3000), format="multipart").status_code == 400
    small = page.post(address, files(9000), headers={"HX-Request": "true"})
    assert small["Content-Type"].startswith("text/plain")
