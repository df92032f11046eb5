"""Pictures of samples: drawn once, then kept beside the audio."""

from __future__ import annotations

import structlog
from django.core.files.base import ContentFile
from django.utils.translation import gettext

from generation.exceptions import StorageUnavailable
from generation.models import AudioSample, GenerationJob
from generation.sound import processing as audio
from generation.sound.files import load_audio_bytes
from generation.specs import Waveform

log = structlog.get_logger(__name__)

THEMES = ("light", "dark")


def picture_name(sample: AudioSample, theme: str) -> str:
    return f"samples/{sample.pk}.{theme}.png"


def spectrogram_of(sample: AudioSample, theme: str) -> bytes:
    """The spectrogram as PNG for "light" or "dark" pages.

    Raises `StorageUnavailable` when neither picture nor audio can be read. Samples of an unfinished job are drawn
    without keeping the picture: cancelling the job must leave no file behind.
    """
    finished = sample.job.state == GenerationJob.State.COMPLETED
    name = picture_name(sample, theme)
    if finished and (kept := _read(sample, name)) is not None:
        return kept
    waveform, sample_rate = decoded(sample)
    picture = audio.spectrogram_png(waveform, sample_rate, dark=theme == "dark")
    if finished:
        _keep(sample, name, picture)
    return picture


def decoded(sample: AudioSample) -> tuple[Waveform, int]:
    """The stored audio `[C, N]` and its sample rate. Raises `StorageUnavailable` when the file is gone or damaged."""
    stored = load_audio_bytes(sample)
    try:
        return audio.read_flac(stored)
    except Exception as error:
        log.exception("audio_file_damaged", sample_id=str(sample.pk))
        raise StorageUnavailable(gettext("The stored audio of this sample is damaged.")) from error


def _read(sample: AudioSample, name: str) -> bytes | None:
    try:
        with sample.audio_file.storage.open(name, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except Exception as error:
        raise StorageUnavailable(
            gettext("The audio store cannot be read just now. Try again, or check it under Settings.")
        ) from error


def _keep(sample: AudioSample, name: str, picture: bytes) -> None:
    try:
        sample.audio_file.storage.save(name, ContentFile(picture))
    except Exception:  # a store that is full or read-only still lets the picture be seen
        log.warning("picture_not_kept", sample_id=str(sample.pk), exc_info=True)
