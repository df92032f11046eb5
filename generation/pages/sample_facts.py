"""What can be told about a sample beyond its columns."""

from __future__ import annotations

from generation.exceptions import StorageUnavailable
from generation.models import AudioSample
from generation.sound.files import load_codes


def codes_shape(sample: AudioSample) -> tuple[int, int] | None:
    """Codebooks and frames of the stored codes; None when their file cannot be read."""
    try:
        codebooks, frames = load_codes(sample).shape
    except StorageUnavailable:
        return None
    return codebooks, frames
