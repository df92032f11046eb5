"""Errors of the engine. Every message is one a user may read: what happened, and what to change."""

from __future__ import annotations

from generation.specs import EngineError, InvalidSpec

__all__ = ["AdapterError", "EngineError", "InvalidSpec", "ModelLoadError", "NotFinite", "OutOfMemory"]


class ModelLoadError(EngineError):
    """The model folder cannot be turned into a working model."""


class AdapterError(EngineError):
    """An adapter folder cannot be applied to this model."""


class OutOfMemory(EngineError):
    """The device has too little memory for the smallest possible batch."""


class NotFinite(EngineError):
    """The model computed something that is no number."""
