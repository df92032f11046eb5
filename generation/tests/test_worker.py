"""The worker around the engine: batches, storing, cancelling, failing, and being run twice."""

from __future__ import annotations

import io
import threading

import numpy as np
import pytest
import soundfile
from django.core.files.storage import storages
from django.db import OperationalError

from generation import services
from generation.engine.exceptions import EngineError
from generation.exceptions import StorageUnavailable
from generation.jobs import worker
from generation.models import AudioSample, GenerationJob
from generation.sound.files import load_audio_bytes, load_codes
from generation.tests.factories import BaseModelFactory, GenerationJobFactory, PromptFactory
from generation.tests.fake_engine import FakeEngine
from text2song import work, workers

pytestmark = pytest.mark.django_db
ME = "host:1:1"


@pytest.fixture
def model():
    return BaseModelFactory(is_active=True)


def queued(model, user=None, **settings):
    settings = {"duration": 2, "num_samples": 2, "seed": 5, **settings}
    return services.make_music(actor=user, prompt=PromptFactory(), base_model=model, **settings)


def test_a_job_ends_completed_with_its_samples(model, storage_backend, stored_files):
    job = queued(model)
    assert worker.drain(FakeEngine(), ME) == 1
    job.refresh_from_db()
    assert (job.state, job.steps_done, job.steps_total) == ("completed", job.steps_total, job.steps_total)
    first, second = job.samples.order_by("index")
    assert [first.label, second.label] == ["A", "B"]
    assert [first.seed, second.seed] == [5, 6]
    assert first.rendered_text == job.prompt.rendered_text
    assert stored_files("samples") == sorted(
        file.name for sample in (first, second) for file in (sample.audio_file, sample.codes_file)
    )
    assert load_codes(first).shape == (4, 100)
    assert load_codes(first).dtype == np.int16
    audio, rate = soundfile.read(io.BytesIO(load_audio_bytes(first)))
    assert rate == 16_000
    assert len(audio) == 32_000
    assert first.duration == pytest.approx(2.0)
    assert first.loudness_lufs == pytest.approx(-16.0, abs=1.0)
    assert first.true_peak_db <= -1.0


def test_compatible_jobs_are_decoded_together_and_the_limit_is_kept(model, settings):
    settings.GENERATION_BATCH_SAMPLES = 5
    other = BaseModelFactory()
    jobs = [queued(model), queued(other), queued(model), queued(model)]
    engine = FakeEngine()
    assert worker.drain(engine, ME) == 4
    batches = [sorted({spec.job_id for spec in batch}) for batch in engine.batches]
    assert sorted(map(len, batches)) == [1, 1, 2]
    assert sorted((str(jobs[0].pk), str(jobs[2].pk))) in batches
    assert set(GenerationJob.objects.values_list("state", flat=True)) == {"completed"}


def test_cancelled_while_decoding_leaves_nothing(model, user, stored_files):
    doomed, fine = queued(model, user), queued(model, user)

    def cancel(step):
        if step == 2:
            services.cancel_job(job=GenerationJob.objects.get(pk=doomed.pk), actor=user)

    worker.WATCH_SECONDS, before = 0.0, worker.WATCH_SECONDS
    try:
        worker.drain(FakeEngine(before_step=cancel), ME)
    finally:
        worker.WATCH_SECONDS = before
    doomed.refresh_from_db(), fine.refresh_from_db()
    assert (doomed.state, fine.state) == ("cancelled", "completed")
    assert not doomed.samples.exists()
    assert len(stored_files("samples")) == 4


def test_cancelled_at_the_last_moment_leaves_nothing(model, user, stored_files, monkeypatch):
    """The cancel falls between writing the files and storing the row."""
    job = queued(model, user, num_samples=1)
    write = worker.store_result.__globals__["_write_files"]

    def write_then_cancel(*args):
        write(*args)
        services.cancel_job(job=GenerationJob.objects.get(pk=job.pk), actor=user)

    monkeypatch.setitem(worker.store_result.__globals__, "_write_files", write_then_cancel)
    worker.drain(FakeEngine(), ME)
    job.refresh_from_db()
    assert job.state == "cancelled"
    assert not AudioSample.objects.exists()
    assert stored_files() == []


def test_an_engine_error_is_told_in_its_own_words(model, stored_files):
    job = queued(model)

    def fail(step):
        raise EngineError("Not enough memory for 2 samples. Try fewer.")

    worker.drain(FakeEngine(before_step=fail), ME)
    job.refresh_from_db()
    assert (job.state, job.error) == ("failed", "Not enough memory for 2 samples. Try fewer.")
    assert stored_files() == []


def test_an_unexpected_error_shows_no_internals(model):
    job = queued(model)

    def fail(step):
        raise ZeroDivisionError("secret detail in /home/somebody")

    worker.drain(FakeEngine(before_step=fail), ME)
    job.refresh_from_db()
    assert job.state == "failed"
    assert "secret" not in job.error
    assert "Try again" in job.error


