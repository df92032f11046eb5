"""Draw what the model makes beside what it was asked for.

    python -m generation.bundled.recipe.picture [--data-dir DIR] [--out FILE]

Log-mel spectrograms of the first eight grammar prompts: the corpus's own render of the clip on the left, what the model
generated from the prompt on the right. Reads the clips that `evaluate` kept.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib
import numpy as np
import torch
import torchaudio

from generation.bundled.recipe.constants import DEFAULT_DATA_DIR, FRAME_RATE, HOP_LENGTH, MODEL_DIR, SAMPLE_RATE
from generation.bundled.recipe.evaluate import waves_path

matplotlib.use("Agg")
from matplotlib import pyplot

MELS = 80


def log_mel(wave: np.ndarray) -> np.ndarray:
    """`[mels, frames]` in dB below the clip's loudest point."""
    mel = torchaudio.transforms.MelSpectrogram(
        SAMPLE_RATE, n_fft=1024, hop_length=HOP_LENGTH, f_min=30.0, n_mels=MELS, norm=None
    )(torch.from_numpy(wave.astype(np.float32)))
    decibels = 10 * torch.log10(mel + 1e-8)
    return (decibels - decibels.max()).numpy()


def draw(texts: list[str], pairs: list[tuple[np.ndarray, np.ndarray]], out: Path) -> None:
    """One row per prompt: true render, generated."""
    figure, axes = pyplot.subplots(len(pairs), 2, figsize=(11, 1.65 * len(pairs)), sharex=True, sharey=True)
    for row, (text, pair) in enumerate(zip(texts, pairs, strict=True)):
        for axis, wave, kind in zip(axes[row], pair, ("true render", "generated"), strict=True):
            picture = log_mel(wave)
            axis.imshow(
                picture,
                origin="lower",
                aspect="auto",
                cmap="magma",
                vmin=-70,
                vmax=0,
                extent=(0, picture.shape[1] / FRAME_RATE, 0, MELS),
            )
            axis.set_yticks([])
            axis.set_title(f"{kind}: {text}" if kind == "true render" else kind, fontsize=6.5, loc="left", pad=2)
    for axis in axes[-1]:
        axis.set_xlabel("seconds", fontsize=7)
    figure.tight_layout(h_pad=0.4)
    figure.savefig(out, dpi=85)
    pyplot.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw spectrograms, true render beside generated.")
    parser.add_argument("--data-dir", type=Path, default=DEFAULT_DATA_DIR)
    parser.add_argument("--out", type=Path, default=MODEL_DIR / "spectrograms.jpg")
    options = parser.parse_args()
    with np.load(waves_path(options.data_dir)) as kept:
        texts = [str(text) for text in kept["texts"]]
        draw(texts, list(zip(kept["true"], kept["made"], strict=True)), options.out)
    print(options.out)


if __name__ == "__main__":
    main()
