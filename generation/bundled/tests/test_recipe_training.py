"""The training code: quantiser, optimiser, checkpoints, and a smoke run of every command."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from generation.bundled.recipe.captions import caption
from generation.bundled.recipe.checkpoint import load_checkpoint, save_checkpoint
from generation.bundled.recipe.clips import clip_spec
from generation.bundled.recipe.clock import EIGHTHS, Clock, hide_history, phases, states_tempo, with_tempo
from generation.bundled.recipe.codec import (
    LATENT_SIZE,
    TrainableQuantizer,
    build_codec,
    codec_config,
    restore_weight_norm,
)
from generation.bundled.recipe.lm import PAD_CODE, build_model, code_logits, delay, logits_and_states
from generation.bundled.recipe.losses import ReconstructionLoss, si_sdr
from generation.bundled.recipe.optimizer import build_optimizers, orthogonalised, set_learning_rate, warmup_cosine

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("shape", [(48, 48), (32, 96), (96, 32)])
def test_muon_step_is_nearly_orthogonal(shape):
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonalised(torch.randn(shape)))
    assert values.max() < 1.3
    assert values.median() > 0.6


def test_k_means_codebooks_explain_clustered_latents():
    torch.manual_seed(0)
    codec = build_codec(codec_config())
    quantizer = TrainableQuantizer(codec)
    centres = torch.randn(300, LATENT_SIZE)
    vectors = centres[torch.randint(300, (4000,))] + 0.05 * torch.randn(4000, LATENT_SIZE)
    quantizer.initialise(vectors)
    latents = vectors[:200].T[None]
    chosen, commitment = quantizer(latents, update=False, books=4)
    assert float(commitment) < 0.05
    own = codec.quantizer.decode(codec.quantizer.encode(latents))
    assert torch.allclose(chosen, own, atol=1e-4)


def test_weight_norm_goes_and_comes_without_changing_the_codec():
    torch.manual_seed(0)
    codec = build_codec(codec_config()).eval()
    wave = 0.1 * torch.randn(1, 1, 3200)
    with torch.no_grad():
        before = codec.encoder(wave)
        restore_weight_norm(codec)
        after = codec.encoder(wave)
    assert torch.allclose(before, after, atol=1e-5)


def test_losses_know_the_truth():
    torch.manual_seed(0)
    wave, loss_of = 0.1 * torch.randn(2, 8000), ReconstructionLoss()
    noisy = wave + 0.01 * torch.randn_like(wave)
    assert loss_of(wave, wave) < loss_of(noisy, wave) < loss_of(torch.zeros_like(wave), wave)
    assert torch.allclose(si_sdr(noisy, wave), torch.tensor(20.0), atol=0.5)
    assert torch.allclose(si_sdr(3 * noisy, wave), si_sdr(noisy, wave), atol=1e-3)


def test_resumed_training_equals_uninterrupted(tmp_path):
    def train(model: nn.Module, optimizers: list, steps: range) -> None:
        for step in steps:
            set_learning_rate(optimizers, warmup_cosine(step, 6, 2))
            inputs = torch.randn(8, 12, generator=torch.Generator().manual_seed(step))
            model(inputs).square().mean().backward()
            for optimizer in optimizers:
                optimizer.step()
                optimizer.zero_grad()

    def fresh() -> tuple[nn.Module, list]:
        torch.manual_seed(3)
        model = nn.Sequential(nn.Linear(12, 16), nn.Tanh(), nn.Linear(16, 4))
        return model, build_optimizers(model, matrix_lr=1e-2, other_lr=1e-2)

    whole, optimizers = fresh()
    train(whole, optimizers, range(6))
    half, optimizers = fresh()
    train(half, optimizers, range(3))
    save_checkpoint(tmp_path / "half.safetensors", half, optimizers, {"step": 3})
    rest, optimizers = fresh()
    assert load_checkpoint(tmp_path / "half.safetensors", rest, optimizers) == {"step": 3}
    train(rest, optimizers, range(3, 6))
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), rest.parameters(), strict=True))


def test_hidden_text_is_the_null_branch():
    model, tokenizer = build_model(0)
    inputs, _ = delay(torch.randint(512, (2, 4, 12)))
    texts = tokenizer(["calm piano", "fast techno"], return_tensors="pt")
    with torch.no_grad():
        hidden = torch.zeros_like(texts.attention_mask)
        logits = code_logits(model.eval(), texts.input_ids, hidden, inputs[:1].repeat(2, 1, 1))
    assert torch.isfinite(logits).all()
    assert torch.allclose(logits[0], logits[1], atol=1e-5)


def test_clock_goes_round_once_a_cycle():
    wanted = phases(torch.tensor([8, 13]), 105).view(2, 105, 2, len(EIGHTHS))
    for cycle, eighths in enumerate(EIGHTHS):
        assert torch.allclose(wanted[0, 8 * eighths, :, cycle], wanted[0, 0, :, cycle], atol=1e-4)
        assert torch.allclose(wanted[1, 13 * eighths, :, cycle], wanted[1, 0, :, cycle], atol=1e-4)
        assert wanted[0, 4 * eighths, 0, cycle] == pytest.approx(-1, abs=1e-4)


def test_clock_counts_only_clips_whose_tempo_is_told():
    model, tokenizer = build_model(0)
    clock = Clock(model.decoder.config.hidden_size)
    inputs, _ = delay(torch.randint(512, (2, 4, 12)))
    texts = tokenizer(["calm piano, 75 BPM", "fast techno, 125 BPM"], return_tensors="pt")
    _, states = logits_and_states(model, texts.input_ids, texts.attention_mask, inputs)
    one, other = torch.tensor([True, False]), torch.tensor([20, 12])
    errors = clock.errors(states, other, one)
    assert errors.shape == (2, len(EIGHTHS))
    assert torch.equal(errors, clock.errors(states, torch.tensor([20, 8]), one))
    assert not torch.equal(errors, clock.errors(states, torch.tensor([8, 12]), one))
    assert not clock.errors(states, other, torch.zeros_like(one)).any()


def test_history_is_hidden_from_some_clips():
    inputs = torch.arange(200)[:, None, None].expand(200, 4, 6)
    hidden, swapped = hide_history(inputs, np.random.default_rng(0))
    blank = (hidden == PAD_CODE).all((1, 2))
    assert 10 < int(blank.sum()) < 60
    assert 10 < int(swapped.sum()) < 60
    assert torch.equal(hidden[swapped], inputs.roll(1, 0)[swapped])
    assert torch.equal(hidden[~swapped & ~blank], inputs[~swapped & ~blank])


def test_most_captions_state_the_tempo():
    rng = np.random.default_rng(0)
    specs = [clip_spec(1, "train", number) for number in range(200)]
    captions = [with_tempo(caption(spec, rng), spec, rng) for spec in specs]
    assert 0.7 < np.mean([states_tempo(text) for text in captions]) < 0.95


@pytest.mark.slow
def test_smoke_run_of_the_whole_recipe(tmp_path):
    """Corpus, codec, codes, language model and export, each by its documented command, in under three minutes."""
    started = time.monotonic()
    for command in ("notes", "train_codec", "codes", "train_text", "train_lm", "export"):
        arguments = ["--data-dir", str(tmp_path)]
        arguments += ["--out", str(tmp_path / "model")] if command == "export" else ["--smoke"]
        subprocess.run(
            [sys.executable, "-m", f"generation.bundled.recipe.{command}", *arguments],
            cwd=ROOT,
            check=True,
            env={**os.environ, "TQDM_DISABLE": "1"},
            capture_output=True,
            timeout=180,
        )
    assert time.monotonic() - started < 180
    assert (tmp_path / "model" / "model.safetensors").stat().st_size < 40_000_000
