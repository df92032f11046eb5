"""The shipped model, loaded once for all its tests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer, MusicgenForConditionalGeneration, PreTrainedTokenizerBase

from generation.bundled.recipe.constants import MODEL_DIR


@dataclass(frozen=True)
class Shipped:
    folder: Path
    model: MusicgenForConditionalGeneration
    tokenizer: PreTrainedTokenizerBase

    def generate(self, texts: list[str], frames: int, **settings: object) -> torch.Tensor:
        """Audio `[n, 1, samples]` by `transformers`' own `generate`."""
        inputs = self.tokenizer(texts, padding=True, return_tensors="pt")
        torch.manual_seed(0)
        return self.model.generate(
            input_ids=inputs.input_ids, attention_mask=inputs.attention_mask, max_new_tokens=frames + 3, **settings
        )


@pytest.fixture(scope="session")
def shipped() -> Shipped:
    model = MusicgenForConditionalGeneration.from_pretrained(MODEL_DIR, dtype=torch.float32).eval()
    return Shipped(MODEL_DIR, model, AutoTokenizer.from_pretrained(MODEL_DIR))
