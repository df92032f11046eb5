"""Turning an engine's result into a stored sample: measured, encoded, on storage, with one row."""

from __future__ import annotations

import hashlib

import structlog
from django.core.files.base import ContentFile
from django.db import transaction

from generation import audio
from generation.exceptions import StorageUnavailable
from generation.models import AudioSample, GenerationJob
from generation.sample_files import pack_codes
from generation.specs import SampleResult

log = structlog.get_logger(__name__)


def store_result(job: GenerationJob, result: SampleResult, *, worker: str) -> AudioSample | None:
    """Store one finished clip; None, and nothing left behind, when the job is no longer `worker`'s to finish.

    Raises `StorageUnavailable` when the files cannot be written.
    """
    sample, flac = _measure(job, result)
    try:
        _write_files(sample, flac, pack_codes(result.codes))
        if _store_row(sample, worker):
            return sample
    except BaseException:
        sample.delete_files()
        raise
    sample.delete_files()
    log.info("clip_dropped", job_id=str(job.pk), index=result.index)
    return None


def _measure(job: GenerationJob, result: SampleResult) -> tuple[AudioSample, bytes]:
    finished = audio.normalise(result.audio, result.sample_rate)
    flac = audio.encode_flac(finished.audio, result.sample_rate)
    channels, frames = finished.audio.shape
    sample = AudioSample(
        id=job.sample_id(result.index),
        job=job,
        index=result.index,
        seed=job.sample_seed(result.index),
        rendered_text=job.prompt.rendered_text,
        base_revision=job.base_model.revision,
        adapter_sha256=job.adapter.sha256 if job.adapter else "",
        peaks=audio.peaks(finished.audio),
        duration=frames / result.sample_rate,
        sample_rate=result.sample_rate,
        channels=channels,
        loudness_lufs=finished.loudness_lufs,
        true_peak_db=finished.true_peak_db,
        gain_db=finished.gain_db,
        sha256=hashlib.sha256(flac).hexdigest(),
        size=len(flac),
    )
    return sample, flac


def _write_files(sample: AudioSample, flac: bytes, codes: bytes) -> None:
    try:
        sample.audio_file.save("", ContentFile(flac, name="clip.flac"), save=False)
        sample.codes_file.save("", ContentFile(codes, name="codes.npz"), save=False)
    except Exception as error:
        raise StorageUnavailable(
            "The audio store refused to write. Check its free space and access under Settings, then try again."
        ) from error


def _store_row(sample: AudioSample, worker: str) -> bool:
    """Insert the row while the job is still this worker's; the lock makes a cancel come before or after."""
    with transaction.atomic():
        ours = GenerationJob.objects.select_for_update().filter(
            pk=sample.job_id, state=GenerationJob.State.RUNNING, worker=worker
        )
        if not ours.exists():
            return False
        sample.save(force_insert=True)
    return True
