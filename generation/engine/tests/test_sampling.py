"""Filters, random numbers and the distribution of draws."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from generation.engine.sampling import NoiseStream, Sampler, guide
from generation.specs import SamplingSpec

CPU = torch.device("cpu")
V = 40


def possible(settings: SamplingSpec, logits: torch.Tensor, allowed: int = V) -> set[int]:
    """Codes that come up in many draws from one distribution."""
    sampler = Sampler([settings], allowed, CPU)
    noise = NoiseStream(3, 2000, V).draw(1)[0]
    return set(sampler.draw(logits.expand(1, 2000, V), noise[None]).flatten().tolist())


@pytest.mark.parametrize("temperature", [0.5, 1.0, 1.7])
@pytest.mark.parametrize(
    ("top_k", "top_p"), [(0, 0.0), (5, 0.0), (0, 0.6), (12, 0.8), (1, 0.0), (0, 1e-6), (1000, 1.0)]
)
def test_filters_are_those_of_transformers(temperature, top_k, top_p):
    logits = torch.randn(1, V, generator=torch.Generator().manual_seed(1)) * 2
    expected = TemperatureLogitsWarper(temperature)(None, logits)
    if top_k:
        expected = TopKLogitsWarper(min(top_k, V))(None, expected)
    if 0 < top_p < 1:
        expected = TopPLogitsWarper(top_p)(None, expected)
    kept = set(torch.isfinite(expected[0]).nonzero().flatten().tolist())
    drawn = possible(SamplingSpec(temperature, top_k, top_p), logits)
    assert drawn <= kept
    likely = expected.softmax(-1)[0] > 0.01
    assert set(likely.nonzero().flatten().tolist()) <= drawn


def test_draws_follow_the_softmax():
    logits = torch.tensor([[0.0, 1.0, 2.0, -1.0]])
    noise = NoiseStream(7, 20000, 4).draw(1)
    drawn = Sampler([SamplingSpec(2.0, 0, 0.0)], 4, CPU).draw(logits.expand(1, 20000, 4), noise)
    counts = np.bincount(drawn.flatten().numpy(), minlength=4)
    expected = (logits / 2).softmax(-1)[0].double().numpy()
    assert chisquare(counts, expected / expected.sum() * 20000).pvalue > 1e-3


def test_entries_behind_the_codes_are_never_drawn():
    logits = torch.zeros(1, V)
    logits[0, 30:] = 50.0
    assert max(possible(SamplingSpec(1.0, 0, 0.0), logits, allowed=30)) < 30


def test_greedy_ignores_the_other_settings():
    logits = torch.randn(1, V, generator=torch.Generator().manual_seed(2))
    drawn = possible(SamplingSpec(temperature=5.0, top_k=3, top_p=0.1, greedy=True), logits)
    assert drawn == {int(logits.argmax())}


def test_each_row_is_filtered_by_its_own_settings():
    settings = [
        SamplingSpec(1.0, 3, 0.0),
        SamplingSpec(1.0, 0, 0.4),
        SamplingSpec(2.0, 9, 0.7),
        SamplingSpec(greedy=True),
    ]
    logits = torch.randn(4, 2, V, generator=torch.Generator().manual_seed(4))
    noise = torch.stack([NoiseStream(i, 2, V).draw(1)[0] for i in range(4)])
    together = Sampler(settings, V, CPU).draw(logits, noise)
    for row, one in enumerate(settings):
        alone = Sampler([one], V, CPU).draw(logits[row : row + 1], noise[row : row + 1])
        torch.testing.assert_close(together[row : row + 1], alone)


def test_noise_does_not_depend_on_how_it_is_drawn():
    whole = NoiseStream(11, 4, 16).draw(10)
    stream = NoiseStream(11, 4, 16)
    torch.testing.assert_close(torch.cat([stream.draw(3), stream.draw(7)]), whole, rtol=0, atol=0)
    assert not torch.equal(NoiseStream(12, 4, 16).draw(10), whole)


def test_guidance_moves_away_from_the_unconditional():
    conditional, unconditional = torch.tensor([1.0, 2.0]), torch.tensor([0.0, 3.0])
    torch.testing.assert_close(guide(conditional, unconditional, torch.tensor(3.0)), torch.tensor([3.0, 0.0]))
