"""Train the language model on encoded clips.

    python -m generation.bundled.recipe.train_lm [--steps N] [--data-dir DIR] [--device cpu|cuda] [--smoke]
    torchrun --nproc-per-node 2 -m generation.bundled.recipe.train_lm ...      (several processes, gradients averaged)

The first two seconds of clips come first: the text decides them, so many beginnings teach more about text than a few
long clips. Then come four seconds, then full-length clips, which teach to go on. All along a `clock` teaches to keep
the time that the text asks for, and a share of the clips is drums alone. Captions are drawn anew every time a clip is
seen; one text in eight is hidden by zeroing its attention mask, the null branch of classifier-free guidance. The first
codebook, which carries notes and beats, weighs most. Stopped runs resume from their last checkpoint; another `--steps`
stretches the schedule; `--init FILE` starts a new schedule from the weights of an earlier one.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import distributed, nn
from tqdm import tqdm
from transformers import MusicgenForConditionalGeneration, PreTrainedTokenizerFast

from generation.bundled.recipe.captions import caption
from generation.bundled.recipe.checkpoint import load_checkpoint, save_checkpoint
from generation.bundled.recipe.clips import RHYTHM, clip_spec
from generation.bundled.recipe.clock import (
    CLOCK_RATE,
    CLOCK_WEIGHT,
    Clock,
    clock_path,
    hide_history,
    states_tempo,
    with_tempo,
)
from generation.bundled.recipe.codes import SHORT_FRAMES
from generation.bundled.recipe.constants import CLIP_FRAMES, CODEBOOK_SIZE, DEFAULT_DATA_DIR
from generation.bundled.recipe.lm import IGNORED, build_model, code_logits, delay, logits_and_states
from generation.bundled.recipe.optimizer import build_optimizers, set_learning_rate, warmup_cosine
from generation.bundled.recipe.tokenizer import MAX_TOKENS
from generation.bundled.recipe.train_text import text_path, train_text

BOOK_WEIGHTS = (0.45, 0.25, 0.17, 0.13)
TEXT_DROPOUT = 0.12
WORD_DROPOUT = 0.03
"""Share of words replaced by `[UNK]`, so that an unknown word means nothing in particular."""

FRESH_CLIPS = 8192
EARLY_WEIGHT, EARLY_FRAMES = 3.0, 40.0
"""Extra weight of a clip's first frames, where only the text can tell what comes, and how fast it fades."""

BEGINNING_FRAMES = 100
BEGINNING_SHARE, SHORT_SHARE = 0.45, 0.64
"""The steps up to the first share see the beginnings of clips, up to the second short clips, then mostly long ones."""

MATRIX_RATE, OTHER_RATE = 4e-3, 4e-3


@dataclass(frozen=True, slots=True)
class Batch:
    """Codes `[batch, books, frames]` and tokenised captions `[batch, words]` with their mask.

    `eighths` is the length of an eighth in frames, `timed` whether the caption gives the tempo (both `[batch]`).
    """

    codes: torch.Tensor
    tokens: torch.Tensor
    mask: torch.Tensor
    eighths: torch.Tensor
    timed: torch.Tensor

    def begin(self, frames: int) -> Batch:
        """The first `frames` of every clip."""
        return replace(self, codes=self.codes[..., :frames])


class CodeShards:
    """All encoded clips of one split and length; `refresh` takes in shards written since."""

    def __init__(self, data_dir: Path, split: str, frames: int) -> None:
        self.split, self.frames = split, frames
        self.folder, self.pattern = data_dir / "codes", f"{split}-{frames}-*.npz"
        self.seen: set[Path] = set()
        self.codes: list[np.ndarray] = []
        self.clips: list[tuple[int, int]] = []
        self.refresh()

    def refresh(self) -> None:
        for path in sorted(self.folder.glob(self.pattern)):
            if path in self.seen or ".partial" in path.name:
                continue
            self.seen.add(path)
            with np.load(path) as shard:
                self.codes.extend(shard["codes"])
                seed, first = int(shard["seed"]), int(shard["first"])
            self.clips.extend((seed, first + i) for i in range(len(self.codes) - len(self.clips)))

    def picks(self, rng: np.random.Generator, size: int) -> np.ndarray:
        """Indices among the newest `FRESH_CLIPS`: a small model learns few clips by heart, and then no rules."""
        count = len(self.clips)
        if not count:
            raise FileNotFoundError(f"no codes {self.pattern} in {self.folder}: run the step “codes” first")
        return rng.integers(max(0, count - FRESH_CLIPS), count, size)

    def batch(
        self, picks: np.ndarray, tokenizer: PreTrainedTokenizerFast, rng: np.random.Generator, device: str
    ) -> Batch:
        """The clips `picks`, each under a new caption."""
        specs = [clip_spec(seed, self.split, number, self.frames) for seed, number in (self.clips[i] for i in picks)]
        captions = [with_tempo(caption(spec, rng), spec, rng) for spec in specs]
        texts = tokenizer(
            captions,
            padding=True,
            truncation=True,
            max_length=MAX_TOKENS,
            return_tensors="pt",
        )
        words = texts.input_ids
        words[(words > tokenizer.unk_token_id) & torch.from_numpy(rng.random(words.shape) < WORD_DROPOUT)] = (
            tokenizer.unk_token_id
        )
        codes = torch.from_numpy(np.stack([self.codes[i] for i in picks]).astype(np.int64))
        return Batch(
            codes.to(device),
            words.to(device),
            texts.attention_mask.to(device),
            torch.tensor([spec.eighth for spec in specs], device=device),
            torch.tensor([states_tempo(text) for text in captions], device=device),
        )


