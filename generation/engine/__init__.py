"""MusicGen in pure PyTorch: loading, decoding, adapters. Imports torch, and nothing of Django."""

from generation.engine.engine import Engine
from generation.engine.engine_cache import EngineCache
from generation.engine.exceptions import AdapterError, EngineError, InvalidSpec, ModelLoadError, OutOfMemory

__all__ = [
    "AdapterError",
    "Engine",
    "EngineCache",
    "EngineError",
    "InvalidSpec",
    "ModelLoadError",
    "OutOfMemory",
]
