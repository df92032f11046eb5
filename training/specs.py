"""The contract between Django and the trainer: plain frozen dataclasses, no imports from either side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from generation.specs import Codes
from training.config import Method


@dataclass(frozen=True, slots=True)
class LikedClip:
    """For `sft`: a clip to imitate. `codes` are `[K, T]`."""

    text: str
    codes: Codes
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class PreferencePair:
    """For `dpo`: two clips of one prompt. `weight` scales the pair's loss.

    `preference` is the probability that the chosen clip is the better one, 0.5 for equals: the loss's soft label.
    """

    text: str
    chosen: Codes
    rejected: Codes
    weight: float = 1.0
    preference: float = 1.0


@dataclass(frozen=True, slots=True)
class LabelledClip:
    """For `kto`: a clip with a verdict of its own."""

    text: str
    codes: Codes
    desirable: bool
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class RankedClips:
    """For `ranking`: clips of one prompt, best first, two or more; `preference` is the probability of that order, and
    1 less it that of the reverse."""

    text: str
    clips: tuple[Codes, ...]
    weight: float = 1.0
    preference: float = 1.0


@dataclass(frozen=True, slots=True)
class PlayedClip:
    """A clip `[K, T]` that a model made for a text, to be judged and not trained on."""

    text: str
    codes: Codes


@dataclass(frozen=True, slots=True)
class Wish:
    """What a clip is made for: the text that the model is given, and the tempo that it asks for, in beats a minute."""

    text: str
    tempo: float | None = None


Clip: TypeAlias = tuple[str, Codes]
"""A text, and codes `[K, T]` that were made for it."""
TrainingItem: TypeAlias = LikedClip | PreferencePair | LabelledClip | RankedClips
ITEM_OF_METHOD: dict[Method, type[TrainingItem]] = {
    Method.SFT: LikedClip,
    Method.DPO: PreferencePair,
    Method.KTO: LabelledClip,
    Method.RANKING: RankedClips,
}


def clips_of(item: TrainingItem) -> tuple[Clip, ...]:
    """The clips of an item, whose log-probabilities its loss is made of."""
    if isinstance(item, LikedClip | LabelledClip):
        return ((item.text, item.codes),)
    if isinstance(item, PreferencePair):
        return ((item.text, item.chosen), (item.text, item.rejected))
    return tuple((item.text, codes) for codes in item.clips)


@dataclass(frozen=True, slots=True)
class StepReport:
    """What is known after an optimizer step: metrics by name (TRL's names), at `step` of `total`."""

    step: int
    total: int
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """How a run ended. `folder` holds the best checkpoint's adapter as PEFT stores it; "" when there is none to offer.

    `untrained_value` is the best metric before the first step, None without held-out items. `kept_share` is how much of
    the way from where the run began the adapter in `folder` lies.
    """

    folder: str
    steps: int
    best_step: int
    best_value: float
    untrained_value: float | None = None
    stopped_early: bool = False
    drifted: bool = False
    cancelled: bool = False
    kept_share: float = 1.0

    @property
    def lineage(self) -> dict[str, float]:
        """What is written down of it beside the adapter."""
        return {"steps": self.steps, "best_step": self.best_step, "kept_share": self.kept_share}


ReportCallback: TypeAlias = Callable[[StepReport], None]
StopCallback: TypeAlias = Callable[[], bool]
