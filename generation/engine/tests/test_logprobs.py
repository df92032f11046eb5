"""Recorded log-probabilities against teacher forcing through `transformers`' own forward pass."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from generation.specs import SampleSpec, SamplingSpec

SPEC = SampleSpec(
    "job", 0, "fast rock with drums and bass", 3, 1.0, SamplingSpec(0.8, 30, 0.9, 3.0), record_logprobs=True
)


@torch.no_grad()
def teacher_forced(reference, text: str, codes: np.ndarray) -> np.ndarray:
    """Log-probability `[K, T]` of each code, by `transformers`' own delay pattern and forward pass."""
    model, frames = reference.model, codes.shape[1]
    special = model.decoder.config.pad_token_id
    start = torch.full((codes.shape[0], 1), special)
    tokens = torch.cat([start, torch.from_numpy(codes.astype(np.int64))], dim=1)
    length = frames + reference.codebooks // reference.channels
    _, pattern = model.decoder.build_delay_pattern_mask(tokens, special, max_length=length)
    inputs = reference.tokenizer([text], return_tensors="pt")
    logits = model(
        input_ids=inputs.input_ids, attention_mask=inputs.attention_mask, decoder_input_ids=pattern[:, :-1]
    ).logits
    scores = logits.float().log_softmax(dim=-1)
    return np.stack(
        [
            [scores[k, f + k // reference.channels, codes[k, f]].item() for f in range(frames)]
            for k in range(codes.shape[0])
        ]
    )


def test_they_are_those_of_teacher_forcing(engine, reference):
    (result,) = engine.generate([SPEC])
    assert result.logprobs.dtype == np.float32
    np.testing.assert_allclose(result.logprobs, teacher_forced(reference, SPEC.text, result.codes), atol=2e-4)


def test_stereo(stereo_engine, stereo_reference):
    (result,) = stereo_engine.generate([SPEC])
    np.testing.assert_allclose(result.logprobs, teacher_forced(stereo_reference, SPEC.text, result.codes), atol=2e-4)


def test_the_prefix_has_none_and_what_follows_is_right(engine, reference, prefix):
    (result,) = engine.generate([replace(SPEC, prefix_codes=prefix)])
    known = prefix.shape[1]
    assert not result.logprobs[:, :known].any()
    expected = teacher_forced(reference, SPEC.text, result.codes)
    np.testing.assert_allclose(result.logprobs[:, known:], expected[:, known:], atol=2e-4)


@pytest.mark.parametrize("sampling", [SamplingSpec(), SamplingSpec(1.0, 0, 0.0, 1.0), SamplingSpec(greedy=True)])
def test_they_do_not_depend_on_how_the_code_was_chosen(random_engine, random_reference, sampling):
    (result,) = random_engine.generate([replace(SPEC, sampling=sampling)])
    expected = teacher_forced(random_reference, SPEC.text, result.codes)
    np.testing.assert_allclose(result.logprobs, expected, atol=2e-4)


def test_they_are_left_out_unless_asked_for(random_engine):
    results = {r.index: r for r in random_engine.generate([SPEC, replace(SPEC, index=1, record_logprobs=False)])}
    assert results[1].logprobs is None
    assert (results[0].logprobs < 0).all()
    np.testing.assert_array_equal(results[0].codes, results[1].codes)
