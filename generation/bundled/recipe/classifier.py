"""A listener for the evaluation: hears style family, mood, sounds and drums in ten seconds of audio.

Trained on true renders of clips that neither codec nor language model has seen; in every batch half of them come
through the codec, so that what is measured on generated audio is music and not codec noise.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import torch
import torchaudio
from torch import nn
from tqdm import tqdm
from transformers import EncodecModel

from generation.bundled.recipe.checkpoint import load_checkpoint, save_checkpoint
from generation.bundled.recipe.clips import clip_spec
from generation.bundled.recipe.composer import ClipSpec
from generation.bundled.recipe.constants import HOP_LENGTH, SAMPLE_RATE
from generation.bundled.recipe.mixer import render
from generation.bundled.recipe.notes import NoteBank
from generation.bundled.recipe.optimizer import set_learning_rate, warmup_cosine
from generation.bundled.recipe.styles import FAMILIES, MOOD_FAMILIES
from generation.bundled.recipe.timbres import DRUM_KITS, TIMBRES

SOUNDS = tuple(timbre.name for timbre in TIMBRES) + tuple(kit.name for kit in DRUM_KITS)
HEADS = {"style": len(FAMILIES), "mood": len(MOOD_FAMILIES), "sounds": len(SOUNDS), "drums": 1}
MELS = 64


class Listener(nn.Module):
    """Convolutions over a level-independent log-mel spectrogram, pooled over time, one linear head per question."""

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        self.mel = torchaudio.transforms.MelSpectrogram(
            SAMPLE_RATE, n_fft=1024, hop_length=HOP_LENGTH, f_min=30.0, n_mels=MELS, norm=None
        )
        sizes = (1, width, 2 * width, 3 * width, 4 * width)
        self.body = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Conv2d(inner, outer, (5, 5) if inner == 1 else (3, 3), stride=2, padding=2 if inner == 1 else 1),
                    nn.BatchNorm2d(outer),
                    nn.ReLU(),
                )
                for inner, outer in itertools.pairwise(sizes)
            )
        )
        features = sizes[-1] * (MELS // 16) * 2
        self.mix = nn.Sequential(nn.Dropout(0.2), nn.Linear(features, 256), nn.ReLU(), nn.Dropout(0.2))
        self.heads = nn.ModuleDict({name: nn.Linear(256, size) for name, size in HEADS.items()})

    def features(self, wave: torch.Tensor) -> torch.Tensor:
        """`[batch, samples]` to `[batch, 1, mels, frames]`, free of the clip's level."""
        level = wave.square().mean(-1, keepdim=True).sqrt().clamp_min(1e-5)
        mel = self.mel(0.1 * wave / level)
        return (torch.log(mel + 0.05)[:, None] + 1.0) / 2.0

    def forward(self, features: torch.Tensor) -> dict[str, torch.Tensor]:
        """Logits of every head."""
        hidden = self.body(features)
        pooled = torch.cat([hidden.mean(-1), hidden.amax(-1)], dim=1).flatten(1)
        mixed = self.mix(pooled)
        return {name: head(mixed) for name, head in self.heads.items()}

    @torch.no_grad()
    def listen(self, waves: np.ndarray) -> dict[str, np.ndarray]:
        """Logits for `[n, samples]` of audio, in evaluation mode."""
        self.eval()
        parts = [self(self.features(torch.from_numpy(waves[i : i + 16]))) for i in range(0, len(waves), 16)]
        return {name: torch.cat([part[name] for part in parts]).numpy() for name in HEADS}


def targets(specs: list[ClipSpec]) -> dict[str, torch.Tensor]:
    """What the heads should say about clips."""
    return {
        "style": torch.tensor([FAMILIES.index(spec.family) for spec in specs]),
        "mood": torch.tensor([MOOD_FAMILIES.index(spec.mood) for spec in specs]),
        "sounds": torch.tensor([[float(name in spec.sounds()) for name in SOUNDS] for spec in specs]),
        "drums": torch.tensor([[float(bool(spec.kit))] for spec in specs]),
    }


@torch.no_grad()
def round_trip(codec: EncodecModel, waves: np.ndarray) -> np.ndarray:
    """Audio through encoder, codebooks and decoder: `[n, samples]` to the same shape."""
    parts = []
    for start in range(0, len(waves), 16):
        wave = torch.from_numpy(waves[start : start + 16])[:, None]
        codes = codec.quantizer.encode(codec.encoder(wave))
        parts.append(codec.decoder(codec.quantizer.decode(codes))[:, 0])
    return torch.cat(parts).numpy()


def train_listener(
    bank: NoteBank,
    codec: EncodecModel,
    path: Path,
    *,
    clips: int = 1600,
    coded: int = 256,
    steps: int = 450,
    seed: int = 1,
) -> Listener:
    """Train a listener, or load the one at `path`.

    Of `clips` true renders the first `coded` are heard through the codec too.
    """
    torch.manual_seed(seed)
    listener = Listener()
    if path.exists():
        load_checkpoint(path, listener)
        return listener.eval()
    specs = [clip_spec(seed, "classifier", number) for number in range(clips)]
    true, through_codec = [], []
    for start in tqdm(range(0, clips, 32), desc="listener's clips", unit="batch"):
        waves = np.stack([render(spec, bank) for spec in specs[start : start + 32]])
        true.append(listener.features(torch.from_numpy(waves)).half())
        if start < coded:
            through_codec.append(listener.features(torch.from_numpy(round_trip(codec, waves))).half())
    data = torch.cat([*true, *through_codec])
    wanted = targets(specs + specs[: len(data) - clips])
    optimizer = torch.optim.AdamW(listener.parameters(), lr=2e-3, weight_decay=0.02)
    optimizer.param_groups[0]["base_lr"] = 2e-3
    listener.train()
    for step in tqdm(range(steps), desc="listener", unit="step"):
        set_learning_rate([optimizer], warmup_cosine(step, steps, warmup=20))
        picks = torch.cat([torch.randint(clips, (16,)), torch.randint(clips, len(data), (16,))])
        loss = _loss(listener(data[picks].float()), {name: value[picks] for name, value in wanted.items()})
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    save_checkpoint(path, listener, [], {"clips": clips, "coded": coded, "steps": steps, "seed": seed})
    return listener.eval()


def _loss(logits: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor]) -> torch.Tensor:
    chosen = sum(nn.functional.cross_entropy(logits[name], wanted[name]) for name in ("style", "mood"))
    heard = nn.functional.binary_cross_entropy_with_logits(logits["sounds"], wanted["sounds"])
    drums = nn.functional.binary_cross_entropy_with_logits(logits["drums"], wanted["drums"])
    return chosen + 8 * heard + drums


def auc(scores: np.ndarray, labels: np.ndarray) -> float:
    """Area under the ROC curve by ranks (Mann-Whitney); ties count half."""
    positive, negative = scores[labels > 0.5], scores[labels <= 0.5]
    wins = (positive[:, None] > negative[None]).mean() + 0.5 * (positive[:, None] == negative[None]).mean()
    return float(wins)
