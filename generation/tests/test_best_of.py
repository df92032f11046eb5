"""Best of n at work: a taste hears what a job makes, the best are kept, and nothing fails over it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.db import IntegrityError, OperationalError, transaction
from django.utils import timezone

from adapters.models import Taste
from generation import services
from generation.base_models.catalogue import STUDIO_TINY, sync_catalogue
from generation.jobs import best_of, hearing, worker
from generation.jobs.hearing import kinds_for
from generation.models import AudioSample, BaseModel, ClipFeatures, ClipScore, GenerationJob
from generation.querysets import AudioSampleQuerySet
from generation.sound.files import load_codes
from generation.specs import Codes, Features, SampleResult, SampleSpec
from generation.tests.factories import (
    BaseModelFactory,
    GenerationJobFactory,
    PromptFactory,
    TasteFactory,
)
from generation.tests.fake_engine import FakeEngine
from text2song.work import HandedBack

pytestmark = pytest.mark.django_db
ME = "host:1:1"


@pytest.fixture
def model() -> BaseModel:
    return BaseModelFactory(is_active=True)


@pytest.fixture
def taste(model: BaseModel) -> Taste:
    return TasteFactory(name="bright", base_model=model)


def queued(taste: Taste | None, **settings: Any) -> GenerationJob:
    settings = {"duration": 1, "num_samples": 6, "seed": 5, "keep": 2, "prompt": PromptFactory(), **settings}
    return services.make_music(actor=None, taste=taste, **settings)


def made(engine: Any, job: GenerationJob) -> GenerationJob:
    worker.drain(engine, ME)
    job.refresh_from_db()
    assert job.state == "completed", job.error
    return job


def liking(sample: AudioSample) -> float:
    """What the taste of the factory makes of a clip that `FakeEngine` heard."""
    return float(np.float32(load_codes(sample).mean() / 512))


# -- what is kept ------------------------------------------------------------------------------------------------------


def test_the_best_are_kept_and_the_others_set_aside(taste):
    job = made(FakeEngine(), queued(taste))
    by_liking = sorted(job.samples.all(), key=liking, reverse=True)
    assert list(job.samples.kept().best_first()) == by_liking[:2]
    assert list(job.samples.set_aside().best_first()) == by_liking[2:]
    assert job.taste_note == "" and job.progress == 1.0
    assert ClipScore.objects.filter(taste=taste, sample__job=job).count() == 6


def test_with_a_taste_alone_all_are_kept_in_its_order(taste):
    job = made(FakeEngine(), queued(taste, keep=None))
    assert list(job.samples.kept().best_first()) == sorted(job.samples.all(), key=liking, reverse=True)


def test_more_than_people_listen_to_are_made_for_a_taste(taste):
    job = made(FakeEngine(), queued(taste, num_samples=32, keep=4))
    assert (job.samples.kept().count(), job.samples.set_aside().count()) == (4, 28)
    assert [sample.label for sample in job.samples.order_by("index")][-7:] == ["Z", "AA", "AB", "AC", "AD", "AE", "AF"]


class Repeating(FakeEngine):
    """Every second clip has the codes of the one before."""

    def _result(self, spec: SampleSpec) -> SampleResult:
        result = super()._result(spec)
        if spec.index % 2:
            codes: Codes = np.random.default_rng(spec.seed - 1).integers(0, 512, result.codes.shape, dtype=np.int16)
            result = SampleResult(
                result.job_id, result.index, codes, result.audio, result.sample_rate, result.frame_rate
            )
        return result


def test_of_equal_clips_one_is_kept(taste):
    job = made(Repeating(), queued(taste, keep=3))
    kept = [load_codes(sample).tobytes() for sample in job.samples.kept()]
    assert len(kept) == len(set(kept)) == 3


def test_where_fewer_differ_than_are_to_be_kept_fewer_are(taste):
    job = made(Repeating(), queued(taste, num_samples=4, keep=3))
    assert job.samples.kept().count() == 2


def test_clips_are_scored_as_soon_as_they_are_stored(taste, monkeypatch):
    scored = []
    store = worker.store_result

    def look(job: GenerationJob, result: SampleResult) -> AudioSample | None:
        scored.append(ClipScore.objects.filter(taste=taste).count())
        return store(job, result)

    monkeypatch.setattr(worker, "store_result", look)
    made(FakeEngine(), queued(taste, num_samples=4))
    assert scored == [0, 1, 2, 3]


def test_another_taste_scores_them_too(taste, model):
    other = TasteFactory(base_model=model)
    job = made(FakeEngine(), queued(taste))
    assert ClipScore.objects.filter(taste=other, sample__job=job).count() == 6


# -- what fails --------------------------------------------------------------------------------------------------------


def deaf() -> None:
    raise RuntimeError("no memory to listen with")


def test_a_job_whose_clips_cannot_be_heard_completes_and_says_so(taste):
    job = made(FakeEngine(before_hearing=deaf), queued(taste))
    assert job.samples.kept().count() == 6
    assert job.taste_note == ("The taste “bright@1” could not hear 6 of 6 candidates. All candidates were kept.")


def test_one_clip_that_could_not_be_heard_at_once_is_heard_at_the_end(taste):
    troubles = iter([deaf])
    job = made(FakeEngine(before_hearing=lambda: next(troubles, int)()), queued(taste))
    assert job.taste_note == "" and job.samples.kept().count() == 2


def test_one_deaf_ear_of_six_sets_nothing_aside(taste):
    engine = FakeEngine()
    hear = engine.hear
    unheard = np.random.default_rng(5).integers(0, 512, (4, 50), dtype=np.int16)

    def deaf_to_the_first(text: str, codes: Codes) -> Features:
        return deaf() if np.array_equal(codes, unheard) else hear(text, codes)  # type: ignore[func-returns-value]

    engine.hear = deaf_to_the_first
    job = made(engine, queued(taste))
    assert job.samples.kept().count() == 6 and "could not hear 1 of 6 candidates" in job.taste_note


def test_a_taste_whose_file_is_gone_sets_nothing_aside(taste):
    job = queued(taste)
    taste.weights.storage.delete(taste.weights.name)
    job = made(FakeEngine(), job)
    assert "The files of the taste “bright@1” cannot be read." in job.taste_note
    assert job.samples.kept().count() == 6


def test_a_taste_whose_file_is_damaged_sets_nothing_aside(model):
    taste = TasteFactory(base_model=model, stored=False)
    taste.weights.save("broken.safetensors", ContentFile(b"broken"))
    job = made(FakeEngine(), queued(taste))
    assert "damaged" in job.taste_note and job.samples.kept().count() == 6


def test_a_taste_deleted_meanwhile_sets_nothing_aside(taste):
    job = queued(taste)
    Taste.objects.update(deleted_at=timezone.now())
    job = made(FakeEngine(), job)
    assert job.taste_note == "The taste “bright@1” was deleted meanwhile. All candidates were kept."


def test_codes_that_cannot_be_read_set_nothing_aside(taste, monkeypatch):
    def unreadable(sample: AudioSample) -> None:
        raise OSError("disk")

    job = queued(taste)
    monkeypatch.setattr(best_of, "load_codes", unreadable)
    job = made(FakeEngine(), job)
    assert job.samples.kept().count() == 6 and "unexpected" in job.taste_note and "disk" not in job.taste_note


# -- run twice, taken over, killed -------------------------------------------------------------------------------------


def outcome(job: GenerationJob) -> set[tuple[int, bool]]:
    return {(sample.index, sample.is_set_aside) for sample in job.samples.all()}


def test_a_worker_asked_to_end_before_it_listened_gives_the_job_back(taste, monkeypatch):
    job = queued(taste)

    def ending(*args: Any) -> int:
        raise HandedBack

    monkeypatch.setattr(best_of.hearing, "hear", ending)
    worker.run_batch(FakeEngine(), worker.gather(ME))
    job.refresh_from_db()
    assert job.state == "queued" and job.samples.kept().count() == 6
    monkeypatch.undo()
    made(FakeEngine(), job)
    assert job.samples.kept().count() == 2


def test_a_worker_that_lost_the_job_sets_nothing_aside(taste, monkeypatch):
    job = queued(taste)
    score = hearing.score

    def taken_over(*args: Any) -> int:
        GenerationJob.objects.filter(pk=job.pk).update(claim_token=None, worker="", state="queued")
        return score(*args)

    monkeypatch.setattr(best_of.hearing, "score", taken_over)
    worker.run_batch(FakeEngine(), worker.gather(ME))
    job.refresh_from_db()
    assert job.state == "queued" and not job.samples.set_aside().exists()
    monkeypatch.undo()
    assert made(FakeEngine(), job).samples.kept().count() == 2


def test_all_or_nothing_at_the_end(taste, monkeypatch):
    """The database goes away between the end of the job and what is set aside: then neither has happened."""
    job = queued(taste)

    def lost(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("server closed the connection")

    monkeypatch.setattr("text2song.work.PATIENCE", 0.0)
    monkeypatch.setattr(AudioSampleQuerySet, "update", lost)
    with pytest.raises(OperationalError):
        worker.run_batch(FakeEngine(), worker.gather(ME))
    monkeypatch.undo()
    job.refresh_from_db()
    assert job.state == "running" and not job.samples.set_aside().exists()


def test_a_job_run_twice_leaves_the_same_result(taste):
    job = made(FakeEngine(), queued(taste))
    before = outcome(job)
    GenerationJob.objects.filter(pk=job.pk).update(state="queued", claim_token=None, worker="")
    job.samples.update(set_aside_at=None)
    assert outcome(made(FakeEngine(), job)) == before


def test_a_clip_kept_after_all_stays_kept(taste, curator):
    job = made(FakeEngine(), queued(taste))
    services.keep_sample(sample=job.samples.set_aside().first(), actor=curator)
    assert best_of.finish(job, FakeEngine()) is False  # a late worker
    assert job.samples.kept().count() == 3


# -- what the table refuses --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        {"num_samples": 9},
        {"num_samples": 33, "taste": True},
        {"num_samples": 0, "taste": True},
        {"num_samples": 4, "keep": 2},
        {"num_samples": 4, "keep": 4, "taste": True},
        {"num_samples": 4, "keep": 0, "taste": True},
    ],
)
def test_no_such_job_is_stored_whoever_writes_it(values, taste, model):
    values = values | {"taste": taste if values.get("taste") else None}
    with pytest.raises(IntegrityError), transaction.atomic():
        GenerationJobFactory(base_model=model, **values)


def test_a_taste_that_picked_cannot_be_removed_for_good(taste, model):
    GenerationJobFactory(base_model=model, taste=taste)
    with pytest.raises(IntegrityError), transaction.atomic():
        taste.delete()


# -- the real thing ----------------------------------------------------------------------------------------------------


def test_studio_tiny_is_heard_and_picked_from_by_itself():
    from generation.engine import Engine, EngineCache

    sync_catalogue()
    tiny = BaseModel.objects.get(key=STUDIO_TINY)
    engines = EngineCache(make=lambda spec: Engine(spec, device="cpu"))
    probe = engines.get(tiny.spec()).hear("calm piano", np.zeros((4, 50), np.int16))
    taste = TasteFactory(base_model=tiny, hidden=len(probe))
    job = made(engines, queued(taste, base_model=tiny, num_samples=3, keep=1))
    heard = {row.sample_id: row.numbers for row in ClipFeatures.objects.filter(kind=kinds_for(tiny)[1])}
    assert job.taste_note == "" and len(heard) == 3
    best = max(heard, key=lambda pk: float(np.clip(heard[pk][0], -6, 6)))
    assert [sample.pk for sample in job.samples.kept()] == [best]
