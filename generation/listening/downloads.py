"""A sample as a file to keep: converted, named for people, its provenance in its tags."""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from django.utils.text import slugify
from django.utils.translation import gettext

from generation.exceptions import StorageUnavailable
from generation.models import AudioSample, GenerationJob
from generation.sound import processing as audio
from generation.sound.files import load_audio_bytes

log = structlog.get_logger(__name__)

CONTENT_TYPES = {"wav": "audio/wav", "flac": "audio/flac", "mp3": "audio/mpeg"}
DOWNLOAD_FORMATS = tuple(CONTENT_TYPES)
NAME_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Download:
    """The bytes of a file, what it is called, and what it is."""

    content: bytes
    name: str
    content_type: str


def make_download(sample: AudioSample, file_format: str) -> Download:
    """The sample as "wav", "flac" or "mp3". Raises `StorageUnavailable` when its file cannot be read or converted."""
    stored = load_audio_bytes(sample)
    try:
        content = audio.convert(stored, file_format, provenance(sample))
    except Exception as error:
        log.exception("conversion_failed", sample_id=str(sample.pk), file_format=file_format)
        raise StorageUnavailable(
            gettext(
                "The stored audio of this sample cannot be made into %(upper)s: it is damaged, or of a kind this "
                "format does not have. The log has the details."
            )
            % {"upper": file_format.upper()}
        ) from error
    return Download(content, f"{_stem(sample)}.{file_format}", CONTENT_TYPES[file_format])


def provenance(sample: AudioSample) -> dict[str, str]:
    """What the tags of a download say, each in one line: enough to find the sample, or to make it again."""
    job = sample.job
    tags = {
        "title": sample.title or f"{job.prompt} ({sample.label})",
        "artist": "Text2Song Studio",
        "created": sample.created_at.isoformat(timespec="seconds"),
        "prompt": job.prompt.rendered_text,
        "prompt_read": sample.rendered_text,
        "seed": str(sample.seed),
        "model": f"{job.base_model.display_name} ({job.base_model.key})",
        "model_revision": sample.base_revision,
        "adapter": _adapter(sample.job),
        "adapter_sha256": sample.adapter_sha256,
        "settings": _settings(sample),
        "sample": str(sample.pk),
        "job": str(job.pk),
    }
    return {name: " ".join(value.split()) for name, value in tags.items()}


def _adapter(job: GenerationJob) -> str:
    return f"{job.adapter_label}, strength {job.adapter_strength:g}" if job.adapter else job.adapter_label


def _settings(sample: AudioSample) -> str:
    job = sample.job
    words = [f"duration={job.duration}"] + (["long_form"] if job.long_form else [])
    words += [f"{name}={getattr(job, name):g}" for name in ("temperature", "top_k", "top_p", "guidance_scale")]
    if job.source_sample_id is not None:
        words += [f"{job.kind} of {job.source_sample_id}", f"prefix_seconds={job.prefix_seconds:g}"]
    return ", ".join(words)


def _stem(sample: AudioSample) -> str:
    words = slugify(sample.title or sample.job.prompt.text, allow_unicode=True)[:NAME_LENGTH].strip("-")
    return f"{words or 'sample'}-{sample.job.short_id}-{sample.label}"
