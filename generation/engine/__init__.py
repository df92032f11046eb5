"""MusicGen in pure PyTorch: loading, decoding, adapters. Imports torch, and nothing of Django."""

import os

# Threads that wait for one another shall sleep, not spin: on shared cores spinning slows decoding several times over.
# OpenMP reads this once, when torch loads it.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from generation.engine.engine import Engine, EngineCache
from generation.engine.exceptions import AdapterError, EngineError, InvalidSpec, ModelLoadError, NotFinite, OutOfMemory

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
