"""What a generation worker does: take waiting jobs that fit together, decode them as one batch, store the clips."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from django.conf import settings
from django.db import Error, connection
from django.utils import timezone
from django.utils.translation import gettext_noop

from adapters.files.keeping import local_folder
from adapters.models import AdapterFiles
from generation.jobs import best_of
from generation.jobs.hearing import hear_leftovers
from generation.jobs.pace import FinishingPace, JobPace
from generation.jobs.storing import store_result
from generation.models import GenerationJob
from generation.sound.files import load_codes
from generation.specs import AdapterSpec, ModelSpec, Progress, ProgressCallback, SampleResult, SampleSpec, SamplingSpec
from text2song.exceptions import DomainError
from text2song.outages import is_database_away, write_refused
from text2song.work import HandedBack, patiently, raise_if_stopping
from text2song.workers import is_stopping, tick

if TYPE_CHECKING:
    from generation.engine import EngineCache

log = structlog.get_logger(__name__)

WATCH_SECONDS = 0.5
"""How often the database is asked whether jobs were cancelled, and progress is written."""


NEEDED = ("base_model", "adapter", "taste", "prompt", "source_sample")
"""What a job is decoded from."""


def drain(engines: EngineCache, worker: str) -> int:
    """Run waiting jobs until there are none, then hear what they made; returns how many were run.

    Any wake-up empties the queue.
    """
    done = 0
    while jobs := gather(worker):
        run_batch(engines, jobs)
        done += len(jobs)
    hear_leftovers(engines)
    return done


def gather(worker: str) -> list[GenerationJob]:
    """Claim the longest waiting job and others of the same base model, up to the batch limit in samples.

    A job over which a worker has died is tried alone, so that it cannot take others down again.
    """
    claimed: list[GenerationJob] = []
    samples = 0
    for job in () if is_stopping() else GenerationJob.objects.waiting().select_related(*NEEDED)[:64]:
        if claimed and (job.attempts or job.base_model_id != claimed[0].base_model_id):
            continue
        if claimed and samples + job.num_samples > settings.GENERATION_BATCH_SAMPLES:
            break
        if job.claim(worker):
            claimed.append(job)
            samples += job.num_samples
        if claimed and claimed[0].attempts:
            break
    return claimed


def run_batch(engines: EngineCache, jobs: Sequence[GenerationJob], on_progress: ProgressCallback | None = None) -> None:
    """Decode claimed jobs together. If that fails, each is tried alone, so that one cannot take the others down.

    A lost database is raised: the jobs are taken up again once it answers.
    """
    with structlog.contextvars.bound_contextvars(jobs=[str(job.pk) for job in jobs]):
        if len(jobs) == 1:
            jobs[0].perform(lambda job: _decode(engines, [job], on_progress), sentence_for)
            return
        try:
            _decode(engines, jobs, on_progress)
        except HandedBack:
            for job in jobs:
                job.hand_back()
        except Exception as error:
            if is_database_away(error):
                raise
            log.warning("batch_failed_trying_one_by_one", exc_info=True)
            for job in jobs:
                if job.is_mine():
                    run_batch(engines, [job], on_progress)


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
            text=job.reading.text,
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
    return (adapter_spec(adapter, job.adapter_strength),)


def adapter_spec(adapter: AdapterFiles, strength: float = 1.0) -> AdapterSpec:
    """The adapter as the engine wants it, its files on this machine. Raises `AdapterFilesUnavailable`."""
    return AdapterSpec(str(local_folder(adapter)), adapter.sha256, strength, adapter.label)


def _decode(engines: EngineCache, jobs: Sequence[GenerationJob], on_progress: ProgressCallback | None) -> None:
    """Make and store the jobs' missing clips. Raises `HandedBack` when this process is asked to end."""
    model: ModelSpec = jobs[0].base_model.spec()
    by_id = {str(job.pk): job for job in jobs}
    specs = [spec for job in jobs for spec in sample_specs(job)]
    if specs:
        engine = engines.get(model)
        raise_if_stopping()
        watch = JobWatch(by_id, specs, engine.finishing, on_progress)
        for result in engine.generate(specs, on_progress=watch.report, should_stop=watch.should_stop):
            began = time.monotonic()
            if sample := store_result(by_id[result.job_id], result):
                best_of.hear_early(by_id[result.job_id], sample, engines)
            watch.finished(result, time.monotonic() - began)
    for job in jobs:
        _complete(job, engines)
    raise_if_stopping()


