"""Keeping models loaded between jobs."""

from __future__ import annotations

import gc
from collections import OrderedDict
from collections.abc import Callable

import torch

from generation.engine.engine import Engine
from generation.specs import ModelSpec


class EngineCache:
    """Engines owned by one worker process, the least recently used leaving first.

    With the default `capacity` of 1 the old model is freed before the new one is loaded.
    """

    def __init__(self, capacity: int = 1, make: Callable[[ModelSpec], Engine] = Engine) -> None:
        if capacity < 1:
            raise ValueError("The cache must hold at least one engine.")
        self._capacity = capacity
        self._make = make
        self._engines: OrderedDict[ModelSpec, Engine] = OrderedDict()

    def __len__(self) -> int:
        return len(self._engines)

    def get(self, model: ModelSpec) -> Engine:
        """The engine of exactly this model (key, path and revision), loaded if need be. Raises ModelLoadError."""
        if model not in self._engines:
            while len(self._engines) >= self._capacity:
                self.evict(next(iter(self._engines)))
            self._engines[model] = self._make(model)
        self._engines.move_to_end(model)
        return self._engines[model]

    def evict(self, model: ModelSpec) -> None:
        """Forget one engine and give its memory back; nothing happens if it is not held."""
        if self._engines.pop(model, None) is not None:
            gc.collect()
            if torch.cuda.is_initialized():
                torch.cuda.empty_cache()

    def clear(self) -> None:
        """Forget all engines."""
        for model in list(self._engines):
            self.evict(model)
