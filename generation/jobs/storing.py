"""Turning an engine's result into a stored sample: measured, encoded, on storage, with one row."""

from __future__ import annotations

import contextlib
import hashlib

import structlog
from django.core.files.base import ContentFile
from django.utils.translation import gettext_noop

from generation.exceptions import StorageUnavailable
from generation.models import AudioSample, GenerationJob
from generation.sound import processing as audio
from generation.sound.files import pack_codes
from generation.specs import SampleResult
from text2song.outages import write_refused
from text2song.work import ClaimLost, patiently

REFUSED = gettext_noop(
    "The audio store refused to write. Check its free space and access under Settings, then try again."
)

log = structlog.get_logger(__name__)


def store_result(job: GenerationJob, result: SampleResult) -> AudioSample | None:
    """Store one finished clip of a claimed job; None, and nothing left behind, when the claim was lost.

    Its files have names of this claim's own, and become the sample's by the commit of its row: a worker that comes too
    late removes nothing but what it wrote itself. Raises `StorageUnavailable` when the files cannot be written.
    """
    sample, flac = _measure(job, result)
    try:
        _write_files(sample, job.claimed_name(result.index), flac, pack_codes(result.codes))
        patiently(lambda: _store_row(job, sample))
    except ClaimLost:
        _discard(sample)
        log.info("clip_dropped", job_id=str(job.pk), index=result.index)
        return None
    except StorageUnavailable:
        _discard(sample)
        raise
    return sample


def _discard(sample: AudioSample) -> None:
    """Remove files that no row names; a commit may have succeeded though its answer was lost."""
    if not AudioSample.objects.filter(audio_file=sample.audio_file.name).exists():
        with contextlib.suppress(Exception):  # they are found by `prune`
            sample.delete_files()


def _measure(job: GenerationJob, result: SampleResult) -> tuple[AudioSample, bytes]:
    finished = audio.normalise(result.audio, result.sample_rate)
    flac = audio.encode_flac(finished.audio, result.sample_rate)
    channels, frames = finished.audio.shape
    sample = AudioSample(
        id=job.sample_id(result.index),
        job=job,
        index=result.index,
        seed=job.sample_seed(result.index),
        rendered_text=job.reading.text,
        reading_record=job.reading.record(),
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


def _write_files(sample: AudioSample, name: str, flac: bytes, codes: bytes) -> None:
    try:
        sample.audio_file.save(f"{name}.flac", ContentFile(flac), save=False)
        sample.codes_file.save(f"{name}.npz", ContentFile(codes), save=False)
    except Exception as error:
        raise StorageUnavailable(write_refused(error, REFUSED)) from error


def _store_row(job: GenerationJob, sample: AudioSample) -> None:
    """Insert the row while the job is this claim's. Raises `ClaimLost`; done twice, it changes nothing."""
    with job.held():
        if not AudioSample.objects.filter(pk=sample.pk, audio_file=sample.audio_file.name).exists():
            sample.save(force_insert=True)
            job.report(progressed=True)
