"""What is loaded and kept, and how it is told that a device's memory does not suffice."""

from __future__ import annotations

import gc
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

import torch

S = TypeVar("S", bound=Hashable)
L = TypeVar("L")


def is_memory_failure(error: BaseException) -> bool:
    """A GPU raises its own class; the CPU allocator a plain RuntimeError."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "DefaultCPUAllocator" in str(error)


class LoadedCache(Generic[S, L]):
    """Models owned by one worker process, by what they were loaded from; the least recently used leaves first.

    With the default `capacity` of 1 the old one is freed before the new one is loaded.
    """

    def __init__(self, capacity: int, make: Callable[[S], L]) -> None:
        if capacity < 1:
            raise ValueError("The cache must hold at least one model.")
        self._capacity = capacity
        self._make = make
        self._loaded: OrderedDict[S, L] = OrderedDict()

    def __len__(self) -> int:
        return len(self._loaded)

    def get(self, spec: S) -> L:
        """What `spec` is, loaded if need be. Raises ModelLoadError."""
        if spec not in self._loaded:
            while len(self._loaded) >= self._capacity:
                self.evict(next(iter(self._loaded)))
            self._loaded[spec] = self.load(spec)
        self._loaded.move_to_end(spec)
        return self._loaded[spec]

    def load(self, spec: S) -> L:
        return self._make(spec)

    def evict(self, spec: S) -> None:
        """Forget one and give its memory back; nothing happens if it is not held."""
        if self._loaded.pop(spec, None) is not None:
            gc.collect()
            if torch.cuda.is_initialized():
                torch.cuda.empty_cache()

    def clear(self) -> None:
        """Forget all of them."""
        for spec in list(self._loaded):
            self.evict(spec)
