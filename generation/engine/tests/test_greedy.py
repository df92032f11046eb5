"""The decode loop against `transformers`' own generation, token for token."""

from __future__ import annotations

import numpy as np
import pytest

from generation.specs import SampleSpec, SamplingSpec

TEXTS = ["calm piano at dusk", "fast rock with drums and bass", "a"]
FRAMES = 60


def greedy_spec(text: str, guidance: float, index: int = 0, frames: int = FRAMES, **more) -> SampleSpec:
    sampling = SamplingSpec(greedy=True, guidance_scale=guidance)
    return SampleSpec("job", index, text, seed=index, duration=frames / 50, sampling=sampling, **more)


@pytest.mark.parametrize("guidance", [1.0, 3.0])
@pytest.mark.parametrize("text", TEXTS)
def test_greedy_codes_and_audio_are_those_of_transformers(engine, reference, text, guidance):
    expected, audio = reference.greedy([text], FRAMES, guidance)
    (result,) = engine.generate([greedy_spec(text, guidance)])
    np.testing.assert_array_equal(result.codes, expected[0])
    np.testing.assert_allclose(result.audio, audio[0], atol=1e-5)


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_greedy_continuation_is_that_of_transformers(engine, reference, prefix, guidance):
    expected, _ = reference.greedy(TEXTS[:1], FRAMES, guidance, prefix[None])
    (result,) = engine.generate([greedy_spec(TEXTS[0], guidance, prefix_codes=prefix)])
    np.testing.assert_array_equal(result.codes, expected[0])
    np.testing.assert_array_equal(result.codes[:, : prefix.shape[1]], prefix)


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_a_batch_of_texts_of_different_lengths_is_that_of_transformers(engine, reference, guidance):
    expected, _ = reference.greedy(TEXTS, FRAMES, guidance)
    results = engine.generate([greedy_spec(text, guidance, i) for i, text in enumerate(TEXTS)])
    for result in results:
        np.testing.assert_array_equal(result.codes, expected[result.index])


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_stereo_is_that_of_transformers(stereo_engine, stereo_reference, guidance):
    expected, audio = stereo_reference.greedy(TEXTS[:1], FRAMES, guidance)
    (result,) = stereo_engine.generate([greedy_spec(TEXTS[0], guidance)])
    assert result.codes.shape == (8, FRAMES)
    assert result.audio.shape == (2, FRAMES * 64)
    np.testing.assert_array_equal(result.codes, expected[0])
    np.testing.assert_allclose(result.audio, audio[0], atol=1e-5)


def test_the_model_is_not_constant(random_engine):
    """Guards the tests above: a model that always says the same would pass them with a broken loop."""
    (result,) = random_engine.generate([greedy_spec(TEXTS[0], 3.0)])
    assert len(np.unique(result.codes)) > 8
