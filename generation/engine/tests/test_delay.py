"""The delay pattern against `transformers`' own."""

from __future__ import annotations

import pytest
import torch

from generation.engine.delay import apply_delay, codebook_delays, pattern_length, remove_delay


def transformers_pattern(reference, codes: torch.Tensor, frames: int) -> torch.Tensor:
    decoder = reference.model.decoder
    start = torch.full((codes.shape[0], 1), 64)
    length = frames + reference.codebooks // reference.channels
    _, pattern = decoder.build_delay_pattern_mask(torch.cat([start, codes], dim=1), 64, max_length=length)
    return pattern


@pytest.mark.parametrize("known", [0, 1, 3, 10, 20])
@pytest.mark.parametrize("channels", [1, 2])
def test_the_pattern_is_that_of_transformers(random_reference, stereo_reference, known, channels):
    reference = stereo_reference if channels == 2 else random_reference
    codes = torch.randint(0, 64, (4 * channels, known))
    delays = codebook_delays(4 * channels, channels)
    own = apply_delay(codes, 20, delays, 64)
    assert own.shape[1] == pattern_length(20, delays)
    torch.testing.assert_close(own, transformers_pattern(reference, codes, 20))


def test_known_layout_of_a_short_clip():
    """Written out by hand: 2 frames of 3 codebooks, padding 9."""
    pattern = apply_delay(torch.tensor([[1, 2], [3, 4], [5, 6]]), 2, (0, 1, 2), 9)
    assert pattern.tolist() == [[9, 1, 2, 9, 9], [9, 9, 3, 4, 9], [9, 9, 9, 5, 6]]


@pytest.mark.parametrize("channels", [1, 2])
def test_removing_undoes_applying(channels):
    delays = codebook_delays(4 * channels, channels)
    codes = torch.randint(0, 64, (4 * channels, 17))
    torch.testing.assert_close(remove_delay(apply_delay(codes, 17, delays, 64), 17, delays), codes)
