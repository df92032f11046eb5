"""The S3 store as browsers see it: presigned links may need another address than the one the servers use."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError
from storages.backends.s3 import S3Storage
from storages.utils import clean_name

from text2song.workers import is_worker

WEB_ATTEMPTS, WORKER_ATTEMPTS = 3, 12
"""Tries of a request to the store, with pauses that grow to 20 s. A page fails within seconds; a worker, whose work
would be lost, waits out a store that is away for half a minute or more."""

LISTENING = {
    "AllowedMethods": ["GET", "HEAD"],
    "AllowedOrigins": ["*"],
    "AllowedHeaders": ["Range"],
    "ExposeHeaders": ["Accept-Ranges", "Content-Length", "Content-Range"],
}
"""Lets pages read audio by presigned link, which alone gives access; comparing decodes it in the page."""


IN_MEMORY = 8 << 20
"""Bytes of a file read from the store that are held in memory; a larger one lies on the disk while it is open."""
PARTS_AT_ONCE = 2


def transfers() -> TransferConfig:
    """Large files in parts of 8 MB, a few at a time: the defaults hold up to fifteen in memory, for every request."""
    config = TransferConfig(max_concurrency=PARTS_AT_ONCE)
    config.max_in_memory_upload_chunks = PARTS_AT_ONCE
    return config


def attempts() -> int:
    return WORKER_ATTEMPTS if is_worker() else WEB_ATTEMPTS


class StudioS3Storage(S3Storage):
    """`S3Storage` whose links are signed for `public_endpoint_url` where that is set.

    In a container network the store is at an address no browser knows; the signature covers the host, so the link has
    to be signed for the public one.
    """

    def get_default_settings(self) -> dict[str, Any]:
        ours = {"public_endpoint_url": None, "max_memory_size": IN_MEMORY, "transfer_config": transfers()}
        return {**super().get_default_settings(), **ours}

    client_config: Any

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.client_config = self.client_config.merge(
            Config(connect_timeout=5, retries={"mode": "standard", "total_max_attempts": attempts()})
        )

    @cached_property
    def _public_client(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.public_endpoint_url,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name=self.region_name,
            config=Config(signature_version=self.signature_version, s3={"addressing_style": self.addressing_style}),
        )

    def url(
        self,
        name: str,
        parameters: dict[str, Any] | None = None,
        expire: int | None = None,
        http_method: str | None = None,
    ) -> str:
        if not self.public_endpoint_url:
            return super().url(name, parameters, expire, http_method)
        key = self._normalize_name(clean_name(name))
        return self._public_client.generate_presigned_url(
            "get_object",
            Params={"Bucket": self.bucket_name, "Key": key, **(parameters or {})},
            ExpiresIn=self.querystring_expire if expire is None else expire,
            HttpMethod=http_method,
        )

    def ensure_bucket(self) -> bool:
        """Create the bucket if the store has none of that name yet; True when it was created."""
        client = self.connection.meta.client
        try:
            client.head_bucket(Bucket=self.bucket_name)
        except ClientError:
            client.create_bucket(Bucket=self.bucket_name)
            client.put_bucket_cors(Bucket=self.bucket_name, CORSConfiguration={"CORSRules": [LISTENING]})
            return True
        return False

    def size_and_etag(self, name: str) -> tuple[int, str]:
        """Bytes and ETag of a stored file, in one request. Raises `FileNotFoundError`."""
        with _missing_file(name):
            found = self.connection.meta.client.head_object(**self._place(name))
        return found["ContentLength"], found["ETag"]

    def open_stream(self, name: str) -> tuple[IO[bytes], int, str]:
        """The file as a stream that holds none of it, its bytes and ETag; `open` would load it whole.

        Raises `FileNotFoundError`.
        """
        with _missing_file(name):
            found = self.connection.meta.client.get_object(**self._place(name))
        return found["Body"], found["ContentLength"], found["ETag"]

    def upload(self, name: str, path: Path) -> None:
        """Store a file of this machine, in pieces one after the other; `save` holds up to ten of them in memory."""
        place = self._place(name)
        self.connection.meta.client.upload_file(
            str(path),
            place["Bucket"],
            place["Key"],
            ExtraArgs=self._get_write_parameters(place["Key"]),
            Config=TransferConfig(use_threads=False),
        )

    def _place(self, name: str) -> dict[str, str]:
        return {"Bucket": self.bucket_name, "Key": self._normalize_name(clean_name(name))}


@contextlib.contextmanager
def _missing_file(name: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            raise FileNotFoundError(f"File does not exist: {name}") from error
        raise
