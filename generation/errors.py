"""What the engine raises of what it is asked for, where it can be caught without torch."""

from __future__ import annotations


class EngineError(Exception):
    """Base of all errors raised on purpose by the engine."""


class InvalidSpec(EngineError):
    """A sample specification that this model cannot fulfil, or files that say nothing to it."""
