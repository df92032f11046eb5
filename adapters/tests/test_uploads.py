"""An upload is looked at while its sender waits, kept as it came, and unpacked by a worker: what is bounded, and whose
files are whose."""

from __future__ import annotations

import io
import json
import struct
import threading
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.storage import FileSystemStorage, storages
from django.core.files.uploadedfile import SimpleUploadedFile, TemporaryUploadedFile

from adapters.exceptions import AdapterExists, AdapterFilesRefused, AdapterFilesUnavailable
from adapters.files.inspection import MOST_HEADER, inspect_heads
from adapters.files.keeping import bring_upload, local_folder, store_upload
from adapters.files.unpacking import GLANCE, MOST_RATIO, RATIO_ALLOWANCE, opened, unpack
from adapters.models import ARCHIVE_FILE, CONFIG_FILE, WEIGHTS_FILE, AdapterRegistration
from adapters.services import registration as registering
from adapters.services.registration import receive_adapter, request_registration, take_in
from adapters.tests.factories import LAYER, adapter_files, adapter_folder, adapter_zip, lora_tensors, tiny_base
from generation.jobs.adapter_check import check_on_base
from text2song import workers
from text2song.pruning import orphans
from text2song.tests.clients import caller
from text2song.work import ClaimLost

pytestmark = pytest.mark.django_db
ME, OTHER = "host:1:1", "host:2:2"
DIRECTORY = b"PK\x01\x02"


@pytest.fixture
def base() -> Any:
    return tiny_base()