def book_losses(logits: torch.Tensor, targets: torch.Tensor, *, early: float = 0.0) -> torch.Tensor:
    """Cross-entropy in nats of each codebook, `[books]`, averaged over clips and frames.

    With `early` above 0 the first frames weigh up to `1 + early` times the later ones.
    """
    losses = nn.functional.cross_entropy(
        logits.reshape(-1, CODEBOOK_SIZE), targets.reshape(-1), ignore_index=IGNORED, reduction="none"
    ).view(targets.shape)
    weights = 1 + early * torch.exp(-torch.arange(targets.shape[-1], device=losses.device) / EARLY_FRAMES)
    weights = weights * (targets != IGNORED)
    return (losses * weights).sum((0, 2)) / weights.sum((0, 2)).clamp_min(1)


@torch.no_grad()
def validate(
    model: MusicgenForConditionalGeneration,
    shards: CodeShards,
    tokenizer: PreTrainedTokenizerFast,
    device: str,
    frames: int,
    count: int = 24,
) -> dict[str, list[float]]:
    """Cross-entropy by codebook on the first `frames` of held-out clips, with their text and without."""
    rng = np.random.default_rng(123)
    batch = shards.batch(np.arange(min(count, len(shards.clips))), tokenizer, rng, device).begin(frames)
    inputs, targets = delay(batch.codes)
    figures = {}
    for name, mask in (("text", batch.mask), ("no_text", torch.zeros_like(batch.mask))):
        losses = book_losses(code_logits(model, batch.tokens, mask, inputs), targets)
        figures[name] = [round(float(x), 3) for x in losses]
    return figures


