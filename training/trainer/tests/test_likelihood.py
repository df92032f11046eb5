"""What models make of clips: drift is what its definition says, and clips belong to their own texts."""

from __future__ import annotations

import pytest
import torch

from generation.engine.delay import codebook_delays
from generation.engine.loading import load_model
from generation.engine.text import TextEncoder
from generation.specs import AdapterSpec, SamplingSpec
from training.config import TrainingConfig
from training.specs import PlayedClip
from training.trainer.likelihood import adherence_per_code, kl_per_code
from training.trainer.lora import attach_adapter, save_adapter
from training.trainer.sequences import PLAIN, ClipCollator, log_probabilities
from training.trainer.tests.conftest import random_codes

CLIPS = [
    PlayedClip("calm piano at dusk", random_codes(1)),
    PlayedClip("a bass", random_codes(2, frames=11)),
    PlayedClip("", random_codes(3)),
] * 2
PLAYED = SamplingSpec(temperature=0.8, top_k=0, top_p=0.0, guidance_scale=3.0)


@pytest.fixture(scope="module")
def adapters(base, tmp_path_factory) -> list[AdapterSpec]:
    """Two strong adapters."""
    made = []
    for seed in (1, 2):
        loaded = load_model(base, torch.device("cpu"), torch.float32)
        network = attach_adapter(loaded, base, TrainingConfig(lora_r=4, lora_alpha=8.0, seed=seed), None)
        for parameter in network.parameters():
            if parameter.requires_grad:
                torch.nn.init.normal_(parameter, std=0.3)
        folder = tmp_path_factory.mktemp("adapter")
        save_adapter(network, folder)
        made.append(AdapterSpec(str(folder), str(seed)))
    return made


def per_code(base, clips, adapter: AdapterSpec | None, sampling: SamplingSpec) -> list[float]:
    """Each clip on its own, by the network that training attaches the adapter to."""
    loaded = load_model(base, torch.device("cpu"), torch.float32)
    network = loaded.model.decoder.eval()
    collate = ClipCollator(network, TextEncoder(loaded.model, loaded.tokenizer), 1500)
    if adapter is not None:
        network = attach_adapter(loaded, base, TrainingConfig(), adapter).eval()
    delays = codebook_delays(4, 1)
    with torch.no_grad():
        return [
            float(log_probabilities(network, collate([(clip.text, clip.codes)]), delays, sampling).double().mean())
            for clip in clips
        ]


def test_nothing_moved_is_no_drift(base, adapters):
    assert kl_per_code(base, CLIPS, reference=adapters[0], adapter=adapters[0], device="cpu") == [0.0] * 6
    assert kl_per_code(base, [], reference=None, adapter=adapters[0], device="cpu") == []


@pytest.mark.parametrize("sampling", [PLAIN, PLAYED], ids=["plain", "as played"])
def test_it_is_the_loss_of_log_probability_per_code(base, adapters, sampling):
    for reference, adapter in ((None, adapters[0]), (adapters[1], adapters[0])):
        was, now = (per_code(base, CLIPS, each, sampling) for each in (reference, adapter))
        wanted = [a - b for a, b in zip(was, now, strict=True)]
        found = kl_per_code(base, CLIPS, reference=reference, adapter=adapter, sampling=sampling, device="cpu")
        assert max(map(abs, wanted)) > 1e-3 and found == pytest.approx(wanted, abs=1e-5)


def test_drift_is_measured_in_the_guidance_that_plays(base, adapters):
    plain, played = (
        kl_per_code(base, CLIPS, reference=None, adapter=adapters[0], sampling=sampling, device="cpu")
        for sampling in (PLAIN, PLAYED)
    )
    assert sum(played) > 1.5 * sum(plain)


def test_adherence_is_the_loss_under_another_text(base):
    others = ["a bass", "", "calm piano at dusk"] * 2
    strange = [PlayedClip(text, clip.codes) for text, clip in zip(others, CLIPS, strict=True)]
    own, other = (per_code(base, clips, None, PLAIN) for clips in (CLIPS, strange))
    wanted = [a - b for a, b in zip(own, other, strict=True)]
    assert adherence_per_code(base, CLIPS, device="cpu") == pytest.approx(wanted, abs=1e-5)


def test_clips_of_one_text_say_nothing_of_adherence(base):
    assert all(value != value for value in adherence_per_code(base, CLIPS[:1] * 2, device="cpu"))