def test_one_bad_job_does_not_take_the_others_down(model):
    good, bad = queued(model), queued(model, seed=666)

    class Picky(FakeEngine):
        def generate(self, specs, **kwargs):
            if any(spec.seed == 666 for spec in specs):
                raise EngineError("This one cannot be made.")
            yield from super().generate(specs, **kwargs)

    worker.drain(Picky(), ME)
    good.refresh_from_db(), bad.refresh_from_db()
    assert (good.state, bad.state) == ("completed", "failed")
    assert good.samples.count() == 2


def test_storage_that_refuses_fails_the_job_with_a_sentence(
    model, monkeypatch, stored_files, django_capture_on_commit_callbacks
):
    job = queued(model)
    save, calls = type(storages["default"])._save, []

    def refuse_second(self, name, content):
        calls.append(name)
        if len(calls) == 4:
            raise OSError(28, "No space left on device")
        return save(self, name, content)

    monkeypatch.setattr(type(storages["default"]), "_save", refuse_second)
    with django_capture_on_commit_callbacks(execute=True):
        worker.drain(FakeEngine(), ME)
    job.refresh_from_db()
    assert job.state == "failed"
    assert job.error == "The disk that holds the studio's data is full. Make room, then try again."
    assert not AudioSample.objects.exists()
    assert stored_files() == []


def test_a_job_taken_up_again_makes_only_what_is_missing(model, user):
    job = queued(model, num_samples=3)
    job.claim("dead:1:1")
    engine = FakeEngine()
    results = list(
        engine.generate(worker.sample_specs(job)[:2], on_progress=lambda p: None, should_stop=lambda j: False)
    )
    for result in results:
        worker.store_result(job, result)
    before = dict(job.samples.values_list("index", "sha256"))
    job.take_up()
    engine = FakeEngine()
    worker.drain(engine, ME)
    job.refresh_from_db()
    assert job.state == "completed"
    assert [spec.index for spec in engine.batches[0]] == [2]
    after = dict(job.samples.values_list("index", "sha256"))
    assert sorted(after) == [0, 1, 2]
    assert before.items() <= after.items()


def test_two_workers_cannot_both_claim(model):
    job = queued(model)
    twin = GenerationJob.objects.get(pk=job.pk)
    assert job.claim("a:1:1")
    assert not twin.claim("b:1:1")
    assert twin.worker == "a:1:1"
    assert not twin.complete()


def made_by(job):
    """The clips of a claimed job, one by one, not stored yet."""
    return FakeEngine().generate(worker.sample_specs(job), on_progress=lambda p: None, should_stop=lambda j: False)


def test_a_worker_that_lost_its_job_stores_nothing(model, stored_files):
    job = queued(model, num_samples=1)
    job.claim(ME)
    result = next(made_by(job))
    GenerationJob.objects.get(pk=job.pk).take_up()
    assert GenerationJob.objects.get(pk=job.pk).claim("other:1:1")
    assert worker.store_result(job, result) is None
    assert not AudioSample.objects.exists()
    assert stored_files() == []


def spy_on_names(monkeypatch):
    """The names that are written on the storage from now on."""
    save, written = type(storages["default"]).save, []

    def noting(self, name, *args, **kwargs):
        written.append(save(self, name, *args, **kwargs))
        return written[-1]

    monkeypatch.setattr(type(storages["default"]), "save", noting)
    return written


def test_a_worker_that_wakes_up_late_harms_no_finished_clip(model, storage_backend, stored_files, monkeypatch):
    """Paused for long, its job taken over and completed by another: it overwrites and removes nothing."""
    late = queued(model, num_samples=2)
    late.claim("paused:1:1")
    results = list(made_by(late))
    GenerationJob.objects.get(pk=late.pk).take_up()
    worker.drain(FakeEngine(), "other:1:1")
    finished = {sample.pk: load_audio_bytes(sample) for sample in late.samples.all()}
    before = stored_files()
    assert late.claimed_name(0) not in "".join(before), "what a late worker writes has other names"
    written = spy_on_names(monkeypatch)
    assert [worker.store_result(late, result) for result in results] == [None, None]
    assert len(written) == 4 and not set(written) & set(before)
    assert not late.complete() and not late.fail("Too late.") and not late.hand_back()
    job = GenerationJob.objects.get(pk=late.pk)
    assert (job.state, job.error) == ("completed", "")
    assert stored_files() == before
    assert {sample.pk: load_audio_bytes(sample) for sample in job.samples.all()} == finished


def test_a_commit_whose_answer_was_lost_keeps_the_clip(model, monkeypatch, stored_files):
    """The row is stored, and the connection is gone before the worker hears of it."""
    job = queued(model, num_samples=1)
    job.claim(ME)
    store, lost = worker.store_result.__globals__["_store_row"], iter([True])

    def store_and_lose(*args):
        store(*args)
        if next(lost, False):
            raise OperationalError("server closed the connection")

    monkeypatch.setitem(worker.store_result.__globals__, "_store_row", store_and_lose)
    monkeypatch.setattr(work.connection, "close", lambda: None)
    monkeypatch.setattr(work, "_may_wait", lambda deadline: True)
    sample = worker.store_result(job, next(made_by(job)))
    assert AudioSample.objects.get() == sample
    assert load_audio_bytes(sample)[:4] == b"fLaC"
    assert len(stored_files()) == 2


