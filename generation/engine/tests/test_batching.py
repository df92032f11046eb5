"""A clip depends on its own spec only; progress, stopping and order of a batch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from generation.engine import Engine, InvalidSpec, OutOfMemory
from generation.engine import batch as batch_module
from generation.specs import ModelSpec, Progress, SampleSpec, SamplingSpec

PLAIN = SampleSpec("one", 0, "calm piano at dusk", seed=11, duration=1.0)


def others(prefix: np.ndarray) -> list[SampleSpec]:
    """Neighbours that differ in everything a clip may differ in."""
    return [
        SampleSpec("two", 0, "fast rock with drums and bass", 5, 0.6, SamplingSpec(0.7, 20, 0.9, 1.0)),
        SampleSpec("two", 1, "a", 6, 1.4, SamplingSpec(1.3, 0, 0.5, 4.0)),
        SampleSpec("three", 0, "calm piano at dusk", 7, 0.9, SamplingSpec(greedy=True)),
        SampleSpec("three", 1, "", 8, 1.0, SamplingSpec(1.0, 0, 0.0, 3.0)),
        SampleSpec("four", 0, "rock", 9, 1.2, prefix_codes=prefix),
        SampleSpec("four", 1, "rock", 10, 1.0, record_logprobs=True),
    ]


def codes_of(engine: Engine, specs: list[SampleSpec]) -> dict[tuple[str, int], np.ndarray]:
    return {(r.job_id, r.index): r.codes for r in engine.generate(specs)}


def test_a_clip_alone_and_in_any_company_has_the_same_codes(engine, prefix):
    specs = [PLAIN, *others(prefix)]
    together = codes_of(engine, specs)
    backwards = codes_of(engine, specs[::-1])
    for spec in specs:
        key = (spec.job_id, spec.index)
        alone = codes_of(engine, [spec])[key]
        np.testing.assert_array_equal(together[key], alone)
        np.testing.assert_array_equal(backwards[key], alone)


def test_splitting_a_batch_changes_nothing(random_folder, random_engine, prefix_for_random):
    small = Engine(ModelSpec("random", str(random_folder), "test"), device="cpu", max_batch_size=2)
    specs = [PLAIN, *others(prefix_for_random)]
    whole, split = codes_of(random_engine, specs), codes_of(small, specs)
    for key in whole:
        np.testing.assert_array_equal(whole[key], split[key])


def test_with_little_memory_free_the_clips_are_made_one_by_one(random_folder, random_engine, monkeypatch):
    engine = Engine(ModelSpec("random", str(random_folder), "test"), device="cpu")
    specs = [replace(PLAIN, index=i, seed=i) for i in range(3)]
    taken = []
    take = engine._take_batch
    monkeypatch.setattr(engine, "_free_memory", lambda: 1000)
    monkeypatch.setattr(engine, "_take_batch", lambda waiting: taken.append(take(waiting)) or taken[-1])
    made = codes_of(engine, specs)
    assert [len(clips) for clips in taken] == [1, 1, 1]
    for key, codes in codes_of(random_engine, specs).items():
        np.testing.assert_array_equal(made[key], codes)


def test_running_out_of_memory_says_what_to_try(random_folder, monkeypatch):
    engine = Engine(ModelSpec("random", str(random_folder), "test"), device="cpu")
    monkeypatch.setattr(engine, "_with", lambda adapters: torch.empty(1 << 58))
    with pytest.raises(OutOfMemory, match=r"fewer samples.*shorter duration.*smaller model"):
        list(engine.generate([PLAIN, replace(PLAIN, index=1)]))


def test_logits_are_the_same_bit_for_bit_where_the_engine_says_so(random_engine):
    """Log-probabilities show every bit that codes may hide."""
    if not random_engine.batch_invariant:
        pytest.skip("this processor's matrix library rounds differently for different batch sizes")
    spec = replace(PLAIN, record_logprobs=True)
    (alone,) = random_engine.generate([spec])
    crowd = [replace(PLAIN, index=i, seed=i, text="fast rock") for i in range(1, 6)]
    among = next(r for r in random_engine.generate([*crowd, spec]) if r.index == 0)
    np.testing.assert_array_equal(alone.logprobs, among.logprobs)


def test_the_number_of_threads_does_not_matter(engine):
    """Not even in bits that codes may hide, where the engine says so."""
    threads = torch.get_num_threads()
    spec = replace(PLAIN, duration=2.0, record_logprobs=True)
    (before,) = engine.generate([spec])
    try:
        torch.set_num_threads(1 if threads > 1 else 2)
        (after,) = engine.generate([spec])
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_array_equal(before.codes, after.codes)
    if engine.batch_invariant:
        np.testing.assert_array_equal(before.logprobs, after.logprobs)


def test_seeds_and_texts_make_a_difference(engine):
    base = codes_of(engine, [PLAIN])["one", 0]
    for change in ({"seed": 12}, {"text": "fast rock with drums"}, {"sampling": SamplingSpec(guidance_scale=1.0)}):
        assert not np.array_equal(base, codes_of(engine, [replace(PLAIN, **change)])["one", 0])


def test_short_clips_come_first_and_each_has_its_length(random_engine):
    durations = [1.0, 0.4, 2.0, 0.7]
    results = list(random_engine.generate([replace(PLAIN, index=i, duration=d) for i, d in enumerate(durations)]))
    assert [r.index for r in results] == [1, 3, 0, 2]
    for result in results:
        frames = round(durations[result.index] * 50)
        assert result.codes.shape == (4, frames)
        assert result.codes.dtype == np.int16
        assert result.audio.shape == (1, frames * 64)
        assert result.audio.dtype == np.float32
        assert (result.sample_rate, result.frame_rate) == (3200, 50.0)


def test_a_short_clip_arrives_while_the_long_one_is_being_made(random_engine):
    seen: list[Progress] = []
    specs = [replace(PLAIN, duration=0.2), replace(PLAIN, job_id="long", duration=3.0)]
    first = next(random_engine.generate(specs, on_progress=seen.append))
    assert first.job_id == "one"
    assert not any(p.job_id == "long" and p.done == p.total for p in seen)


def test_progress_is_monotonic_and_ends_at_the_total(random_engine, monkeypatch):
    monkeypatch.setattr(batch_module, "POLL_INTERVAL", 0.0)
    seen: list[Progress] = []
    specs = [replace(PLAIN, duration=0.6), replace(PLAIN, index=1), replace(PLAIN, job_id="two", duration=0.5)]
    list(random_engine.generate(specs, on_progress=seen.append))
    for job, frames in (("one", 50), ("two", 25)):
        done = [p.done for p in seen if p.job_id == job]
        totals = {p.total for p in seen if p.job_id == job}
        assert totals == {frames + 3}
        assert done == sorted(set(done))
        assert done[-1] == frames + 3
        assert len(done) > 10


def test_a_stopped_job_yields_nothing_and_leaves_the_others_alone(random_engine, monkeypatch):
    monkeypatch.setattr(batch_module, "POLL_INTERVAL", 0.0)
    asked = 0

    def should_stop(job_id: str) -> bool:
        nonlocal asked
        asked += job_id == "doomed"
        return job_id == "doomed" and asked > 5

    specs = [PLAIN, replace(PLAIN, job_id="doomed", index=1), replace(PLAIN, job_id="doomed", index=2, duration=2.0)]
    results = list(random_engine.generate(specs, should_stop=should_stop))
    assert [r.job_id for r in results] == ["one"]
    np.testing.assert_array_equal(results[0].codes, codes_of(random_engine, [PLAIN])["one", 0])
    assert asked == 6


def test_a_job_stopped_before_the_start_takes_no_step(random_engine):
    seen: list[Progress] = []
    assert not list(random_engine.generate([PLAIN], seen.append, lambda job_id: True))
    assert not seen


def test_waiting_clips_of_a_stopped_job_are_dropped_too(random_folder, monkeypatch):
    monkeypatch.setattr(batch_module, "POLL_INTERVAL", 0.0)
    engine = Engine(ModelSpec("random", str(random_folder), "test"), device="cpu", max_batch_size=1)
    made: list[int] = []
    encoded: list[str] = []
    monkeypatch.setattr(engine._text_encoder, "encode", lambda text: encoded.append(text) or torch.zeros(0, 32))
    specs = [replace(PLAIN, index=i, duration=0.2) for i in range(5)]
    for result in engine.generate(specs, should_stop=lambda job_id: len(made) >= 2):
        made.append(result.index)
    assert made == [0, 1]
    assert len(encoded) <= 3


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"duration": 0.0}, "duration"),
        ({"seed": -1}, "seed"),
        ({"sampling": SamplingSpec(temperature=0.0)}, "temperature"),
        ({"sampling": SamplingSpec(top_p=1.5)}, "top-p"),
        ({"sampling": SamplingSpec(top_k=-1)}, "Top-k"),
        ({"prefix_codes": np.zeros((3, 5), dtype=np.int16)}, "codebooks"),
        ({"prefix_codes": np.full((4, 5), 64, dtype=np.int16)}, "another model"),
        ({"prefix_codes": np.zeros((4, 50), dtype=np.int16)}, "longer duration"),
        ({"overlap": 4.0, "duration": 6.0}, "overlap"),
    ],
)
def test_impossible_specs_are_refused_before_anything_is_made(random_engine, change, word):
    with pytest.raises(InvalidSpec, match=word):
        random_engine.generate([replace(PLAIN, **change)])


@pytest.fixture
def prefix_for_random() -> np.ndarray:
    return np.random.default_rng(5).integers(0, 64, (4, 23)).astype(np.int16)
