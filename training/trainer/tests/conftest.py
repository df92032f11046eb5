"""A tiny random base model, clips it made itself, and items of every kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from generation.engine import Engine
from generation.engine.tests.conftest import CODES, save_random_model
from generation.specs import ModelSpec
from training.specs import LabelledClip, LikedClip, PreferencePair, RankedClips

TEXTS = ("calm piano at dusk", "fast rock with drums", "a bass")


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Models this small gain nothing from threads."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def base(tmp_path_factory) -> ModelSpec:
    folder: Path = save_random_model(tmp_path_factory.mktemp("models") / "base", seed=3)
    return ModelSpec(key="base", path=str(folder), revision="r1")


@pytest.fixture(scope="session")
def stereo_base(tmp_path_factory) -> ModelSpec:
    folder: Path = save_random_model(tmp_path_factory.mktemp("models") / "stereo", channels=2, seed=4)
    return ModelSpec(key="stereo", path=str(folder), revision="r1")


@pytest.fixture(scope="session")
def engine(base) -> Engine:
    return Engine(base, device="cpu")


def random_codes(seed: int, frames: int = 24, books: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, CODES, (books, frames)).astype(np.int16)


def pairs(count: int, offset: int = 0) -> list[PreferencePair]:
    """Pairs that can be told apart: chosen clips hold low codes, rejected ones high codes."""
    made = []
    for i in range(offset, offset + count):
        low, high = random_codes(2 * i) // 2, CODES // 2 + random_codes(2 * i + 1) // 2
        made.append(PreferencePair(TEXTS[i % 3], low, high, weight=1.0 + i % 2))
    return made


def liked(count: int, offset: int = 0) -> list[LikedClip]:
    return [LikedClip(pair.text, pair.chosen, pair.weight) for pair in pairs(count, offset)]


def verdicts(count: int, offset: int = 0) -> list[LabelledClip]:
    made = []
    for index, pair in enumerate(pairs(count, offset)):
        codes = pair.chosen if index % 2 == 0 else pair.rejected
        made.append(LabelledClip(pair.text, codes, index % 2 == 0))
    return made


def rankings(count: int, offset: int = 0) -> list[RankedClips]:
    return [
        RankedClips(pair.text, (pair.chosen, (pair.chosen + pair.rejected) // 2, pair.rejected))
        for pair in pairs(count, offset)
    ]
