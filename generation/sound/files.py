"""Reading a sample's files from the configured storage."""

from __future__ import annotations

import io
import zipfile
from typing import Protocol

import numpy as np
from django.db.models.fields.files import FieldFile
from django.utils.translation import gettext

from generation.exceptions import StorageUnavailable
from generation.models import AudioSample
from generation.specs import Codes


class HasCodes(Protocol):
    """A sample, or a clip of a dataset."""

    @property
    def codes_file(self) -> FieldFile: ...


def pack_codes(codes: Codes) -> bytes:
    """An npz holding `codes` as `[K, T]` int16."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, codes=codes.astype(np.int16))
    return buffer.getvalue()


def load_codes(sample: HasCodes) -> Codes:
    """The `[K, T]` int16 codes of a stored sample; raises `StorageUnavailable` for a file that is no such npz."""
    stored = load_codes_bytes(sample)
    try:
        with np.load(io.BytesIO(stored), allow_pickle=False) as archive:
            return archive["codes"]
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise StorageUnavailable(gettext("The stored codes of this sample are damaged.")) from error


def load_codes_bytes(sample: HasCodes) -> bytes:
    """The stored npz, whole."""
    return _read(sample.codes_file)


def load_audio_bytes(sample: AudioSample) -> bytes:
    """The stored FLAC, whole."""
    return _read(sample.audio_file)


def _read(file: FieldFile) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read()
    except Exception as error:
        raise StorageUnavailable(
            gettext("The stored file of this sample cannot be read. Check the audio store under Settings.")
        ) from error
