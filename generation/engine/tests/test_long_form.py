"""Clips beyond the model's window, and the prefill they need."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from generation.engine import batch as batch_module
from generation.engine import decoder as decoder_module
from generation.engine.decoder import BatchDecoder
from generation.engine.tests.test_logprobs import teacher_forced
from generation.specs import Progress, SampleSpec, SamplingSpec

# The random model's window is 4 s, 200 frames.
LONG = SampleSpec("job", 0, "calm piano at dusk", 3, 9.0, SamplingSpec(), overlap=1.0, record_logprobs=True)


def test_a_long_clip_has_its_length_and_starts_like_the_short_one(random_engine):
    (long,) = random_engine.generate([LONG])
    (short,) = random_engine.generate([replace(LONG, duration=4.0)])
    assert long.codes.shape == (4, 450)
    np.testing.assert_array_equal(long.codes[:, :200], short.codes)


def test_each_window_continues_the_end_of_the_one_before(random_engine, random_reference):
    (result,) = random_engine.generate([LONG])
    for start, known, end in ((0, 0, 200), (150, 200, 350), (300, 350, 450)):
        expected = teacher_forced(random_reference, LONG.text, result.codes[:, start:end])
        np.testing.assert_allclose(result.logprobs[:, known:end], expected[:, known - start :], atol=2e-4)


def test_long_and_short_clips_share_a_batch_without_touching_each_other(random_engine):
    specs = [LONG, replace(LONG, index=1, duration=0.5), replace(LONG, index=2, seed=9, duration=6.5, overlap=2.0)]
    results = list(random_engine.generate(specs))
    assert [r.index for r in results] == [1, 2, 0]
    for result in results:
        (alone,) = random_engine.generate([specs[result.index]])
        np.testing.assert_array_equal(result.codes, alone.codes)


def test_how_much_noise_is_drawn_at_once_does_not_matter(random_engine, monkeypatch):
    (before,) = random_engine.generate([LONG])
    monkeypatch.setattr(batch_module, "NOISE_STEPS", 5)
    (after,) = random_engine.generate([LONG])
    np.testing.assert_array_equal(before.codes, after.codes)


def test_progress_counts_all_windows(random_engine):
    seen: list[Progress] = []
    list(random_engine.generate([LONG], on_progress=seen.append))
    assert seen[-1].done == seen[-1].total == 450 + 3 * 3


def test_a_long_prefix_can_be_continued(random_engine):
    (first,) = random_engine.generate([LONG])
    (longer,) = random_engine.generate([replace(LONG, duration=12.0, prefix_codes=first.codes)])
    assert longer.codes.shape == (4, 600)
    np.testing.assert_array_equal(longer.codes[:, :450], first.codes)
    assert len(np.unique(longer.codes[:, 450:])) > 8


@pytest.mark.parametrize("chunk", [256, 16])
def test_prefill_is_the_same_as_stepping(random_engine, chunk, monkeypatch):
    monkeypatch.setattr(decoder_module, "PREFILL_CHUNK", chunk)
    weights = random_engine._base_weights
    text = random_engine._text_encoder.encode("fast rock with drums and bass")
    tokens = torch.randint(0, 64, (1, 4, 41), generator=torch.Generator().manual_seed(0))
    prefilled, stepped = (BatchDecoder(weights, [text], 1, 64, 4) for _ in range(2))
    prefilled.prefill(0, tokens[0, :, :40])
    for position in range(40):
        stepped.step(tokens[:, :, position], position)
    for one, other in zip(prefilled.step(tokens[:, :, 40], 40), stepped.step(tokens[:, :, 40], 40), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=2e-4)