def zipped(content: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile("adapter.zip", content)


def send(base: Any, content: bytes | None = None, **values: Any) -> AdapterRegistration:
    files = [zipped(adapter_zip() if content is None else content)]
    values = {"actor": None, "files": files, "base_model": base, "name": "warm", "version": "1.0.0"} | values
    return request_registration(**values)


def claimed(registration: AdapterRegistration, worker: str = ME) -> AdapterRegistration:
    """The registration as a worker holds it."""
    held = AdapterRegistration.objects.get(pk=registration.pk)
    assert held.claim(worker)
    return held


def fresh(registration: AdapterRegistration) -> AdapterRegistration:
    return AdapterRegistration.objects.get(pk=registration.pk)


def try_without_engine(registration: AdapterRegistration, run: Callable[..., Any]) -> None:
    """What a worker does, for adapters that are refused before an engine is needed."""
    with run(execute=True):
        check_on_base(registration, None)  # type: ignore[arg-type]


def header_of(length: int) -> bytes:
    return struct.pack("<Q", length)


def patched(archive: bytes, name: str, at: int, value: bytes) -> bytes:
    """The archive with a field of `name`'s entry in the directory replaced; `at` counts from the entry's start."""
    start = archive.rindex(DIRECTORY, 0, archive.rindex(name.encode()))
    return archive[: start + at] + value + archive[start + at + len(value) :]


METHOD, CRC, DECLARED = 10, 16, 24


# -- what is told while the sender waits -----------------------------------------------------------------------------


def bomb(megabytes: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(CONFIG_FILE, adapter_files()[CONFIG_FILE])
        with archive.open(WEIGHTS_FILE, "w", force_zip64=True) as weights:
            for _ in range(megabytes):
                weights.write(b"\x00" * (1 << 20))
    return buffer.getvalue()


def test_a_bomb_is_answered_at_once(base, user, stored_files):
    content = bomb(300)
    assert len(content) < 400_000
    api = caller(user)
    body = {"files": [zipped(content)], "name": "warm", "version": "1.0.0", "base_model": base.key}
    api.get("/api/v1/adapters/")  # what is imported once does not count
    started = time.monotonic()
    answer = api.post("/api/v1/adapters/", body, format="multipart")
    assert time.monotonic() - started < 1
    assert answer.status_code == 400 and "would unpack to 300" in answer.json()["fields"]["files"][0]
    assert stored_files() == [] and not AdapterRegistration.objects.exists()


def opens(files: dict[str, bytes]) -> bool:
    try:
        with opened([zipped(adapter_zip(adapter_files() | files))]):
            return True
    except AdapterFilesRefused as error:
        assert "do not compress like that" in error.message
        return False


def test_the_ratio_that_is_refused():
    assert opens({"notes.txt": b"x" * (RATIO_ALLOWANCE - 10_000)}), "little does no harm, however well it compresses"
    assert not opens({"notes.txt": b"x" * (RATIO_ALLOWANCE + 500_000)})
    noise = np.random.default_rng(0).bytes(200_000)
    assert opens({"noise": noise, "notes.txt": b"x" * (MOST_RATIO * len(noise))})
    assert not opens({"noise": noise, "notes.txt": b"x" * (MOST_RATIO * len(noise) + RATIO_ALLOWANCE + 500_000)})


class Counted(SimpleUploadedFile):
    """An upload that counts what is read of it."""

    taken = 0

    def read(self, size: int = -1) -> bytes:
        piece = self.file.read(size)
        self.taken += len(piece)
        return piece


WIDE = 1 << 18


@pytest.fixture
def wide_base(base: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A base whose layers are so wide that an adapter has 4 MB."""
    shapes = {f"decoder.{LAYER}.{name}.weight": [WIDE, WIDE] for name in ("q_proj", "v_proj")}
    monkeypatch.setattr(type(base), "tensor_shapes", lambda self: shapes)
    return base


def wide_files() -> dict[str, bytes]:
    return adapter_files(tensors=lora_tensors(width=WIDE, rank=1))


@pytest.mark.parametrize("kind", ["zip", "loose files"])
def test_only_the_head_of_the_weights_is_read(wide_base, kind):
    files = wide_files()
    uploads = [Counted(name, content) for name, content in files.items()]
    if kind == "zip":
        uploads = [Counted("adapter.zip", adapter_zip(files))]
    with opened(uploads) as members:
        inspect_heads(members, wide_base)
    assert sum(upload.taken for upload in uploads) < 1 << 20 < 3 << 20 < sum(upload.size for upload in uploads)


def empty_blocks() -> bytes:
    """An archive whose weights are 20 MB of compressed blocks that unpack to nothing."""
    blocks = b"\x00\x00\x00\xff\xff" * (4 << 20) + b"\x03\x00"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(CONFIG_FILE, adapter_files()[CONFIG_FILE])
        archive.writestr(WEIGHTS_FILE, blocks)
    whole = patched(buffer.getvalue(), WEIGHTS_FILE, METHOD, struct.pack("<H", zipfile.ZIP_DEFLATED))
    return patched(whole, WEIGHTS_FILE, DECLARED, struct.pack("<L", 1000))


def test_what_unpacks_to_nothing_is_not_read_to_its_end(base):
    upload = Counted("adapter.zip", empty_blocks())
    with pytest.raises(AdapterFilesRefused, match="long to read"):
        send(base, files=[upload])
    assert upload.taken <= GLANCE + (1 << 20) < upload.size


def compressed_by(method: int, files: dict[str, bytes] | None = None) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in (files or adapter_files()).items():
            archive.writestr(name, content)
    return buffer.getvalue()


def long_list() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(10_000):
            archive.writestr(zipfile.ZipInfo(str(number)), b"")
    return buffer.getvalue()


def broken_stream() -> bytes:
    """Weights that are no deflate stream from their first byte on."""
    whole = adapter_zip()
    start = whole.index(WEIGHTS_FILE.encode()) + len(WEIGHTS_FILE)
    return whole[:start] + b"\xff" * 8 + whole[start + 8 :]


def encrypted() -> bytes:
    return patched(adapter_zip(), WEIGHTS_FILE, 8, struct.pack("<H", 1))


def weights(content: bytes) -> bytes:
    return adapter_zip(adapter_files() | {WEIGHTS_FILE: content})


def noisy(size: int) -> bytes:
    return np.random.default_rng(1).bytes(size)


@pytest.mark.parametrize(
    ("archive", "reason"),
    [
        (compressed_by(zipfile.ZIP_LZMA), "unusual way"),
        (compressed_by(zipfile.ZIP_BZIP2), "unusual way"),
        (long_list(), "far more files"),
        (broken_stream(), "damaged"),
        (encrypted(), "password"),
        (weights(header_of(MOST_HEADER + 1) + noisy(MOST_HEADER + 10)), "far more tensors"),
        (weights(header_of(10**12) + b"{}"), "no safetensors file"),
        (weights(header_of(0)), "no safetensors file"),
        (weights(header_of(2) + b"[]"), "no safetensors file"),
        (weights(header_of(9) + b'{"a": {}}'), "no safetensors file"),
        (weights(header_of(60_000) + b"[" * 60_000), "no safetensors file"),
        (weights(adapter_files()[WEIGHTS_FILE] + b"more"), "no safetensors file"),
        (adapter_zip(adapter_files(tensors=lora_tensors(width=16))), "do not fit"),
        (adapter_zip(adapter_files({"use_dora": True})), "use_dora"),
    ],
)
def test_what_is_refused_at_once(base, archive, reason, stored_files):
    with pytest.raises(AdapterFilesRefused, match=reason):
        send(base, archive)
    assert stored_files() == [] and not AdapterRegistration.objects.exists()


def test_a_store_that_is_full_is_told_and_keeps_nothing(base, user, monkeypatch, stored_files):
    save_file = FileSystemStorage._save

    def refuse_weights(self: Any, name: str, content: Any) -> str:
        if name.endswith(WEIGHTS_FILE):
            raise OSError(28, "No space left on device")
        return save_file(self, name, content)

    monkeypatch.setattr(FileSystemStorage, "_save", refuse_weights)
    body = {
        "files": [SimpleUploadedFile(name, content) for name, content in adapter_files().items()],
        "name": "warm",
        "version": "1.0.0",
        "base_model": base.key,
    }
    answer = caller(user).post("/api/v1/adapters/", body, format="multipart")
    assert answer.status_code == 503 and "disk that holds the studio's data is full" in answer.json()["detail"]
    assert stored_files() == [] and not AdapterRegistration.objects.exists()


@pytest.mark.s3
def test_a_large_upload_passes_through_little_memory(base, s3_storage, tmp_path):
    """100 MB to the S3 store and back; what is held counts, not what lies on the disk."""
    upload = TemporaryUploadedFile("adapter.zip", "application/zip", 100 << 20, None)
    upload.truncate(100 << 20)
    row = AdapterRegistration(name="warm", base_model=base, upload="uploads/large")
    tracemalloc.start()
    try:
        store_upload(row, [upload])
        bring_upload(row, tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 50 << 20
    finally:
        tracemalloc.stop()
    assert (tmp_path / ARCHIVE_FILE).stat().st_size == 100 << 20


def test_of_two_at_the_same_moment_one_is_refused_and_leaves_nothing(base, monkeypatch, stored_files):
    first = send(base)
    monkeypatch.setattr(registering, "require_free", lambda *names: None)
    with pytest.raises(AdapterExists, match=r"next free one is 1\.0\.1"):
        send(base)
    assert stored_files() == [f"uploads/{first.pk}/{ARCHIVE_FILE}"]
    assert AdapterRegistration.objects.get() == first


# -- in a worker -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["zip", "loose files"])
def test_a_worker_makes_the_upload_the_registrations_files(base, storage_backend, stored_files, kind):
    files = adapter_files() | {"README.md": b"# Warm"}
    content = adapter_zip(files, folder="warm/")
    loose = [SimpleUploadedFile(f"C:\\sent\\{name}", content) for name, content in (files | {"notes": b"x"}).items()]
    sent = send(base, files=[zipped(content)] if kind == "zip" else loose)
    assert (sent.state, sent.sha256, sent.size, sent.files, sent.is_unpacked) == ("queued", "", 0, "", False)
    names = [ARCHIVE_FILE] if kind == "zip" else sorted(files)
    assert stored_files() == sorted(f"uploads/{sent.pk}/{name}" for name in names)

    held = claimed(sent)
    take_in(held)
    row = fresh(sent)
    assert row.is_unpacked and row.progressed and len(row.sha256) == 64 and row.size > 200
    assert (row.rank, row.trained_parameters) == (2, 64)
    assert stored_files() == sorted(f"{row.files}/{name}" for name in files)
    assert (local_folder(held) / WEIGHTS_FILE).read_bytes() == files[WEIGHTS_FILE]
    before = row.files
    take_in(held)
    assert fresh(sent).files == before, "it is done once"


def test_an_archive_that_lies_is_unpacked_no_further_than_it_says(base, tmp_path):
    """30 MB are announced as 1000 bytes; the checksum is that of the first 1000."""
    content = b"\x00" * (30 << 20)
    whole = weights(content)
    lying = patched(whole, WEIGHTS_FILE, DECLARED, struct.pack("<L", 1000))
    matching = patched(lying, WEIGHTS_FILE, CRC, struct.pack("<L", zlib.crc32(content[:1000])))
    for number, (archive, reason) in enumerate(((lying, "damaged"), (matching, "no safetensors"))):
        file = tmp_path / f"{number}.zip"
        file.write_bytes(archive)
        target = tmp_path / str(number)
        target.mkdir()
        with opened(file) as members:
            if reason == "damaged":
                with pytest.raises(AdapterFilesRefused, match="damaged"):
                    unpack(members, target)
            else:
                unpack(members, target)
        assert (target / WEIGHTS_FILE).stat().st_size <= 1000
        with pytest.raises(AdapterFilesRefused, match=reason):
            receive_adapter(actor=None, files=file, worker=ME, name="warm", version="1.0.0", base_model=base)


def test_what_only_unpacking_tells_is_refused_by_the_worker(
    wide_base, stored_files, django_capture_on_commit_callbacks
):
    """The last number is not the one that the checksum was made of."""
    files = wide_files()
    whole = bytearray(compressed_by(zipfile.ZIP_STORED, files))
    whole[whole.index(files[WEIGHTS_FILE]) + len(files[WEIGHTS_FILE]) - 1] ^= 0xFF
    sent = send(wide_base, bytes(whole))
    try_without_engine(claimed(sent), django_capture_on_commit_callbacks)
    row = fresh(sent)
    assert (row.state, stored_files()) == ("refused", []) and "damaged" in row.error
    assert send(wide_base, compressed_by(zipfile.ZIP_STORED, files)).is_waiting, "the name is free again"


def test_an_upload_that_is_gone_is_told(base, django_capture_on_commit_callbacks):
    sent = send(base)
    sent.remove_upload()
    try_without_engine(claimed(sent), django_capture_on_commit_callbacks)
    assert fresh(sent).state == "refused" and "send the adapter again" in fresh(sent).error


def test_a_full_disk_beside_the_worker_is_told(tmp_path):
    """/dev/full is a device that has no room for anything."""
    (tmp_path / WEIGHTS_FILE).symlink_to("/dev/full")
    with opened([zipped(adapter_zip())]) as members, pytest.raises(AdapterFilesUnavailable, match="has no room"):
        unpack(members, tmp_path)


def test_a_worker_that_is_to_end_gives_it_back_as_it_was(base, monkeypatch, stored_files):
    sent = send(base)
    before = stored_files()
    asked = threading.Event()
    held = claimed(sent)
    asked.set()
    monkeypatch.setattr(workers, "_stopping", asked)
    check_on_base(held, None)  # type: ignore[arg-type]
    row = fresh(sent)
    assert (row.state, row.attempts, row.is_unpacked) == ("queued", 0, False) and stored_files() == before
    asked.clear()
    take_in(claimed(sent, OTHER))
    assert fresh(sent).is_unpacked


# -- whose files are whose -------------------------------------------------------------------------------------------


def passed_on(registration: AdapterRegistration) -> AdapterRegistration:
    """Its worker counts as dead; another one has claimed it."""
    assert fresh(registration).take_up()
    return claimed(registration, OTHER)


@pytest.mark.parametrize("first", ["late", "present"])
def test_a_worker_that_wakes_up_late_leaves_alone_what_is_not_its_own(base, monkeypatch, stored_files, first):
    sent = send(base)
    late, stored = claimed(sent), {}

    def store_and_sleep(*arguments: Any, **values: Any) -> None:
        """Between storing and committing, the other worker takes over, and is done before or after."""
        monkeypatch.undo()
        registering.store_files(*arguments, **values)
        stored["late"] = late.files
        stored["present"] = passed_on(late)
        if first == "present":
            take_in(stored["present"])

    monkeypatch.setattr(registering, "store_files", store_and_sleep)
    with pytest.raises(ClaimLost):
        take_in(late)
    if first == "late":
        assert stored_files() == [f"uploads/{sent.pk}/{ARCHIVE_FILE}"], "the upload is the present worker's to remove"
        take_in(stored["present"])
    row = fresh(sent)
    assert row.files == stored["present"].files != stored["late"]
    assert stored_files() == [f"{row.files}/{name}" for name in (CONFIG_FILE, WEIGHTS_FILE)]


def test_files_whose_commit_succeeded_though_its_answer_was_lost_stay(base, monkeypatch, stored_files):
    sent = send(base)
    held = claimed(sent)
    report = held.report

    def lose_the_answer(**values: Any) -> bool:
        assert report(**values)
        passed_on(held)
        return report(**values)

    monkeypatch.setattr(held, "report", lose_the_answer)
    with pytest.raises(ClaimLost):
        take_in(held)
    row = fresh(sent)
    assert row.files and {f"{row.files}/{name}" for name in (CONFIG_FILE, WEIGHTS_FILE)} <= set(stored_files())


def test_what_a_dead_worker_leaves_is_nobodys_and_what_waits_is_somebodys(base, monkeypatch, stored_files):
    waiting = send(base)
    dead = claimed(send(base, name="soft"))

    def die(**values: Any) -> bool:
        raise SystemExit

    monkeypatch.setattr(dead, "report", die)
    with pytest.raises(SystemExit):
        take_in(dead)
    nobodys = {orphan.name for orphan in orphans(timedelta(0))}
    assert nobodys == {f"{dead.files}/{name}" for name in (CONFIG_FILE, WEIGHTS_FILE)}
    present = passed_on(dead)
    take_in(present)
    assert {orphan.name for orphan in orphans(timedelta(0))} == nobodys
    assert set(stored_files()) - nobodys == {
        f"uploads/{waiting.pk}/{ARCHIVE_FILE}",
        *(f"{present.files}/{name}" for name in (CONFIG_FILE, WEIGHTS_FILE)),
    }
    assert claimed(waiting).fail("It does not fit.")
    assert f"uploads/{waiting.pk}/{ARCHIVE_FILE}" in {orphan.name for orphan in orphans(timedelta(0))}


def test_empty_folders_go_with_the_upload(base):
    sent = send(base)
    folder = Path(storages["default"].path(sent.upload))
    assert folder.is_dir()
    take_in(claimed(sent))
    assert not folder.exists()


def test_an_upload_that_was_never_unpacked_is_not_listed(base):
    held = claimed(send(base))
    with pytest.raises(AssertionError):
        registering.accept(held)


def test_files_of_this_machine_take_no_upload(base, tmp_path, stored_files):
    folder = adapter_folder(tmp_path / "warm")
    row = receive_adapter(actor=None, files=folder, worker=ME, name="warm", version="1.0.0", base_model=base)
    assert (row.state, row.is_unpacked, row.worker) == ("checking", True, ME) and row.is_mine()
    assert json.loads((local_folder(row) / CONFIG_FILE).read_bytes())["r"] == 2
    assert stored_files() == [f"{row.files}/{name}" for name in (CONFIG_FILE, WEIGHTS_FILE)]
