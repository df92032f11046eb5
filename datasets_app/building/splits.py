"""Which texts are trained on, and which are held out."""

from __future__ import annotations

import hashlib
from collections.abc import Collection

TRAIN_SHARE, VALIDATION_SHARE = 0.8, 0.1


def place(text_key: str, seed: int) -> float:
    """A number in [0, 1) that only a text, by its `prompts.wording.sameness.text_key`, and the seed decide."""
    digest = hashlib.sha256(f"{seed}:{text_key}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64


def assign_splits(text_keys: Collection[str], seed: int) -> dict[str, str]:
    """Each text's split, about 80 / 10 / 10.

    A text's split depends on nothing but itself and the seed, so that what one dataset holds out no later one trains
    on, whatever prompt asks for it. The one exception: if none would be trained on, the text nearest to it is.
    """
    places = {key: place(key, seed) for key in text_keys}
    splits = {key: _split(value) for key, value in places.items()}
    if splits and "train" not in splits.values():
        splits[min(places, key=places.__getitem__)] = "train"
    return splits


def _split(value: float) -> str:
    if value < TRAIN_SHARE:
        return "train"
    return "validation" if value < TRAIN_SHARE + VALIDATION_SHARE else "test"
