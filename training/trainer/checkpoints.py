"""Checkpoints: everything needed to go on exactly where a run was, as safetensors and JSON.

A checkpoint is a folder `step-000123` with the adapter as peft stores it, the optimizer's tensors and the random
generators in `state.safetensors`, and plain values in `progress.json`. It appears under its name only when it is whole.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from peft import PeftModel
from peft.utils import load_peft_weights, set_peft_model_state_dict
from safetensors.torch import load_file, save_file
from torch import Tensor

from training.trainer.lora import save_adapter

STATE_FILE, PROGRESS_FILE = "state.safetensors", "progress.json"
PREFIX = "step-"


@dataclass(slots=True)
class Progress:
    """Where a run is. `best_value` is the lowest held-out loss so far, at `best_step`; 0 is the untrained state.

    `awaited_value` is the loss that has to be undercut for patience to begin anew, `waited` counts evaluations that did
    not. `untrained_value` is the held-out loss before the first step. `unjudged` holds the metrics of a step whose
    evaluation is due: a run that was stopped then begins with it. `kl` is how far the policy was from the reference in
    the last step, in nats per code.
    """

    step: int = 0
    best_step: int = 0
    best_value: float = float("inf")
    awaited_value: float = float("inf")
    waited: int = 0
    untrained_value: float | None = None
    unjudged: dict[str, float] | None = None
    kl: float = 0.0


def save_checkpoint(folder: Path, model: PeftModel, optimizer: torch.optim.Optimizer, progress: Progress) -> Path:
    """Store a checkpoint under `folder` and return where it is."""
    path = folder / f"{PREFIX}{progress.step:06d}"
    partial = folder / f".{path.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    save_adapter(model, partial)
    save_file(_state(optimizer), partial / STATE_FILE)
    (partial / PROGRESS_FILE).write_text(json.dumps(asdict(progress)))
    shutil.rmtree(path, ignore_errors=True)
    os.replace(partial, path)
    return path


def load_checkpoint(path: Path, model: PeftModel, optimizer: torch.optim.Optimizer) -> Progress:
    """Bring `model`, `optimizer` and the random generators to where they were."""
    set_peft_model_state_dict(model, load_peft_weights(str(path), device="cpu"))
    tensors = load_file(path / STATE_FILE)
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        kind, _, rest = key.partition("/")
        if kind == "optimizer":
            index, slot = rest.split("/")
            state.setdefault(int(index), {})[slot] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
    torch.set_rng_state(tensors["rng/cpu"])
    if "rng/cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["rng/cuda"])
    return Progress(**json.loads((path / PROGRESS_FILE).read_text()))


def checkpoints(folder: Path) -> list[Path]:
    """All whole checkpoints, oldest first."""
    return sorted(path for path in folder.glob(f"{PREFIX}*") if (path / PROGRESS_FILE).is_file())


def prune(folder: Path, *, keep: int, best_step: int) -> None:
    """Remove all but the newest `keep` checkpoints and the best one."""
    for path in checkpoints(folder)[:-keep]:
        if path.name != f"{PREFIX}{best_step:06d}":
            shutil.rmtree(path)


def checkpoint_of(folder: Path, step: int) -> Path:
    return folder / f"{PREFIX}{step:06d}"


def _state(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    tensors = {
        f"optimizer/{index}/{slot}": torch.as_tensor(value).detach().cpu().contiguous()
        for index, slots in optimizer.state_dict()["state"].items()
        for slot, value in slots.items()
    }
    tensors["rng/cpu"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["rng/cuda"] = torch.cuda.get_rng_state()
    return tensors
