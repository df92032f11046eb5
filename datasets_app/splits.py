"""Which prompts are trained on, and which are held out."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from uuid import UUID

TRAIN_SHARE, VALIDATION_SHARE = 0.8, 0.1


def place(prompt_id: UUID, seed: int) -> float:
    """A number in [0, 1) that only prompt and seed decide, as good as random over prompts."""
    digest = hashlib.sha256(f"{seed}:{prompt_id}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64


def assign_splits(prompt_ids: Collection[UUID], seed: int) -> dict[UUID, str]:
    """Each prompt's split, about 80 / 10 / 10.

    A prompt's split depends on nothing but itself and the seed, so that what one dataset holds out no later one trains
    on. The one exception: if none would be trained on, the prompt nearest to it is.
    """
    places = {prompt_id: place(prompt_id, seed) for prompt_id in prompt_ids}
    splits = {prompt_id: _split(value) for prompt_id, value in places.items()}
    if splits and "train" not in splits.values():
        splits[min(places, key=places.__getitem__)] = "train"
    return splits


def _split(value: float) -> str:
    if value < TRAIN_SHARE:
        return "train"
    return "validation" if value < TRAIN_SHARE + VALIDATION_SHARE else "test"
