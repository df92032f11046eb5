"""Log-probabilities: those of sampling, sensitive to every label, blind to padding and neighbours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from generation.engine import Engine
from generation.engine.delay import codebook_delays
from generation.engine.loading import load_model
from generation.engine.text import TextEncoder
from generation.specs import SampleSpec, SamplingSpec
from training.trainer.sequences import PLAIN, ClipCollator, log_probabilities
from training.trainer.tests.conftest import TEXTS, random_codes


class Scorer:
    """A base model as the trainer sees it."""

    def __init__(self, spec, max_frames: int = 1000) -> None:
        loaded = load_model(spec, torch.device("cpu"), torch.float32)
        self.decoder = loaded.model.decoder
        config = self.decoder.config
        self.delays = codebook_delays(config.num_codebooks, config.audio_channels)
        self.collate = ClipCollator(self.decoder, TextEncoder(loaded.model, loaded.tokenizer), max_frames)

    @torch.no_grad()
    def __call__(self, *clips, sampling: SamplingSpec = PLAIN) -> np.ndarray:
        return log_probabilities(self.decoder, self.collate(clips), self.delays, sampling).numpy()


@pytest.fixture(scope="module")
def score(base):
    return Scorer(base)


def sampled(engine: Engine, **changes):
    spec = SampleSpec("job", 0, TEXTS[1], 5, 0.6, SamplingSpec(0.9, 20, 0.0, 3.0), record_logprobs=True)
    (result,) = engine.generate([replace(spec, **changes)])
    return result


def test_equals_what_was_recorded_while_sampling(engine, score):
    made = sampled(engine)
    (scores,) = score((TEXTS[1], made.codes))
    np.testing.assert_allclose(scores, made.logprobs, atol=2e-4)


def test_equals_what_was_recorded_in_stereo(stereo_base):
    made = sampled(Engine(stereo_base, device="cpu"))
    (scores,) = Scorer(stereo_base)((TEXTS[1], made.codes))
    np.testing.assert_allclose(scores, made.logprobs, atol=2e-4)


def test_a_wrong_delay_is_noticed(engine, base):
    made = sampled(engine)
    wrong = Scorer(base)
    wrong.delays = (0, 0, 0, 0)
    (scores,) = wrong((TEXTS[1], made.codes))
    assert np.abs(scores - made.logprobs)[1:].max() > 0.1


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_a_sampler_with_no_choice_is_certain(engine, score, scale):
    only = SamplingSpec(temperature=0.8, top_k=1, top_p=0.0, guidance_scale=scale)
    made = sampled(engine, sampling=only)
    (scores,) = score((TEXTS[1], made.codes), sampling=only)
    np.testing.assert_allclose(scores, 0, atol=1e-6)
    (otherwise,) = score((TEXTS[1], made.codes), sampling=replace(only, guidance_scale=4.0 - scale))
    assert (otherwise < -1e-3).any()


def test_codes_are_drawn_as_often_as_the_sampler_says(engine, base):
    """The first code of many clips: its frequencies against the probabilities of all codes."""
    sampling = SamplingSpec(temperature=0.7, top_k=12, top_p=0.8, guidance_scale=2.0)
    specs = [SampleSpec("job", i, TEXTS[0], i, 0.08, sampling) for i in range(1500)]
    drawn = np.array([made.codes[0, 0] for made in engine.generate(specs)])
    score, codes = Scorer(base), random_codes(8, frames=4)
    seen = np.flatnonzero(np.bincount(drawn, minlength=64))
    chances = []
    for code in seen:
        codes[0, 0] = code
        chances.append(np.exp(score((TEXTS[0], codes), sampling=sampling)[0, 0, 0]))
    assert sum(chances) == pytest.approx(1.0, abs=1e-4)
    shares = np.bincount(drawn, minlength=64)[seen] / len(drawn)
    np.testing.assert_allclose(shares, chances, atol=4 * 0.5 / np.sqrt(len(drawn)))


def test_a_code_the_sampler_leaves_out_can_still_be_learned(base):
    sampling, score, codes = SamplingSpec(top_k=1, guidance_scale=1.0), Scorer(base), random_codes(9, frames=5)
    scores = score((TEXTS[0], codes), sampling=sampling)
    assert np.isfinite(scores).all() and (scores < 0).any()


def test_every_label_counts_and_nothing_before_it(score):
    codes = random_codes(1, frames=10)
    (before,) = score((TEXTS[0], codes))
    for book in range(4):
        for frame in range(10):
            changed = codes.copy()
            changed[book, frame] = (changed[book, frame] + 7) % 64
            (after,) = score((TEXTS[0], changed))
            assert after[book, frame] != before[book, frame]
            # Column f + d of the pattern holds it; whatever was predicted up to there stays.
            for other in range(4):
                seen = max(0, min(10, frame + book - other + 1))
                own = [f for f in range(seen) if (other, f) != (book, frame)]
                np.testing.assert_allclose(after[other, own], before[other, own], atol=1e-5)


def test_padding_and_neighbours_change_nothing(score):
    short, long = random_codes(2, frames=9), random_codes(3, frames=31)
    (alone,) = score((TEXTS[2], short))
    together = score((TEXTS[0], long), (TEXTS[2], short), (TEXTS[1], random_codes(4)))
    np.testing.assert_allclose(together[1, :, :9], alone, atol=1e-5)
    assert (together[1, :, 9:] == 0).all()


def test_a_short_text_beside_a_long_one_reads_as_it_does_alone(score):
    """Padding of the texts is masked: left unmasked, it would take part of the attention."""
    codes = random_codes(1)
    for short in ("calm", ""):
        alone, beside = score((short, codes))[0], score((short, codes), (" ".join(TEXTS), codes))[0]
        np.testing.assert_allclose(beside, alone, atol=1e-4)


def test_the_text_matters_and_no_text_is_allowed(score):
    codes = random_codes(5)
    with_text, other, empty = (score((text, codes)) for text in (TEXTS[0], TEXTS[1], ""))
    assert not np.allclose(with_text, other) and np.isfinite(empty).all()


def test_of_a_longer_clip_the_first_frames_count_as_they_were_made(base):
    long, short = (TEXTS[0], random_codes(6, frames=40)), (TEXTS[1], random_codes(7, frames=8))
    scores = Scorer(base, max_frames=12)(long, short)
    full = Scorer(base)(long, short)
    assert scores.shape == (2, 4, 12)
    np.testing.assert_allclose(scores, full[..., :12], atol=1e-5)


def test_probabilities_sum_to_one(base):
    score = Scorer(base)
    codes = random_codes(7, frames=3)
    total = 0.0
    for code in range(64):
        codes[2, 1] = code
        total += np.exp(score((TEXTS[0], codes))[0, 2, 1])
    assert total == pytest.approx(1.0, abs=1e-4)
