"""Training LoRA adapters in PyTorch, without Django."""

from training.trainer.exceptions import TrainingError
from training.trainer.loop import train

__all__ = ["TrainingError", "train"]
