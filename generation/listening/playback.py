"""Where a sample's audio can be heard from: a file on this machine, or a link to the object store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings

from generation.models import AudioSample

CONTENT_TYPE = "audio/flac"
INLINE = 'inline; filename="clip.flac"'
"""The same for every clip: a listener must not learn model, job or prompt from a name."""


def local_path(sample: AudioSample) -> Path | None:
    """The audio file if samples are kept on this machine, present or not; None when they are on an object store."""
    try:
        return Path(sample.audio_file.path)
    except NotImplementedError:
        return None


def presigned_url(sample: AudioSample, *, method: str = "GET") -> str:
    """A link to the object store for one method, which stops working after `AUDIO_URL_SECONDS`."""
    parameters = {"ResponseContentType": CONTENT_TYPE, "ResponseContentDisposition": INLINE}
    storage: Any = sample.audio_file.storage
    return storage.url(
        sample.audio_file.name, parameters=parameters, expire=settings.AUDIO_URL_SECONDS, http_method=method
    )
