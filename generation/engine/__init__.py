"""MusicGen in pure PyTorch: loading, decoding, adapters. Imports torch, and nothing of Django.

What is offered here is loaded when it is asked for, so that `taste` and `exceptions` load no torch.

engine      specs in, clips out; what is decoded together; engines kept between jobs
batch       the decode loop, its progress, and the jobs that stop
decoder     one pass of the decoder, and its caches
weights     the matrices of that pass, with the changes of adapters
sampling    guidance, filters, and the draw
delay       the pattern in which codebooks lag behind one another
clip        one clip while it is made, window by window
text        from a prompt to what the decoder attends to
codec       from codes to sound and back
hidden      what the base makes of a clip that is there
taste       from what is heard in clips to how much they are liked
adapters    from a folder to changes of weights, and whether they change anything
loading     from a folder to a model that is whole

One step of decoding is `Batch._step` in `batch`, `BatchDecoder.step` in `decoder`, `Projection` in `weights`, and
`Sampler.draw` in `sampling`.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

# Threads that wait for one another shall sleep, not spin: on shared cores spinning slows decoding several times over.
# OpenMP reads this once, when torch loads it.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

if TYPE_CHECKING:
    from generation.engine.engine import Engine, EngineCache
    from generation.engine.exceptions import (
        AdapterError,
        EngineError,
        InvalidSpec,
        ModelLoadError,
        NotFinite,
        OutOfMemory,
    )

__all__ = [
    "AdapterError",
    "Engine",
    "EngineCache",
    "EngineError",
    "InvalidSpec",
    "ModelLoadError",
    "NotFinite",
    "OutOfMemory",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = "engine" if name in ("Engine", "EngineCache") else "exceptions"
    return getattr(import_module(f"{__name__}.{home}"), name)
