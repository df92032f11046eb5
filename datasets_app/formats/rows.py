"""The rows of datasets as they are exported, imported and trained on: the one format, free of the database.

A row is one JSON object. Both kinds have `id, split, prompt_id, prompt, asked, text, weight, votes`; supervised ones
`sample, rating, tags`, preferences `chosen, rejected, margin`, and `judge` where no person judged. `asked` is the whole
prompt in words, `text` what the model read of it; rows of earlier releases lack `asked`. A clip has `sample_id, audio,
codes, seed, duration, sample_rate, model, base_revision, adapter`, where there are any `notes`, and in preferences
`tags`.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from generation.specs import Codes
from prompts.wording.sameness import text_key

ROWS = uuid.UUID("7f0a2c5e-9d3b-5c8a-9a53-6d1b7c6a4e21")
"""Namespace of the rows' ids."""
JUDGE_LENGTH = 240
DECIMALS = 6
"""Kept of weights, ratings and margins, so that the order of a sum does not show."""


def codes_digest(codes: Codes) -> str:
    """sha256 of shape and values."""
    ordered = np.ascontiguousarray(codes, dtype="<i2")
    return hashlib.sha256(str(ordered.shape).encode() + ordered.tobytes()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipRow:
    """A clip of a row. `codes` are `[K, T]`, or None where only the facts are wanted."""

    sample_id: uuid.UUID
    codes: Codes | None
    codes_sha256: str
    seed: int
    duration: float
    sample_rate: int
    model: str
    base_revision: str
    adapter: str | None
    tags: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def audio(self) -> str:
        """The name its sound has beside the rows."""
        return f"audio/{self.sample_id}.flac"

    def to_json(self) -> dict[str, Any]:
        """JSON values; without codes their digest stands in their place."""
        content = {"codes_sha256": self.codes_sha256} if self.codes is None else {"codes": self.codes.tolist()}
        return {
            "sample_id": str(self.sample_id),
            "audio": self.audio,
            **content,
            "seed": self.seed,
            "duration": self.duration,
            "sample_rate": self.sample_rate,
            "model": self.model,
            "base_revision": self.base_revision,
            "adapter": self.adapter,
            "tags": list(self.tags),
            **({"notes": list(self.notes)} if self.notes else {}),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    split: str
    prompt_id: uuid.UUID
    prompt: str
    text: str
    weight: float
    votes: int
    asked: str = ""

    @property
    def text_key(self) -> str:
        """What splits and suites know it by: the same for rows that ask for the same."""
        return text_key(self.asked or self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisedRow(_Judged):
    """A clip and its rating, 1 to 5."""

    sample: ClipRow
    rating: float

    @property
    def clips(self) -> tuple[ClipRow, ...]:
        return (self.sample,)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferenceRow(_Judged):
    """Two clips of one prompt, and by how much the first was preferred: 0 (they are equal) <= `margin` <= 1.

    `judge` is empty for what people judged, else as in “taste anna@3”: then `votes` is 0, and `margin` is 2 p - 1 with
    p the probability that the taste gives the chosen clip.
    """

    chosen: ClipRow
    rejected: ClipRow
    margin: float
    judge: str = ""

    @property
    def clips(self) -> tuple[ClipRow, ...]:
        return (self.chosen, self.rejected)


Row: TypeAlias = SupervisedRow | PreferenceRow


def row_id(row: Row) -> uuid.UUID:
    """The row's name everywhere: made from its clips, in no order."""
    return uuid.uuid5(ROWS, " ".join(sorted(str(clip.sample_id) for clip in row.clips)))


def to_json(row: Row) -> dict[str, Any]:
    """A row as JSON values."""
    shared = {
        "id": str(row_id(row)),
        "split": row.split,
        "prompt_id": str(row.prompt_id),
        "prompt": row.prompt,
        **({"asked": row.asked} if row.asked else {}),
        "text": row.text,
        "weight": row.weight,
        "votes": row.votes,
    }
    if isinstance(row, PreferenceRow):
        pair = {"chosen": row.chosen.to_json(), "rejected": row.rejected.to_json(), "margin": row.margin}
        return shared | pair | ({"judge": row.judge} if row.judge else {})
    clip = row.sample.to_json()
    tags = clip.pop("tags")
    return shared | {"sample": clip, "rating": row.rating, "tags": tags}


def canonical(row: Row) -> bytes:
    """The row as bytes to hash: keys sorted, no blanks, UTF-8, one line. Give it rows without codes."""
    text = json.dumps(to_json(row), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode() + b"\n"
