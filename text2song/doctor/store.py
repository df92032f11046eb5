"""The store of audio, adapters and checkpoints: it writes, reads, gives links and removes; what should be there is."""

from __future__ import annotations

import errno
import hashlib
import itertools
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages
from django.db.models import Q

from adapters.models import CONFIG_FILE, WEIGHTS_FILE, Adapter, AdapterFiles, AdapterRegistration
from generation.models import GenerationJob
from text2song import pruning
from text2song.doctor.clock import compare
from text2song.doctor.finding import Finding, in_units, in_words, ok, warning, wrong

CONTENT = b"written by the doctor"
PART = slice(11, 14)
PATIENT = Config(connect_timeout=3, read_timeout=4, retries={"total_max_attempts": 1})
"""So that what an S3 store says is told before an examination's time is up."""
SAMPLED = 20
"""Adapters that are looked at unless all are asked for."""
SUSPICIOUS_TIME, UNUSABLE_TIME = timedelta(seconds=60), timedelta(minutes=15)
"""Presigned links last minutes; from fifteen on S3 refuses every request."""


def usable() -> Iterator[Finding]:
    """A small file is written, read, read in part, fetched by link and removed."""
    store = _store()
    where = _where(store)
    try:
        _require_bucket(store)
        name = store.save(f"doctor-{uuid.uuid4()}", ContentFile(CONTENT))
    except Exception as error:
        yield _explained(f"Nothing can be written to {where}", error)
        return
    try:
        yield from _read(store, name, where)
    finally:
        store.delete(name)
    if settings.S3_BUCKET and store.exists(name):
        yield wrong(f"What is removed stays at {where}.", "Give the keys the right to delete objects.")


def _require_bucket(store: Any) -> None:
    """Raises when there is none: some stores make a bucket of the first file that is written to it.

    Keys that may use a bucket need not have the right to ask for it, so a refusal means nothing.
    """
    if not settings.S3_BUCKET:
        return
    try:
        store.connection.meta.client.head_bucket(Bucket=settings.S3_BUCKET)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            raise


def _read(store: Storage, name: str, where: str) -> Iterator[Finding]:
    try:
        with store.open(name) as file:
            whole = file.read()
        part = _part(store, name)
    except Exception as error:
        yield _explained(f"What was written to {where} cannot be read", error)
        return
    if (whole, part) != (CONTENT, CONTENT[PART]):
        yield wrong(f"{where} gives back something else than was written.", "Look for a cache or proxy before it.")
        return
    yield ok(f"{where} writes, reads, reads in part and removes.")
    if settings.S3_BUCKET:
        yield _by_link(store.url(name))


def _part(store: Storage, name: str) -> bytes:
    if settings.S3_BUCKET:
        wanted = f"bytes={PART.start}-{PART.stop - 1}"
        return store.bucket.Object(name).get(Range=wanted)["Body"].read()  # type: ignore[attr-defined]  # of an object store
    with store.open(name) as file:
        file.seek(PART.start)
        return file.read(PART.stop - PART.start)


def _by_link(link: str) -> Finding:
    """As a browser fetches a part of a clip from another origin."""
    origin = str(httpx.URL(link).copy_with(raw_path=b"/")).rstrip("/")
    headers = {"Range": f"bytes={PART.start}-{PART.stop - 1}", "Origin": "https://studio.example"}
    try:
        answer = httpx.get(link, headers=headers, timeout=4)
    except httpx.HTTPError as error:
        return warning(
            f"A presigned link could not be tried from here: {origin}, {in_words(error)}.",
            "See that browsers reach that address; S3_PUBLIC_URL names it.",
        )
    if answer.status_code != 206 or answer.content != CONTENT[PART]:
        return wrong(
            f"A presigned link to {origin} is answered with {answer.status_code}, so browsers get no sound.",
            "Set S3_PUBLIC_URL to the address browsers use, and let proxies before the store keep the host name.",
        )
    if "Access-Control-Allow-Origin" not in answer.headers:
        return warning(
            "The bucket does not let pages of other origins read, so clips cannot be compared.",
            "Set a CORS rule that allows GET and HEAD with the header Range (docs/deployment.md).",
        )
    return ok(f"Presigned links to {origin} work.")