def join_group() -> tuple[int, int]:
    """Join the processes that `torchrun` started; returns this one's rank and their number (0, 1 when alone)."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world > 1:
        distributed.init_process_group("gloo")
    return int(os.environ.get("RANK", "0")), world


def average_gradients(model: nn.Module, world: int) -> None:
    """Replace every gradient by its mean over all processes."""
    if world == 1:
        return
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(flat)
    for gradient, mean in zip(gradients, (flat / world).split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient))


@dataclass(frozen=True, slots=True)
class Corpus:
    """The shards that training draws from."""

    rhythm: CodeShards
    short: CodeShards
    long: CodeShards

    def lesson(self, share: float, step: int) -> tuple[CodeShards, int]:
        """What to learn from after `share` of all steps: shards, and how many frames of their clips."""
        if share >= SHORT_SHARE:
            return (self.short, SHORT_FRAMES) if step % 3 == 0 else (self.long, CLIP_FRAMES)
        if share >= BEGINNING_SHARE:
            return self.rhythm if step % 8 == 0 else self.short, SHORT_FRAMES
        return (self.rhythm, self.short, self.long, self.rhythm, self.short, self.short)[step % 6], BEGINNING_FRAMES


def lm_path(data_dir: Path) -> Path:
    return data_dir / "lm.safetensors"


def train_lm(
    data_dir: Path,
    *,
    steps: int,
    short_batch: int,
    long_batch: int,
    seed: int,
    device: str,
    check_every: int = 200,
    save_every: int = 50,
    max_minutes: float = 0.0,
    rate: float = 1.0,
    init: Path | None = None,
) -> None:
    """Train, checkpoint to `lm.safetensors`, and log one JSON line per validation to `lm_log.jsonl`."""
    rank, world = join_group()
    model, tokenizer = build_model(seed)
    del model.audio_encoder
    if text_path(data_dir).exists():
        train_text(model.text_encoder, tokenizer, data_dir, steps=0, batch=0, seed=seed)
    model.to(device)
    optimizers = build_optimizers(model, matrix_lr=MATRIX_RATE, other_lr=OTHER_RATE, weight_decay=0.05)
    clock = Clock(model.decoder.config.hidden_size).to(device)
    clock_optimizer = torch.optim.AdamW(clock.parameters(), lr=CLOCK_RATE, weight_decay=0.0)
    path, first = lm_path(data_dir), 0
    if path.exists():
        first = load_checkpoint(path, model, optimizers)["step"]
        if clock_path(data_dir).exists():
            load_checkpoint(clock_path(data_dir), clock, [clock_optimizer])
    elif init:
        load_checkpoint(init, model)
    corpus = Corpus(
        CodeShards(data_dir, RHYTHM, SHORT_FRAMES),
        CodeShards(data_dir, "train", SHORT_FRAMES),
        CodeShards(data_dir, "train", CLIP_FRAMES),
    )
    held_out = CodeShards(data_dir, "validation", CLIP_FRAMES)
    weights = torch.tensor(BOOK_WEIGHTS, device=device)
    started, smoothed = time.monotonic(), np.zeros(0)
    sizes = {BEGINNING_FRAMES: 2 * short_batch, SHORT_FRAMES: short_batch, CLIP_FRAMES: long_batch}
    bar = tqdm(range(first, steps), desc="lm", unit="step", initial=first, total=steps, disable=rank > 0)
    for step in bar:
        factor = rate * warmup_cosine(step, steps, warmup=min(40, steps // 5 + 1), floor=0.02)
        set_learning_rate(optimizers, factor)
        source, frames = corpus.lesson(step / steps, step)
        size = sizes[frames]
        if step % 25 == 0:
            source.refresh()
        rng = np.random.default_rng([seed, step, rank])
        batch = source.batch(source.picks(rng, size), tokenizer, rng, device).begin(frames)
        hidden = torch.from_numpy(rng.random(size) < TEXT_DROPOUT).to(device)
        inputs, targets = delay(batch.codes)
        inputs, swapped = hide_history(inputs, rng)
        logits, states = logits_and_states(model, batch.tokens, batch.mask * ~hidden[:, None], inputs)
        targets = targets.masked_fill(swapped[:, None, None], IGNORED)
        losses = book_losses(logits, targets, early=EARLY_WEIGHT)
        lag = clock.errors(states, batch.eighths, batch.timed & ~hidden)
        ((losses * weights).sum() + CLOCK_WEIGHT * lag.mean()).backward()
        average_gradients(model, world)
        average_gradients(clock, world)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in (*optimizers, clock_optimizer):
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        values = np.append(losses.detach().cpu().numpy(), float(lag.detach().mean()))
        smoothed = 0.98 * smoothed + 0.02 * values if len(smoothed) else values
        bar.set_postfix_str(" ".join(f"{value:.2f}" for value in smoothed))
        out_of_time = max_minutes > 0 and time.monotonic() - started > 60 * max_minutes
        if rank == 0 and ((step + 1) % save_every == 0 or step + 1 == steps or out_of_time):
            progress = {"step": step + 1, "steps": steps, "seed": seed}
            save_checkpoint(clock_path(data_dir), clock, [clock_optimizer], progress)
            save_checkpoint(path, model, optimizers, progress)
        if rank == 0 and ((step + 1) % check_every == 0 or step + 1 == steps):
            line = {
                "step": step + 1,
                "frames": frames,
                "clips": len(source.clips),
                "train": [round(float(x), 3) for x in smoothed[:-1]],
                "clock": round(float(smoothed[-1]), 3),
                **validate(model, held_out, tokenizer, device, frames),
            }
            with (data_dir / "lm_log.jsonl").open("a") as log:
                log.write(json.dumps(line) + "\n")
        if out_of_time:
            break


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the language model.")
    parser.add_argument("--data-dir", type=Path, default=DEFAULT_DATA_DIR)
    parser.add_argument("--steps", type=int, default=8000)
    parser.add_argument("--short-batch", type=int, default=8, help="clips of 4 s per step; twice as many beginnings")
    parser.add_argument("--long-batch", type=int, default=4)
    parser.add_argument("--rate", type=float, default=1.0, help="factor on all learning rates")
    parser.add_argument("--init", type=Path, help="weights to start from, of an earlier run")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--max-minutes", type=float, default=0.0, help="stop early, with a checkpoint (0: never)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--smoke", action="store_true", help="a few steps only")
    options = parser.parse_args()
    train_lm(
        options.data_dir,
        steps=12 if options.smoke else options.steps,
        short_batch=2 if options.smoke else options.short_batch,
        long_batch=2 if options.smoke else options.long_batch,
        seed=options.seed,
        device=options.device,
        check_every=12 if options.smoke else 200,
        max_minutes=options.max_minutes,
        rate=options.rate,
        init=options.init,
    )


if __name__ == "__main__":
    main()
