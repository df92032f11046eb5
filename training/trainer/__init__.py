"""Training LoRA adapters in PyTorch, without Django; and learning tastes in numpy, which loads no torch."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from training.trainer.exceptions import TrainingError
    from training.trainer.loop import train

__all__ = ["TrainingError", "train"]
_HOMES = {"TrainingError": "exceptions", "train": "loop"}


def __getattr__(name: str) -> Any:
    """What the package offers, loaded when it is asked for: pages ask what to hear next where no torch is."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