def clock() -> Iterator[Finding]:
    """The store's clock, by the date of any answer it gives."""
    if not settings.S3_BUCKET:
        yield ok("Local files have this machine's clock.")
        return
    before = datetime.now(UTC)
    try:
        answer = _store().connection.meta.client.head_bucket(Bucket=settings.S3_BUCKET)
    except ClientError as error:
        answer = error.response
    except BotoCoreError as error:
        yield warning(f"The store's clock is not known: {in_words(error)}.", "Mend the store first.")
        return
    date = answer["ResponseMetadata"].get("HTTPHeaders", {}).get("date")
    if date:
        ours = before + (datetime.now(UTC) - before) / 2
        yield compare("the store", parsedate_to_datetime(date) - ours, SUSPICIOUS_TIME, UNUSABLE_TIME)
    else:
        yield ok("The store does not tell its time.")


def adapters(*, deep: bool) -> Iterator[Finding]:
    """Files of adapters are there; a sample of them by size, or with `deep` all of them to the last byte."""
    store = _store()
    rows = list(_wanted_adapters() if deep else itertools.islice(_wanted_adapters(), SAMPLED))
    broken = [(row, fault) for row in rows if (fault := _adapter_fault(store, row, deep=deep))]
    for row, fault in broken:
        yield wrong(
            f"The adapter {row.label} cannot be used: {fault}.",
            f"Put {row.files}/ back from a copy of the store, or register the adapter again.",
        )
    total = Adapter.objects.visible().count() + AdapterRegistration.objects.unfinished().count()
    if not broken:
        looked_at = "read in full" if deep else "looked at (--deep reads all in full)"
        yield ok(f"{len(rows)} of {total} {looked_at}." if total else "There are none yet.")


def _wanted_adapters() -> Iterator[AdapterFiles]:
    """Those that are about to be used first, then the others, the newest first."""
    needed = Q(is_default=True) | Q(pk__in=GenerationJob.objects.unfinished().values("adapter"))
    visible = Adapter.objects.visible().order_by("-created_at")
    yield from AdapterRegistration.objects.unfinished()
    yield from visible.filter(needed)
    yield from visible.exclude(needed)


def _adapter_fault(store: Storage, row: AdapterFiles, *, deep: bool) -> str:
    for name in (CONFIG_FILE, WEIGHTS_FILE):
        if not store.exists(row.file_name(name)):
            return f"{row.file_name(name)} is not on the store"
    weights = row.file_name(WEIGHTS_FILE)
    # `size` is of all files, and the configuration and README are small beside weights.
    if not 0 < store.size(weights) <= row.size:
        return f"{weights} has {store.size(weights)} bytes"
    if not deep:
        return ""
    with store.open(weights, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return "" if digest == row.sha256 else f"{weights} is damaged: its SHA-256 is another"


def orphans() -> Iterator[Finding]:
    """Files that no row names; those of yesterday may still wait to be pruned."""
    sizes = [orphan.size for orphan in pruning.orphans(2 * pruning.OLD)]
    if not sizes:
        yield ok("Every stored file belongs to a row, or is younger than two days.")
        return
    yield warning(
        f"{len(sizes)} stored files, {in_units(sum(sizes))}, belong to no row though they are older than two days.",
        "List them with `manage.py prune`, remove them with `--yes`; the queue worker does so every day.",
    )


def _store() -> Any:
    """The default storage; an S3 store with little patience."""
    store: Any = storages.create_storage(settings.STORAGES["default"])
    if settings.S3_BUCKET:
        store.client_config = store.client_config.merge(PATIENT)
    return store


def _where(store: Any) -> str:
    if not settings.S3_BUCKET:
        return f"the folder {store.location}"
    return f"the bucket {settings.S3_BUCKET} at {store.endpoint_url or 'AWS'}"


def _explained(what: str, error: Exception) -> Finding:
    """The reason, which libraries wrap into errors of their own."""
    reason: BaseException | None = error
    while reason is not None and not isinstance(reason, ClientError | BotoCoreError | OSError):
        reason = reason.__cause__ or reason.__context__
    return wrong(f"{what}: {in_words(reason or error)}.", _mend(reason or error))


def _mend(error: BaseException) -> str:
    if isinstance(error, ClientError):
        code = error.response.get("Error", {}).get("Code", "")
        mends = {
            "NoSuchBucket": "Correct S3_BUCKET, or run `manage.py setup`, which creates the bucket.",
            "404": "Correct S3_BUCKET, or run `manage.py setup`, which creates the bucket.",
            "RequestTimeTooSkewed": "Set this machine's clock and the store's by network time.",
        }
        return mends.get(code, "Correct S3_ACCESS_KEY and S3_SECRET_KEY, or give these keys the right to the bucket.")
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "Free space on the disk that holds it; `manage.py prune` names files that nothing needs."
    if isinstance(error, OSError):
        return "Give the user that runs the studio the right to read and write there."
    return "Check S3_ENDPOINT_URL, and that the store runs and can be reached from here."
