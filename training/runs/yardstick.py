"""What a loss was measured with: only losses of one yardstick can be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from training.config import Group, TrainingConfig

if TYPE_CHECKING:
    from training.models import TrainingRun

SAMPLER = ("guidance_scale", "temperature", "top_k", "top_p")


@dataclass(frozen=True, slots=True)
class Yardstick:
    """A loss (its method, form and terms, `beta` among them), what it is taken of, and the data.

    `settings` holds the values of the settings of `TrainingConfig` that the loss depends on, by name.
    """

    settings: tuple[tuple[str, Any], ...]
    data: str
    base_model: str = ""

    @classmethod
    def of(cls, config: Mapping[str, Any], data: object, base_model: object = "") -> Yardstick:
        """`config` may lack settings that did not exist when it was stored: those are as by default."""
        method = config.get("method")
        names = [spec.name for spec in fields(TrainingConfig) if _matters(spec.name, spec.metadata, method)]
        defaults = {spec.name: spec.default for spec in fields(TrainingConfig)}
        values = tuple((name, config.get(name, defaults[name])) for name in names)
        return cls(values, str(data), str(base_model))

    def differs_from(self, other: Yardstick) -> list[str]:
        """What differs, in words for people; empty when losses can be compared."""
        ours, theirs = dict(self.settings), dict(other.settings)
        labels = {spec.name: spec.metadata["label"] for spec in fields(TrainingConfig)}
        if ours["method"] != theirs["method"]:
            return [f"“{labels['method']}”"]
        found = [f"“{labels[name]}”" for name in ours if ours[name] != theirs.get(name)]
        found += ["the dataset"] if self.data != other.data else []
        return found + (["the base model"] if self.base_model != other.base_model else [])


def _matters(name: str, facts: Mapping[str, Any], method: object) -> bool:
    """Whether the loss of `method` depends on the setting."""
    if name in ("method", "max_frames", *SAMPLER):
        return True
    return facts["group"] == Group.PREFERENCES and method in facts["methods"]


def of_run(run: TrainingRun) -> Yardstick:
    """What the losses of `run` are measured with."""
    return Yardstick.of(run.config, run.dataset_id, f"{run.base_model_id} {run.base_revision}")


def differences(yardsticks: Sequence[Yardstick]) -> list[str]:
    """What differs between any of them, each named once."""
    return list(dict.fromkeys(what for other in yardsticks[1:] for what in yardsticks[0].differs_from(other)))
