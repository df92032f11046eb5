"""Progress and the time that is left count the finishing of clips: the codec, loudness, FLAC, storing."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from generation.jobs import worker
from generation.jobs.pace import FIRST_GUESS, MOST_FINISHING, FinishingPace, JobPace
from generation.models import BaseModel, GenerationJob
from generation.services import make_music
from generation.tests.factories import BaseModelFactory, GenerationJobFactory, PromptFactory
from generation.tests.fake_engine import FakeEngine


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def run(pace, clock, *, steps=100, step_seconds=0.01, clips=4, clip_audio=5.0, clip_seconds=0.1):
    """Decode and finish as an engine does; what is told after each of both, with the time."""
    told = []
    for step in range(steps + 1):
        clock.now += step_seconds if step else 0.0
        pace.decoded(step, steps)
        told.append((clock.now, pace.done, pace.total, pace.seconds_left))
    for _ in range(clips):
        clock.now += clip_seconds
        pace.paused(clip_seconds)
        pace.finished(clip_audio)
        told.append((clock.now, pace.done, pace.total, pace.seconds_left))
    return told


def test_finishing_counts_as_the_steps_that_take_as_long():
    """1 s of decoding and 0.4 s of finishing, known from clips before: the bar keeps time, and so does the estimate."""
    clock, finishing = Clock(), FinishingPace()
    for _ in range(200):
        finishing.learn(5.0, 0.1)
    told = run(JobPace(20.0, finishing, clock), clock)
    assert told[0] == (0.0, 0, 0, None), "before the first step nothing is known"
    for now, done, total, left in told[1:]:
        assert total == 140
        assert done / total == pytest.approx(now / 1.4, abs=0.01)
        assert left == pytest.approx(1.4 - now, abs=0.01)


@pytest.mark.parametrize("clip_seconds", [0.001, 0.05, 0.1, 0.4])
def test_progress_never_goes_back_and_is_whole_only_at_the_end(clip_seconds):
    clock = Clock()
    told = run(JobPace(20.0, FinishingPace(), clock), clock, clip_seconds=clip_seconds)
    done, totals = [each[1] for each in told], {each[2] for each in told[1:]}
    assert done == sorted(done) and len(totals) == 1
    assert done[-1] == totals.pop() - 1, "the last step is the job's completion"


def test_the_first_clips_teach_the_next_job():
    clock, finishing = Clock(), FinishingPace()
    assert finishing.per_second == pytest.approx(FIRST_GUESS)
    for seconds in (0.5, 0.5, 0.5, 0.5):
        finishing.learn(5.0, seconds)
    assert finishing.per_second == pytest.approx(0.1, rel=0.1)
    told = run(JobPace(20.0, finishing, clock), clock, clip_seconds=0.5)
    assert told[25][3] == pytest.approx(3.0 - 0.25, rel=0.1)


def test_an_engine_that_decodes_in_no_time_makes_no_endless_bar():
    clock = Clock()
    pace = JobPace(960.0, FinishingPace(), clock)
    pace.decoded(0, 50), pace.decoded(50, 50)
    assert pace.total == 50 + MOST_FINISHING * 50


@pytest.mark.django_db
def test_clips_that_are_being_finished_move_the_bar():
    """With the decoding done, the row is not at its end while clips are still stored."""
    job = make_music(actor=None, prompt=PromptFactory(), base_model=BaseModelFactory(), num_samples=4, duration=2)
    seen = []

    def look(progress):
        row = GenerationJob.objects.get(pk=job.pk)
        seen.append((progress.done, progress.total, row.state, row.percent))

    assert job.claim("host:1:1")
    worker.run_batch(FakeEngine(), [job], on_progress=look)
    after_decoding = [done for done, total, *_ in seen if done >= FakeEngine().steps]
    assert len(set(after_decoding)) >= 4, "each clip moves it"
    assert all(done < total and state == "running" and percent < 100 for done, total, state, percent in seen)
    job.refresh_from_db()
    assert (job.percent, job.steps_done) == (100, job.steps_total)


@pytest.mark.django_db
def test_the_estimate_is_the_workers_and_ends_with_its_claim():
    job = GenerationJobFactory(running=True, expected_at=timezone.now() + timedelta(seconds=8))
    assert job.seconds_left == pytest.approx(8, abs=1)
    job.expected_at = timezone.now() - timedelta(seconds=8)
    assert job.seconds_left == 0.0
    job.take_up()
    assert job.claim("host:1:2")
    assert (job.seconds_left, job.steps_total, job.percent) == (None, 0, 0)


@pytest.mark.django_db
def test_a_real_run_says_how_long_it_takes(monkeypatch):
    """studio-tiny, the model loaded within the job: after a quarter of the time the estimate is right within 2."""
    from generation.engine import EngineCache

    monkeypatch.setattr(worker, "WATCH_SECONDS", 0.0)
    model = BaseModelFactory(key="studio-tiny", source=BaseModel.Source.BUNDLED, installed=False)
    job = make_music(actor=None, prompt=PromptFactory(), base_model=model, num_samples=8, duration=10)
    told = []

    def look(progress):
        row = GenerationJob.objects.get(pk=job.pk)
        told.append((time.monotonic(), row.progress, row.seconds_left, progress.done / progress.total))

    began = time.monotonic()
    assert job.claim("host:1:1")
    worker.run_batch(EngineCache(), [job], on_progress=look)
    took = time.monotonic() - began
    job.refresh_from_db()
    assert (job.state, job.progress) == ("completed", 1.0), job.error
    shares = [share for *_, share in told]
    assert shares == sorted(shares) and shares[-1] < 1
    middle = [(now - began, left) for now, _, left, _ in told if left and 0.25 < (now - began) / took < 0.75]
    ratios = sorted(left / (took - at) for at, left in middle)
    assert ratios, told
    assert 0.5 < ratios[len(ratios) // 2] < 2, ratios
