"""Training checkpoints as one safetensors file: parameters, optimizer state, and plain values in its metadata."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn


def save_checkpoint(
    path: Path, model: nn.Module, optimizers: list[torch.optim.Optimizer], progress: dict[str, Any]
) -> None:
    """Write `model`, the optimizers' tensors and `progress` (JSON values) to `path`, replacing it at once."""
    tensors = {f"model/{name}": value.detach().contiguous().clone() for name, value in model.state_dict().items()}
    for index, optimizer in enumerate(optimizers):
        for key, slots in optimizer.state_dict()["state"].items():
            for slot, value in slots.items():
                tensors[f"optimizer/{index}/{key}/{slot}"] = torch.as_tensor(value).detach().contiguous().clone()
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    save_file(tensors, partial, metadata={"progress": json.dumps(progress)})
    os.replace(partial, path)


def load_checkpoint(
    path: Path, model: nn.Module, optimizers: list[torch.optim.Optimizer] | None = None
) -> dict[str, Any]:
    """Load what `save_checkpoint` wrote into `model` (and `optimizers`), and return its `progress`."""
    with safe_open(path, framework="pt") as archive:
        progress = json.loads(archive.metadata()["progress"])
        weights = {key[6:]: archive.get_tensor(key) for key in archive.keys() if key.startswith("model/")}  # noqa: SIM118
        slots = {key: archive.get_tensor(key) for key in archive.keys() if key.startswith("optimizer/")}  # noqa: SIM118
    model.load_state_dict(weights)
    for index, optimizer in enumerate(optimizers or []):
        state: dict[int, dict[str, torch.Tensor]] = {}
        for key, value in slots.items():
            _, owner, parameter, slot = key.split("/")
            if int(owner) == index:
                state.setdefault(int(parameter), {})[slot] = value
        optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
    return progress
