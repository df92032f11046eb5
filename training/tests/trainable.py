"""Rows that can really be trained on, with the tiny random model: chosen clips hold low codes, rejected ones high."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import numpy as np

from datasets_app.formats.rows import ClipRow, PreferenceRow, Row, SupervisedRow, codes_digest, to_json
from generation.specs import Codes

TEXTS = ("calm piano at dusk", "fast rock with drums", "a bass")
CODES, BOOKS, FRAMES = 64, 4, 24
SETTINGS = {
    "learning_rate": 0.01,
    "max_steps": 6,
    "batch_size": 4,
    "gradient_accumulation_steps": 1,
    "eval_steps": 2,
    "save_steps": 2,
    "save_total_limit": 1,
    "lora_r": 4,
    "lora_alpha": 8.0,
    "lora_dropout": 0.1,
    "early_stopping_patience": 0,
    "early_stopping_threshold": 0.0,
}
"""Six steps that learn something within seconds, with a checkpoint every two."""


def preference_rows(train: int = 8, validation: int = 3, top: int = CODES, frames: int = FRAMES) -> list[Row]:
    """Pairs; `top` is one more than the largest code."""
    splits = ["train"] * train + ["validation"] * validation
    rng = np.random.default_rng(0)
    made: list[Row] = []
    for index, split in enumerate(splits):
        low, high = (_clip(rng, bottom, bottom + top // 2, frames) for bottom in (0, top - top // 2))
        made.append(PreferenceRow(**_shared(index, split), chosen=low, rejected=high, margin=1.0))
    return made


def rated_rows(ratings: list[float]) -> list[Row]:
    """Rated clips, all to train on."""
    rng = np.random.default_rng(1)
    return [
        SupervisedRow(**_shared(index, "train"), sample=_clip(rng, 0, CODES), rating=rating)
        for index, rating in enumerate(ratings)
    ]


def write_rows(path: Path, rows: list[Row]) -> Path:
    """A JSON Lines file as the studio exports it."""
    path.write_text("".join(f"{json.dumps(to_json(row))}\n" for row in rows))
    return path


def _shared(index: int, split: str) -> dict[str, object]:
    text = TEXTS[index % len(TEXTS)] + ("" if split == "train" else ", held out")
    return {"split": split, "prompt_id": uuid.uuid4(), "prompt": text, "text": text, "weight": 1.0, "votes": 1}


def _clip(rng: np.random.Generator, bottom: int, top: int, frames: int = FRAMES) -> ClipRow:
    codes: Codes = rng.integers(bottom, top, (BOOKS, frames)).astype(np.int16)
    return ClipRow(
        sample_id=uuid.uuid4(),
        codes=codes,
        codes_sha256=codes_digest(codes),
        seed=1,
        duration=frames / 50,
        sample_rate=3200,
        model="tiny",
        base_revision="r1",
        adapter=None,
    )