def test_a_claim_lost_after_the_commit_keeps_the_clip(model, monkeypatch, stored_files):
    """The row was stored, its answer lost, and the job taken over before the worker asked again."""
    job = queued(model, num_samples=1)
    job.claim(ME)
    store = worker.store_result.__globals__["_store_row"]

    def store_and_be_overtaken(*args):
        store(*args)
        raise work.ClaimLost

    monkeypatch.setitem(worker.store_result.__globals__, "_store_row", store_and_be_overtaken)
    assert worker.store_result(job, next(made_by(job))) is None
    assert load_audio_bytes(AudioSample.objects.get())[:4] == b"fLaC"
    assert len(stored_files()) == 2


def test_asked_to_end_the_worker_gives_its_jobs_back_with_what_is_made(model, monkeypatch):
    """SIGTERM costs no attempt; clips that are stored stay, and only the others are made again."""
    first, second = queued(model, num_samples=1), queued(model, num_samples=2)
    stop = threading.Event()
    monkeypatch.setattr(workers, "_stopping", stop)

    class Interrupted(FakeEngine):
        def generate(self, specs, **kwargs):
            made = super().generate(specs, **kwargs)
            yield next(made)
            stop.set()
            yield from made

    worker.drain(Interrupted(), ME)
    first.refresh_from_db(), second.refresh_from_db()
    assert (first.state, first.samples.count()) == ("completed", 1)
    assert (second.state, second.attempts, second.worker, second.claim_token) == ("queued", 0, "", None)
    assert worker.drain(FakeEngine(), ME) == 0, "a process that ends takes nothing more"
    stop.clear()
    worker.drain(FakeEngine(), "next:1:1")
    second.refresh_from_db()
    assert (second.state, second.samples.count()) == ("completed", 2)


def test_a_database_away_while_decoding_does_not_stop_it(model, monkeypatch):
    job = queued(model)
    monkeypatch.setattr(worker, "WATCH_SECONDS", 0.0)
    monkeypatch.setattr(worker.connection, "close", lambda: None)
    report = GenerationJob.report
    calls = []

    def flaky(self, **values):
        calls.append(values)
        if len(calls) == 2:
            raise OperationalError("server closed the connection")
        return report(self, **values)

    monkeypatch.setattr(GenerationJob, "report", flaky)
    worker.drain(FakeEngine(), ME)
    job.refresh_from_db()
    assert job.state == "completed"


def test_a_database_lost_at_the_end_leaves_the_job_to_be_taken_up(model, monkeypatch):
    job = queued(model)
    complete, failures = GenerationJob.complete, iter([True])

    def lost_once(self):
        if next(failures, False):
            raise OperationalError("server closed the connection")
        return complete(self)

    monkeypatch.setattr(GenerationJob, "complete", lost_once)
    with pytest.raises(OperationalError):
        worker.drain(FakeEngine(), ME)
    job.refresh_from_db()
    assert job.state == "running"
    work.release_leftovers(ME)
    engine = FakeEngine()
    worker.drain(engine, ME)
    job.refresh_from_db()
    assert (job.state, job.attempts) == ("completed", 0)
    assert job.samples.count() == 2
    assert engine.batches == []


def test_continuation_gives_the_engine_the_opening_of_the_source(model, user):
    job = queued(model, num_samples=1)
    worker.drain(FakeEngine(), ME)
    source = job.samples.get()
    relative = services.vary_sample(sample=source, actor=user, keep_seconds=0.5, num_samples=1)
    engine = FakeEngine()
    worker.drain(engine, ME)
    (spec,) = engine.batches[0]
    assert np.array_equal(spec.prefix_codes, load_codes(source)[:, :25])
    made = load_codes(relative.samples.get())
    assert np.array_equal(made[:, :25], load_codes(source)[:, :25])


def test_queue_position_counts_those_before(model):
    first, second = GenerationJobFactory(base_model=model), GenerationJobFactory(base_model=model)
    assert (first.queue_position, second.queue_position) == (1, 2)
    first.claim(ME)
    assert second.queue_position == 1
    assert first.queue_position is None


@pytest.mark.parametrize("stored", [b"", b"PK\x03\x04 no archive", b"just text"])
def test_damaged_codes_are_told_as_such(model, stored):
    job = queued(model, num_samples=1)
    worker.drain(FakeEngine(), ME)
    sample = job.samples.get()
    with sample.codes_file.storage.open(sample.codes_file.name, "wb") as file:
        file.write(stored)
    with pytest.raises(StorageUnavailable, match="damaged"):
        load_codes(sample)
