"""Render clips, encode them, and keep their codes: what the language model is trained on.

    python -m generation.bundled.recipe.codes [--rhythm N] [--short N] [--long N] [--device cpu|cuda] [--smoke]

Codes are stored in shards `codes/<split>-<frames>-<first clip>.npz`; the clips' specs follow from their numbers.
Existing shards are skipped, so a stopped run goes on where it was, and training may read while this writes.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm
from transformers import EncodecModel

from generation.bundled.recipe.clips import RHYTHM, clip_spec
from generation.bundled.recipe.constants import CLIP_FRAMES, DEFAULT_DATA_DIR
from generation.bundled.recipe.mixer import render
from generation.bundled.recipe.notes import NoteBank, load_bank
from generation.bundled.recipe.train_codec import load_codec

SHARD_CLIPS = 256
ENCODED_TOGETHER = 4
"""Clips encoded at once: so few stay in a processor's cache, which is twice as fast as sixteen."""

SHORT_FRAMES = 200
LONG_OFFSET = 1_000_000
"""Clip numbers of long training clips start here, so that they are not the short ones again."""


def shard_path(data_dir: Path, split: str, frames: int, first: int) -> Path:
    return data_dir / "codes" / f"{split}-{frames}-{first:07d}.npz"


@torch.no_grad()
def encode(codec: EncodecModel, waves: np.ndarray, device: str) -> np.ndarray:
    """Waveforms `[n, samples]` to int16 codes `[n, books, frames]`."""
    wave = torch.from_numpy(waves)[:, None].to(device)
    return codec.quantizer.encode(codec.encoder(wave)).transpose(0, 1).to(torch.int16).cpu().numpy()


def write_shard(
    codec: EncodecModel,
    bank: NoteBank,
    path: Path,
    seed: int,
    split: str,
    frames: int,
    first: int,
    count: int,
    device: str,
) -> None:
    """Encode clips `first` to `first + count` of a split and store them as one shard."""
    parts = []
    for start in range(first, first + count, ENCODED_TOGETHER):
        numbers = range(start, min(start + ENCODED_TOGETHER, first + count))
        waves = np.stack([render(clip_spec(seed, split, number, frames), bank) for number in numbers])
        parts.append(encode(codec, waves, device))
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial.npz")
    np.savez(partial, codes=np.concatenate(parts), seed=seed, split=split, first=first)
    os.replace(partial, path)


def main() -> None:
    parser = argparse.ArgumentParser(description="Encode training clips.")
    parser.add_argument("--data-dir", type=Path, default=DEFAULT_DATA_DIR)
    parser.add_argument("--rhythm", type=int, default=3_072, help=f"clips of drums, {SHORT_FRAMES} frames")
    parser.add_argument("--short", type=int, default=20_480, help=f"clips of {SHORT_FRAMES} frames")
    parser.add_argument("--long", type=int, default=5_120, help=f"clips of {CLIP_FRAMES} frames")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--smoke", action="store_true", help="a few clips only")
    options = parser.parse_args()
    rhythm, short, long, size = (
        (16, 16, 16, 16) if options.smoke else (options.rhythm, options.short, options.long, SHARD_CLIPS)
    )
    bank, codec = load_bank(options.data_dir), load_codec(options.data_dir).to(options.device)
    jobs = [("validation", CLIP_FRAMES, 0, min(size, 64))]
    jobs += [(RHYTHM, SHORT_FRAMES, first, size) for first in range(0, rhythm, size)]
    jobs += [("train", SHORT_FRAMES, first, size) for first in range(0, short, size)]
    jobs += [("train", CLIP_FRAMES, LONG_OFFSET + first, size) for first in range(0, long, size)]
    for split, frames, first, count in tqdm(jobs, desc="codes", unit="shard"):
        path = shard_path(options.data_dir, split, frames, first)
        if not path.exists():
            write_shard(codec, bank, path, options.seed, split, frames, first, count, options.device)


if __name__ == "__main__":
    main()
