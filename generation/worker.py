"""What a generation worker does: take waiting jobs that fit together, decode them as one batch, store the clips."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection

from adapters.files import local_folder
from generation.models import GenerationJob
from generation.recovery import take_up
from generation.sample_files import load_codes
from generation.samples import store_result
from generation.specs import AdapterSpec, ModelSpec, Progress, ProgressCallback, SampleSpec, SamplingSpec
from text2song.exceptions import DomainError

if TYPE_CHECKING:
    from generation.engine import EngineCache

log = structlog.get_logger(__name__)

WATCH_SECONDS = 0.5
"""How often the database is asked whether jobs were cancelled, and progress is written."""


NEEDED = ("base_model", "adapter", "prompt", "source_sample")
"""What a job is decoded from."""


def drain(engines: EngineCache, worker: str) -> int:
    """Run waiting jobs until there are none; returns how many were run. Any wake-up empties the queue."""
    release_leftovers(worker)
    done = 0
    while jobs := gather(worker):
        run_batch(engines, jobs, worker)
        done += len(jobs)
    return done


def release_leftovers(worker: str) -> None:
    """Jobs marked as this worker's that it is not running: the database was gone when they ended."""
    for job in GenerationJob.objects.filter(state=GenerationJob.State.RUNNING, worker=worker):
        take_up(job)


def gather(worker: str) -> list[GenerationJob]:
    """Claim the longest waiting job and others of the same base model, up to the batch limit in samples."""
    claimed: list[GenerationJob] = []
    samples = 0
    for job in GenerationJob.objects.pending().select_related(*NEEDED)[:64]:
        if claimed and job.base_model_id != claimed[0].base_model_id:
            continue
        if claimed and samples + job.num_samples > settings.GENERATION_BATCH_SAMPLES:
            break
        if job.claim(worker):
            claimed.append(job)
            samples += job.num_samples
    return claimed


def run_batch(
    engines: EngineCache, jobs: Sequence[GenerationJob], worker: str, on_progress: ProgressCallback | None = None
) -> None:
    """Decode the jobs together. If that fails, each is tried alone, so that one cannot take the others down.

    A lost database is raised: the jobs are taken up again once it answers.
    """
    with structlog.contextvars.bound_contextvars(jobs=[str(job.pk) for job in jobs], worker=worker):
        try:
            _decode(engines, jobs, worker, on_progress)
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            if len(jobs) == 1:
                _fail(jobs[0], error, worker)
                return
            log.warning("batch_failed_trying_one_by_one", exc_info=True)
            for job in jobs:
                if _still_ours(job, worker):
                    run_batch(engines, [job], worker, on_progress)


def sample_specs(job: GenerationJob) -> list[SampleSpec]:
    """The clips of a job that are not stored yet, as the engine wants them."""
    stored = set(job.samples.values_list("index", flat=True))
    sampling = SamplingSpec(
        temperature=job.temperature,
        top_k=job.top_k,
        top_p=job.top_p,
        guidance_scale=job.guidance_scale,
    )
    prefix = None
    if job.source_sample is not None and job.prefix_seconds is not None:
        frames = round(job.prefix_seconds * job.base_model.frame_rate)
        prefix = load_codes(job.source_sample)[:, :frames]
    adapters = adapter_specs(job)
    return [
        SampleSpec(
            job_id=str(job.pk),
            index=index,
            text=job.prompt.rendered_text,
            seed=job.sample_seed(index),
            duration=float(job.duration),
            sampling=sampling,
            adapters=adapters,
            prefix_codes=prefix,
            overlap=job.overlap_seconds,
        )
        for index in range(job.num_samples)
        if index not in stored
    ]


def adapter_specs(job: GenerationJob) -> tuple[AdapterSpec, ...]:
    """The job's adapter with its files on this machine. Raises `AdapterFilesUnavailable`."""
    adapter = job.adapter
    if adapter is None:
        return ()
    return (AdapterSpec(str(local_folder(adapter)), adapter.sha256, job.adapter_strength),)


def _decode(
    engines: EngineCache, jobs: Sequence[GenerationJob], worker: str, on_progress: ProgressCallback | None
) -> None:
    model: ModelSpec = jobs[0].base_model.spec()
    by_id = {str(job.pk): job for job in jobs}
    specs = [spec for job in jobs for spec in sample_specs(job)]
    if specs:
        watch = JobWatch(by_id, worker, on_progress)
        engine = engines.get(model)
        for result in engine.generate(specs, on_progress=watch.report, should_stop=watch.should_stop):
            store_result(by_id[result.job_id], result, worker=worker)
    for job in jobs:
        if job.complete(worker):
            log.info("job_completed", job_id=str(job.pk), seconds=job.seconds_taken)


def _still_ours(job: GenerationJob, worker: str) -> bool:
    return GenerationJob.objects.filter(pk=job.pk, state=GenerationJob.State.RUNNING, worker=worker).exists()


def _fail(job: GenerationJob, error: Exception, worker: str) -> None:
    """End a job with a sentence for its owner; the log has the rest. Its partial clips are removed."""
    log.error("job_failed", job_id=str(job.pk), exc_info=error)
    if job.fail(sentence_for(error), worker=worker):
        for sample in job.samples.all():
            sample.delete_files()
        job.samples.all().delete()


def sentence_for(error: Exception, doing: str = "generating") -> str:
    """What to tell the owner of work that ended with `error`: never a stack trace."""
    from generation.engine.exceptions import EngineError

    if isinstance(error, EngineError):
        return str(error)
    if isinstance(error, DomainError):
        return error.message
    return f"Something unexpected went wrong while {doing}. Try again; if it stays, show the log to an administrator."


class JobWatch:
    """Writes the progress of a batch's jobs and notices cancelled ones, each at most twice a second.

    A database that does not answer for a moment is no reason to stop decoding.
    """

    def __init__(
        self, jobs: dict[str, GenerationJob], worker: str, on_progress: ProgressCallback | None = None
    ) -> None:
        self._jobs = jobs
        self._on_progress = on_progress
        self._worker = worker
        self._stopped: set[str] = set()
        self._looked_at = time.monotonic()
        self._reported_at: dict[str, float] = {}

    def should_stop(self, job_id: str) -> bool:
        if time.monotonic() - self._looked_at >= WATCH_SECONDS:
            self._looked_at = time.monotonic()
            self._look()
        return job_id in self._stopped

    def report(self, progress: Progress) -> None:
        if self._on_progress is not None:
            self._on_progress(progress)
        now = time.monotonic()
        due = now - self._reported_at.get(progress.job_id, 0.0) >= WATCH_SECONDS
        if not due and progress.done < progress.total:
            return
        self._reported_at[progress.job_id] = now
        try:
            self._jobs[progress.job_id].report(progress.done, progress.total)
        except DatabaseError:
            self._lost_database()

    def _look(self) -> None:
        ours = GenerationJob.objects.filter(
            pk__in=[UUID(pk) for pk in self._jobs], state=GenerationJob.State.RUNNING, worker=self._worker
        )
        try:
            running = {str(pk) for pk in ours.values_list("pk", flat=True)}
        except DatabaseError:
            self._lost_database()
            return
        self._stopped = set(self._jobs) - running

    def _lost_database(self) -> None:
        log.warning("database_lost_while_decoding", exc_info=True)
        connection.close()