def _complete(job: GenerationJob, engines: EngineCache) -> None:
    """running -> completed, if every clip is there; one that was stopped, cancelled or taken over is not."""
    if patiently(job.samples.count) == job.num_samples and best_of.finish(job, engines):
        log.info("job_completed", job_id=str(job.pk), seconds=job.seconds_taken)


def sentence_for(error: Exception, doing: str = gettext_noop("generating")) -> str:
    """What to tell the owner of work that ended with `error`: never a stack trace."""
    from generation.engine.exceptions import EngineError

    if isinstance(error, EngineError):
        return str(error)
    if isinstance(error, DomainError):
        return error.message
    broken = gettext_noop(
        "Something unexpected went wrong while %(doing)s. Try again; if it stays, show the log to an administrator."
    ) % {"doing": doing}
    return write_refused(error, broken)


class JobWatch:
    """Writes the progress of a batch's jobs and notices those that are no longer this worker's, twice a second at most.

    A database that does not answer for a moment is no reason to stop decoding.
    """

    def __init__(
        self,
        jobs: dict[str, GenerationJob],
        specs: Iterable[SampleSpec],
        finishing: FinishingPace,
        on_progress: ProgressCallback | None = None,
    ) -> None:
        self._jobs = jobs
        audio: dict[str, float] = defaultdict(float)
        for spec in specs:
            audio[spec.job_id] += spec.duration
        self._paces = {job_id: JobPace(seconds, finishing) for job_id, seconds in audio.items()}
        self._finishing = finishing
        self._on_progress = on_progress
        self._stopped: set[str] = set()
        self._looked_at = time.monotonic()
        self._reported_at: dict[str, float] = {}

    def should_stop(self, job_id: str) -> bool:
        tick()
        if time.monotonic() - self._looked_at >= WATCH_SECONDS:
            self._looked_at = time.monotonic()
            self._look()
        return is_stopping() or job_id in self._stopped

    def report(self, progress: Progress) -> None:
        """The engine has decoded so far."""
        self._paces[progress.job_id].decoded(progress.done, progress.total)
        self._tell(progress.job_id)

    def finished(self, result: SampleResult, stored_in: float) -> None:
        """A clip went through the codec and was stored; meanwhile nothing was decoded for any job."""
        took, seconds = result.codec_seconds + stored_in, result.audio.shape[1] / result.sample_rate
        self._finishing.learn(seconds, took)
        for pace in self._paces.values():
            pace.paused(took)
        self._paces[result.job_id].finished(seconds)
        self._tell(result.job_id)

    def _tell(self, job_id: str) -> None:
        """Tell whoever looks, and the row if that was long enough ago."""
        pace = self._paces[job_id]
        if pace.seconds_left is None:
            return
        if self._on_progress is not None:
            self._on_progress(Progress(job_id, pace.done, pace.total))
        now = time.monotonic()
        if now - self._reported_at.get(job_id, 0.0) < WATCH_SECONDS:
            return
        self._reported_at[job_id] = now
        expected = timezone.now() + timedelta(seconds=pace.seconds_left)
        try:
            self._jobs[job_id].report(steps_done=pace.done, steps_total=pace.total, expected_at=expected)
        except Error:
            self._lost_database()

    def _look(self) -> None:
        try:
            held = GenerationJob.objects.held_now(self._jobs.values())
        except Error:
            self._lost_database()
            return
        self._stopped = set(self._jobs) - {str(pk) for pk in held}

    def _lost_database(self) -> None:
        log.warning("database_lost_while_decoding", exc_info=True)
        connection.close()
