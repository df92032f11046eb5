"""Teach the text encoder what captions say, before it has to say it in music.

    python -m generation.bundled.recipe.train_text [--steps N] [--data-dir DIR] [--smoke]

Every token must tell the style, mood, tempo, sounds and drums of its clip from the caption alone (what that leaves out
stays uncertain). This takes a minute; the cross-attention then finds the attributes ready. Learned through
the music alone, they were still unused after a third of the training.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import nn
from tqdm import tqdm
from transformers import PreTrainedTokenizerFast, T5EncoderModel

from generation.bundled.recipe.captions import caption
from generation.bundled.recipe.checkpoint import load_checkpoint, save_checkpoint
from generation.bundled.recipe.clips import clip_spec
from generation.bundled.recipe.composer import EIGHTH_FRAMES, ClipSpec
from generation.bundled.recipe.constants import DEFAULT_DATA_DIR
from generation.bundled.recipe.lm import build_model
from generation.bundled.recipe.optimizer import set_learning_rate, warmup_cosine
from generation.bundled.recipe.styles import MOOD_FAMILIES, STYLES
from generation.bundled.recipe.timbres import DRUM_KITS, TIMBRES
from generation.bundled.recipe.tokenizer import MAX_TOKENS

STYLE_SLUGS = tuple(style.slug for style in STYLES)
SOUND_NAMES = (*(timbre.name for timbre in TIMBRES), *(kit.name for kit in DRUM_KITS), "texture")
RATE = 2e-3


class AttributeHeads(nn.Module):
    """Linear heads on every token's state."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.style = nn.Linear(width, len(STYLE_SLUGS))
        self.mood = nn.Linear(width, len(MOOD_FAMILIES))
        self.eighth = nn.Linear(width, len(EIGHTH_FRAMES))
        self.sounds = nn.Linear(width, len(SOUND_NAMES))
        self.drums = nn.Linear(width, 1)

    def loss(self, states: torch.Tensor, mask: torch.Tensor, specs: list[ClipSpec]) -> torch.Tensor:
        """Mean loss over the real tokens of `[batch, words, width]`."""
        heard = torch.tensor([[float(name in spec.sounds()) for name in SOUND_NAMES] for spec in specs])
        drums = torch.tensor([[float(bool(spec.kit))] for spec in specs])
        row, _ = mask.bool().nonzero(as_tuple=True)
        tokens = states[mask.bool()]
        total = tokens.new_zeros(())
        for head, labels in (
            (self.style, [STYLE_SLUGS.index(spec.style) for spec in specs]),
            (self.mood, [MOOD_FAMILIES.index(spec.mood) for spec in specs]),
            (self.eighth, [EIGHTH_FRAMES.index(spec.eighth) for spec in specs]),
        ):
            total = total + nn.functional.cross_entropy(head(tokens), torch.tensor(labels)[row])
        binary = nn.functional.binary_cross_entropy_with_logits
        return total + 5 * binary(self.sounds(tokens), heard[row]) + binary(self.drums(tokens), drums[row])


def text_path(data_dir: Path) -> Path:
    return data_dir / "text.safetensors"


def train_text(
    encoder: T5EncoderModel, tokenizer: PreTrainedTokenizerFast, data_dir: Path, *, steps: int, batch: int, seed: int
) -> None:
    """Train `encoder` in place and store it; where it is stored already, load it."""
    if text_path(data_dir).exists():
        load_checkpoint(text_path(data_dir), encoder)
        return
    torch.manual_seed(seed)
    heads = AttributeHeads(encoder.config.d_model)
    optimizer = torch.optim.AdamW([*encoder.parameters(), *heads.parameters()], lr=RATE, weight_decay=0.0)
    optimizer.param_groups[0]["base_lr"] = RATE
    rng, mean = np.random.default_rng([seed, 5]), 0.0
    for step in (bar := tqdm(range(steps), desc="text", unit="step")):
        set_learning_rate([optimizer], warmup_cosine(step, steps, warmup=min(50, steps // 5 + 1)))
        specs = [clip_spec(seed, "train", 10**7 + step * batch + i) for i in range(batch)]
        texts = tokenizer(
            [caption(spec, rng) for spec in specs],
            padding=True,
            truncation=True,
            max_length=MAX_TOKENS,
            return_tensors="pt",
        )
        states = encoder(input_ids=texts.input_ids, attention_mask=texts.attention_mask).last_hidden_state
        loss = heads.loss(states, texts.attention_mask, specs)
        loss.backward()
        nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        mean = 0.97 * mean + 0.03 * float(loss.detach()) if mean else float(loss.detach())
        bar.set_postfix(loss=f"{mean:.2f}")
    save_checkpoint(text_path(data_dir), encoder, [], {"steps": steps, "seed": seed, "loss": mean})


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the text encoder on captions.")
    parser.add_argument("--data-dir", type=Path, default=DEFAULT_DATA_DIR)
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--smoke", action="store_true", help="a few steps only")
    options = parser.parse_args()
    model, tokenizer = build_model(options.seed)
    options.data_dir.mkdir(parents=True, exist_ok=True)
    train_text(
        model.text_encoder,
        tokenizer,
        options.data_dir,
        steps=10 if options.smoke else options.steps,
        batch=options.batch,
        seed=options.seed,
    )


if __name__ == "__main__":
    main()
