"""Train the codec.

    python -m generation.bundled.recipe.train_codec [--steps N] [--data-dir DIR] [--device cpu|cuda] [--smoke]

Three phases: a plain autoencoder; then k-means codebooks, moving averages and a straight-through
gradient; then the decoder alone, with encoder and codebooks fixed, so that codes made from then on stay valid. Stopped
runs resume from their last checkpoint.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from tqdm import tqdm
from transformers import EncodecModel

from generation.bundled.recipe.checkpoint import load_checkpoint, save_checkpoint
from generation.bundled.recipe.clips import CropPool
from generation.bundled.recipe.codec import TrainableQuantizer, build_codec, codec_config
from generation.bundled.recipe.constants import DEFAULT_DATA_DIR, NUM_CODEBOOKS
from generation.bundled.recipe.losses import ReconstructionLoss, si_sdr
from generation.bundled.recipe.notes import NoteBank, load_bank
from generation.bundled.recipe.optimizer import build_optimizers, set_learning_rate, warmup_cosine

AUTOENCODER_SHARE = 0.1
DECODER_ONLY_FROM = 0.72
CROP_FRAMES = 50
MATRIX_RATE, OTHER_RATE = 4e-3, 3e-3
COMMITMENT_WEIGHT = 0.25
SCALE_WEIGHT = 0.05
"""Weight of the squared log of the latents' RMS: nothing else keeps their scale, and codebooks follow it slowly."""

INITIAL_VECTORS_BATCHES = 24


def codec_path(data_dir: Path) -> Path:
    return data_dir / "codec.safetensors"


def load_codec(data_dir: Path) -> EncodecModel:
    """The trained codec with plain weights, in evaluation mode."""
    codec = build_codec(codec_config())
    load_checkpoint(codec_path(data_dir), codec)
    return codec.eval()


def train_codec(
    bank: NoteBank, data_dir: Path, *, steps: int, batch: int, seed: int, device: str, save_every: int = 100
) -> EncodecModel:
    """Train, checkpoint to `codec.safetensors`, and log one JSON line per save to `codec_log.jsonl`."""
    torch.manual_seed(seed)
    codec = build_codec(codec_config()).to(device)
    optimizers = build_optimizers(codec, matrix_lr=MATRIX_RATE, other_lr=OTHER_RATE, weight_decay=0.1)
    path, first = codec_path(data_dir), 0
    if path.exists():
        first = load_checkpoint(path, codec, optimizers)["step"]
    pool = CropPool(bank, seed + first, size=min(256, 2 * steps))
    if not first:
        _scale_latents(codec, pool, device)
    quantizer, loss_of = TrainableQuantizer(codec), ReconstructionLoss().to(device)
    held_out = CropPool(bank, seed + 77, size=24).batch(0, 16, 100, renew=0).to(device)
    quantise_from, freeze_from = int(AUTOENCODER_SHARE * steps), int(DECODER_ONLY_FROM * steps)
    mean_loss = 0.0
    for step in (bar := tqdm(range(first, steps), desc="codec", unit="step", initial=first, total=steps)):
        set_learning_rate(optimizers, warmup_cosine(step, steps, warmup=min(40, steps // 5 + 1)))
        wave = pool.batch(step, batch, CROP_FRAMES).to(device)
        if step == quantise_from:
            _initialise(codec, quantizer, pool, device)
        loss = _step_loss(codec, quantizer, loss_of, wave, step >= quantise_from, step >= freeze_from)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(codec.parameters(), 5.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        mean_loss = 0.98 * mean_loss + 0.02 * float(loss.detach()) if mean_loss else float(loss.detach())
        bar.set_postfix(loss=f"{mean_loss:.3f}")
        if (step + 1) % save_every == 0 or step + 1 == steps:
            measured = held_out_si_sdr(codec, held_out, quantise=step >= quantise_from)
            progress = {"step": step + 1, "steps": steps, "seed": seed, "loss": mean_loss, "si_sdr_db": measured}
            save_checkpoint(path, codec, optimizers, progress)
            with (data_dir / "codec_log.jsonl").open("a") as log:
                log.write(json.dumps(progress) + "\n")
    return codec


def _step_loss(
    codec: EncodecModel,
    quantizer: TrainableQuantizer,
    loss_of: ReconstructionLoss,
    wave: torch.Tensor,
    quantise: bool,
    decoder_only: bool,
) -> torch.Tensor:
    with torch.set_grad_enabled(not decoder_only):
        latents = codec.encoder(wave)
        extra = SCALE_WEIGHT * latents.square().mean().log().square()
        if quantise:
            latents, commitment = quantizer(latents, update=not decoder_only, books=NUM_CODEBOOKS)
            extra = extra + COMMITMENT_WEIGHT * commitment
    return loss_of(codec.decoder(latents)[:, 0], wave[:, 0]) + extra


@torch.no_grad()
def _scale_latents(codec: EncodecModel, pool: CropPool, device: str) -> None:
    """Let the new encoder's latents start with unit RMS."""
    latents = codec.encoder(pool.batch(10**6, 16, CROP_FRAMES, renew=0).to(device))
    last = codec.encoder.layers[-1].conv
    last.weight.div_(latents.square().mean().sqrt())


@torch.no_grad()
def _initialise(codec: EncodecModel, quantizer: TrainableQuantizer, pool: CropPool, device: str) -> None:
    batches = [pool.batch(10**6 + i, 16, CROP_FRAMES, renew=0).to(device) for i in range(INITIAL_VECTORS_BATCHES)]
    latents = torch.cat([codec.encoder(wave) for wave in batches])
    quantizer.initialise(latents.permute(0, 2, 1).reshape(-1, latents.shape[1]))


@torch.no_grad()
def held_out_si_sdr(codec: EncodecModel, wave: torch.Tensor, *, quantise: bool = True) -> float:
    """Median SI-SDR in dB of the round trip of `[batch, 1, samples]`."""
    latents = codec.encoder(wave)
    if quantise:
        latents = codec.quantizer.decode(codec.quantizer.encode(latents))
    return float(si_sdr(codec.decoder(latents)[:, 0], wave[:, 0]).median())


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the codec.")
    parser.add_argument("--data-dir", type=Path, default=DEFAULT_DATA_DIR)
    parser.add_argument("--steps", type=int, default=3600)
    parser.add_argument("--batch", type=int, default=8, help="crops of one second per step")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--smoke", action="store_true", help="a few steps only")
    options = parser.parse_args()
    steps, batch = (20, 2) if options.smoke else (options.steps, options.batch)
    train_codec(
        load_bank(options.data_dir),
        options.data_dir,
        steps=steps,
        batch=batch,
        seed=options.seed,
        device=options.device,
    )


if __name__ == "__main__":
    main()
