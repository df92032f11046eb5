"""Drift: zero for what changes nothing, and otherwise what the definition says."""

from __future__ import annotations

import math

import pytest
import torch

from generation.engine.delay import codebook_delays
from generation.engine.loading import load_model
from generation.engine.text import TextEncoder
from generation.specs import AdapterSpec
from training.config import TrainingConfig
from training.trainer.drift import kl_per_code
from training.trainer.lora import attach_adapter, save_adapter
from training.trainer.sequences import ClipCollator, log_probabilities
from training.trainer.tests.conftest import random_codes

CLIPS = [("calm piano at dusk", random_codes(1)), ("a bass", random_codes(2, frames=11)), ("", random_codes(3))] * 2


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


def test_nothing_moved_is_no_drift(base, adapters):
    assert kl_per_code(base, CLIPS, reference=adapters[0], adapter=adapters[0], device="cpu") == 0.0
    assert math.isnan(kl_per_code(base, [], reference=None, adapter=adapters[0], device="cpu"))


def test_it_is_the_mean_loss_of_log_probability_per_code(base, adapters):
    def total(adapter: AdapterSpec | None) -> float:
        loaded = load_model(base, torch.device("cpu"), torch.float32)
        network = loaded.model.decoder.eval()
        collate = ClipCollator(network, TextEncoder(loaded.model, loaded.tokenizer), 1500)
        if adapter is not None:
            network = attach_adapter(loaded, base, TrainingConfig(), adapter).eval()
        delays = codebook_delays(4, 1)
        with torch.no_grad():
            return sum(float(log_probabilities(network, collate([clip]), delays).double().sum()) for clip in CLIPS)

    codes = sum(codes.size for _, codes in CLIPS)
    for reference, adapter in ((None, adapters[0]), (adapters[1], adapters[0])):
        wanted = (total(reference) - total(adapter)) / codes
        found = kl_per_code(base, CLIPS, reference=reference, adapter=adapter, device="cpu")
        assert abs(wanted) > 1e-3 and found == pytest.approx(wanted, abs=1e-5)
